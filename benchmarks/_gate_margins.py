"""Samplers that are as bad as a declared margin: one for each condition of the default gate."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Rows = np.ndarray[Any, Any]
# Real rows (values, classes), fake rows, and training rows where the condition needs them.
Scene = tuple[tuple[Rows, Rows], Rows, Rows | None]

_CENTRES = np.stack([10.0 * np.cos(np.arange(8)), 10.0 * np.sin(np.arange(8))], axis=1)


def _modes(rng: np.random.Generator, rows: int, rare: float, width: float = 1.0) -> tuple[Rows, Rows]:
    """Draw from eight modes, the first of which has a share of its own."""
    shares = np.array([rare, *[(1.0 - rare) / 7.0] * 7])
    modes = rng.choice(8, size=rows, p=shares)
    return _CENTRES[modes] + width * rng.normal(size=(rows, 2)), modes


def _scene(rng: np.random.Generator, n: int, fake: Rows, rare: float = 0.125) -> Scene:
    return _modes(rng, n + n // 3, rare), fake, None


def lost_mode(share: float) -> Callable[[np.random.Generator, int], Scene]:
    """A mode of that share is never drawn."""
    return lambda rng, n: _scene(rng, n, _modes(rng, n, 0.0)[0], rare=share)


def widths(ratio: float) -> Callable[[np.random.Generator, int], Scene]:
    """Modes are that much wider."""
    return lambda rng, n: _scene(rng, n, _modes(rng, n, 0.125, ratio)[0])


def repeated(share: float, jitter: float = 0.0) -> Callable[[np.random.Generator, int], Scene]:
    """A share of the rows are copies of others."""

    def draw(rng: np.random.Generator, n: int) -> Scene:
        fake = _modes(rng, n, 0.125)[0]
        count = round(share * n)
        fake[:count] = fake[count : 2 * count] + jitter * rng.normal(size=(count, 2))
        return _scene(rng, n, rng.permutation(fake))

    return draw


def held_out(share: float) -> Callable[[np.random.Generator, int], Scene]:
    """A share of the rows are held-out rows, of which a quarter is set aside."""

    def draw(rng: np.random.Generator, n: int) -> Scene:
        real, fake, _ = _scene(rng, n, _modes(rng, n, 0.125)[0])
        count = round(share * len(real[0]))
        fake[:count] = real[0][rng.choice(len(real[0]), size=count, replace=False)]
        return real, fake, None

    return draw


def moved(shift: float) -> Callable[[np.random.Generator, int], Scene]:
    """Everything lies to one side, in standard deviations of a normal law in the plane."""

    def draw(rng: np.random.Generator, n: int) -> Scene:
        real, fake = rng.normal(size=(n + n // 3, 2)), rng.normal(size=(n, 2))
        fake[:, 0] += shift
        return (real, np.zeros(len(real), dtype=int)), fake, None

    return draw


def scattered(share: float) -> Callable[[np.random.Generator, int], Scene]:
    """A share of the rows lie far from all others."""

    def draw(rng: np.random.Generator, n: int) -> Scene:
        fake = _modes(rng, n, 0.125)[0]
        count = round(share * n)
        fake[:count] = rng.uniform(40.0, 80.0, size=(count, 2))
        return _scene(rng, n, rng.permutation(fake))

    return draw


def copied(share: float) -> Callable[[np.random.Generator, int], Scene]:
    """A share of the rows are training rows."""

    def draw(rng: np.random.Generator, n: int) -> Scene:
        train, real, fake = (rng.normal(size=(rows, 4)) for rows in (n, n, n))
        count = round(share * n)
        fake[:count] = train[rng.choice(n, size=count, replace=False)]
        return (real, np.zeros(n, dtype=int)), fake, train

    return draw


def nine_modes(rng: np.random.Generator, rows: int, rare: float) -> Rows:
    """Draw from nine modes on a ring, each 6.8 sd from its neighbours, the first of which has a share of its own."""
    angles = 2.0 * np.pi * rng.choice(9, size=rows, p=np.array([rare, *[(1.0 - rare) / 8.0] * 8])) / 9.0
    return 10.0 * np.stack([np.cos(angles), np.sin(angles)], axis=1) + rng.normal(size=(rows, 2))


# Of the rare mode, in the samplers that are judged without labels.
RARE = {"as real: the rare mode has 2 %": 0.02, "the rare mode is lost": 0.0}

# Condition -> what was planted, in words, and how. A shift of 0.42 has a squared kernel distance of 0.02, one of 0.36
# an excess of 0.2 in the sliced distance, and one of 0.52 gives the best critic an advantage of 0.2.
MARGINS: dict[str, tuple[str, Callable[[np.random.Generator, int], Scene]]] = {
    "mmd.p >= alpha": ("a shift of 0.42 sd", moved(0.42)),
    "c2st.p >= alpha": ("a shift of 0.52 sd", moved(0.52)),
    "sliced_wasserstein.p >= alpha": ("a shift of 0.36 sd", moved(0.36)),
    "off_support.p >= alpha": ("5 % of the rows far from all real ones", scattered(0.05)),
    "mode_coverage.missing == 0": ("a class of 2 % lost", lost_mode(0.02)),
    "mode_coverage.p >= alpha": ("a class of 5 % lost", lost_mode(0.05)),
    "mode_spread.p >= alpha": ("modes 1.2 times as wide", widths(1.2)),
    "collisions.p >= alpha": ("1 % copies", repeated(0.01)),
    "near_duplicates.p >= alpha": ("2.5 % near copies: 5 % of the rows have a twin", repeated(0.025, 1e-6)),
    "overlap.p >= alpha": ("2 % held-out rows", held_out(0.02)),
    "data_copying.p >= alpha": ("20 % training rows", copied(0.2)),
}
