"""Samplers that are wrong in one known way, with a severity dial: each wraps a sampler."""
