"""Fixed maps from samples to vectors: one per file."""
