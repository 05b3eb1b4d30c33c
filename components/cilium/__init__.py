"""Cilium: its Helm values, its IPAM modes and how it is installed."""
