"""`./lab cis`: kube-bench on every node, and what of its failures is meant to stay."""
