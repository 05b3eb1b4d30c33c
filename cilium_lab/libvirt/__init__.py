"""Objects of libvirt: what they are called, whose they are, what is in the way, and what heals."""
