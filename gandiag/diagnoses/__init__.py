"""Questions: each reads results and answers in words. One per file."""
