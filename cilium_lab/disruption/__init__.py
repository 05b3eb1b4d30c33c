"""Measures what users of a Service notice while a cluster changes, and keeps the record of one change.

`targets` has what probe runners request and from where, `probing` starts and ends them, `record` and `probe_lines` have
the record's format, `report` shows it. A probe runner is a process of `probe run` (airgap/modules/probe): on hosts a
systemd unit, in the cluster a pod. Both go on when the program that started them is killed, and the next run takes them
over. The standard library is enough for everything but the report's page.
"""
