"""How samples arrive: one adapter per file."""
