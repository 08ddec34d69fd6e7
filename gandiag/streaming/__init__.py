"""Metrics as streams: one per file, named like the metric. See `gandiag.core.streams`."""
