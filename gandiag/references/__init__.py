"""References: the real side of a score, mapped to features once and kept in a file that says how."""
