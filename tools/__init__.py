"""What makes committed files: run by hand, checked by tests."""
