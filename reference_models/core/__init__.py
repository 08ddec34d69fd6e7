"""What all models share: randomness, data, the loop, checkpoints."""
