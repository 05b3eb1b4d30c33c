"""Measures what users of a Service notice while a cluster changes, and keeps the record of one change.

The asking is done by `probe run` (airgap/modules/probe): on hosts as a systemd unit, in the cluster as a pod. Both go
on when whoever started them is killed, and are taken over by the next run. Nothing here imports Pulumi but `component`.
"""
