"""The alarms, one per file."""
