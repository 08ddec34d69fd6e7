"""``python -m gandiag``."""

from gandiag.cli import main

main()
