"""Bundled data with known answers, all of it made or shipped offline: one law or set per file."""
