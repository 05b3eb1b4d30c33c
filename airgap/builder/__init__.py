"""Builds artifacts by recipes, caches each by the key of its inputs, and resumes after an interruption."""
