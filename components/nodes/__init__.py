"""What makes a machine a host of the lab: programs and images, and the router."""
