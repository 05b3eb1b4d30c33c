"""Container images without a container engine: the writer, and what goes into each image."""
