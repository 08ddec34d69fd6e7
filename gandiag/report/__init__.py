"""Renderings of a report: terminal, JSON, HTML."""
