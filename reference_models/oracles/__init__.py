"""Laws and games whose answers are known exactly, and against which models and metrics are tested."""
