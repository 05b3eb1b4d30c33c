"""What is done on a host by remote command: programs, preparation to be a node, the router's part."""
