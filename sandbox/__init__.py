"""The sandbox: a private network, mount, process and cgroup namespace in which libvirtd, the hosts and Pulumi run."""
