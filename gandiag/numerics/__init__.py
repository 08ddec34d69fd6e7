"""Mathematics on arrays: arrays in, arrays out. Knows nothing of samples, names or results."""
