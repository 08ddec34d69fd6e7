"""Figures and tables of papers, run again: one command and one figure each."""
