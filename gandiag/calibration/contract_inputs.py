"""The comparisons on which a metric has to keep the contract: an ordinary pair, witnesses, and degenerate ones."""

from __future__ import annotations

import numpy as np

from gandiag.calibration.laws import Matrix
from gandiag.core.comparison import Comparison

SIDES = ("real", "fake", "fit", "train")


def ordinary_pair(n: int = 120, m: int = 90, d: int = 3, shift: float = 0.8, seed: int = 0) -> Comparison:
    """Draw two normal samples that differ in place and spread, of unequal size."""
    rng = np.random.default_rng(seed)
    return Comparison(
        real=rng.normal(size=(n, d)),
        fake=rng.normal(size=(m, d)) * 1.3 + shift,
        fit=rng.normal(size=(80, d)),
        train=rng.normal(size=(100, d)),
        outside=np.arange(m) < 7,
    )


def _four_modes(rng: np.random.Generator, rows: int, modes: int = 4) -> Matrix:
    centres = np.array([[4.0, 0, 0], [-4, 0, 0], [0, 4, 0], [0, -4, 0]])
    out: Matrix = centres[rng.integers(modes, size=rows)] + 0.3 * rng.normal(size=(rows, 3))
    return out


def witnesses() -> list[Comparison]:
    """Draw comparisons among which every property that is not declared must break at least once."""
    rng = np.random.default_rng(11)
    real, fit, train = (_four_modes(rng, 120) for _ in range(3))
    repeated = np.repeat(_four_modes(rng, 40), 3, axis=0)
    copied = np.concatenate([real[:50], train[:20], _four_modes(rng, 50)])
    fakes = [_four_modes(rng, 120, modes=2), repeated, copied, 0.5 * _four_modes(rng, 120) + 1.0]
    # The wide one: a critic that tells more of one side than of the other.
    fakes.append(np.concatenate([_four_modes(rng, 90), 30.0 * rng.normal(size=(30, 3))]))
    fakes.append(np.concatenate([np.repeat(real[:1], 6, axis=0), _four_modes(rng, 114)]))
    outside = np.arange(120) < 9
    return [
        ordinary_pair(n=100, m=100),
        *(Comparison(real=real, fit=fit, train=train, fake=fake, outside=outside) for fake in fakes),
    ]


DEGENERATE = (
    "constant column",
    "constant fake",
    "constant real",
    "all equal",
    "duplicated rows",
    "more columns than rows",
    "one column",
    "binary",
    "far from the origin",
    "huge",
    "tiny",
    "two rows",
)


def degenerate(kind: str) -> Comparison:
    """Draw one comparison of the kinds in `DEGENERATE`."""
    rng = np.random.default_rng(5)
    normal = {side: rng.normal(size=(60, 4)) for side in SIDES}
    ones = np.ones((60, 4))
    cases = {
        "constant column": {side: np.column_stack([x[:, :3], np.ones(60)]) for side, x in normal.items()},
        "constant fake": normal | {"fake": ones},
        "constant real": normal | {"real": ones, "fit": ones, "train": ones},
        "all equal": dict.fromkeys(SIDES, ones),
        "duplicated rows": {side: np.repeat(x[:20], 3, axis=0) for side, x in normal.items()},
        "more columns than rows": {side: rng.normal(size=(20, 50)) for side in normal},
        "one column": {side: x[:, :1] for side, x in normal.items()},
        "binary": {side: (x > 0).astype(float) for side, x in normal.items()},
        "far from the origin": {side: x + 1e6 for side, x in normal.items()},
        "huge": {side: x * 1e8 for side, x in normal.items()},
        "tiny": {side: x * 1e-8 for side, x in normal.items()},
        "two rows": {side: x[:2] for side, x in normal.items()},
    }
    at = cases[kind]
    outside = np.zeros(len(at["fake"]), dtype=bool)
    return Comparison(real=at["real"], fake=at["fake"], fit=at["fit"], train=at["train"], outside=outside)
