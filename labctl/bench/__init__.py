"""Measures the running lab: migrations under probes, beside the study's own procedure, and killed migrations."""
