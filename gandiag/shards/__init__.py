"""One score from many processes: shards make states, states merge, and the merged state makes the report."""
