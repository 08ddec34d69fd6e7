"""The gate: whether a sampler may pass, with a declared rate of false alarms."""
