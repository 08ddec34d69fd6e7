"""Null simulations: whether every p-value keeps its level."""
