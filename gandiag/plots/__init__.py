"""Figures: a finished report in, matplotlib axes out. One per file."""
