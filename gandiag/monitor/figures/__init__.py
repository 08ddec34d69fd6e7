"""Figures of a run: a history in, one panel out. One per file."""
