"""The generator under test: eight Gaussian blobs on a ring, of which a collapsed one has lost three."""

import os

import numpy as np


def data(n, rng):
    """Draw real rows."""
    return _ring(n, rng, modes=8)


def generator(n, rng):
    """Draw from the trained generator. GENERATOR=collapsed or =broken shows what the gate says of those."""
    kind = os.environ.get("GENERATOR", "healthy")
    rows = _ring(n, rng, modes=5 if kind == "collapsed" else 8)
    if kind == "broken":
        rows[0] = np.nan
    return rows


def _ring(n, rng, modes):
    angle = 2 * np.pi * rng.integers(modes, size=n) / 8
    return np.column_stack([np.cos(angle), np.sin(angle)]) + 0.05 * rng.standard_normal((n, 2))
