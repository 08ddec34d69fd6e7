"""The command line: one file per command; parsing and exit codes only."""
