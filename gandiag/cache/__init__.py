"""Features that were computed once, kept on disk: found again by the content of the rows that they are of.

Nothing in here can change a score. What is read is verified, what does not verify is computed again, and where the
disk is full, read-only or gone a run goes on without the cache and says so once.
"""
