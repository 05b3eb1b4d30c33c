"""What the study adds to the bare cluster: storage, monitoring, and the way to Hubble's pages."""
