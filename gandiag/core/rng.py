"""The only place that makes a random generator: one seed, one stream per name.

A stream is keyed by the *names* of its consumer, never by the order of calls, so that adding a metric, a sampler or
a draw changes no other number.
"""

from __future__ import annotations

import hashlib

import numpy as np

from gandiag.core.checks import require_seed

_WORDS = 4


def stream(seed: int, *names: str) -> np.random.Generator:
    """Make the generator that belongs to ``names`` under ``seed``.

    Parameters
    ----------
    seed : int
        The report's seed, at least 0.
    *names : str
        Path of the consumer, such as ``("metric", "mmd")``.

    Returns
    -------
    numpy.random.Generator
        The same for the same arguments on every machine; independent of every other path's stream.
    """
    require_seed(seed)
    # The separator cannot occur in a name, so ("ab", "c") and ("a", "bc") differ.
    digest = hashlib.sha256("\x1f".join(names).encode("utf-8", "surrogateescape")).digest()
    key = tuple(int.from_bytes(digest[4 * i : 4 * i + 4], "little") for i in range(_WORDS))
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=key)))
