"""Build parts once, cache them by their inputs, resume after an interruption."""
