"""What the models show: one claim, one command, one figure each."""
