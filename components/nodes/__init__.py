"""What turns a machine into a host of the lab: programs and images, and the router."""
