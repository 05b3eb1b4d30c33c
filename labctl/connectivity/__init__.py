"""Cilium's own connectivity suite, `cilium connectivity test`, on a lab that runs, with the router as the outside."""
