"""A loss or a score that goes round in circles with a steady period."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gandiag.monitor.alarm import AlarmSpec, Finding
from gandiag.monitor.alarms._reading import tracked
from gandiag.monitor.history import History

ROWS = 128
FEWEST_ROWS = 32
FEWEST_CYCLES = 3
LEVEL = 1e-5
STRENGTH = 0.3
EVERY = 8


def fisher_g(values: NDArray[Any]) -> tuple[float, float, float]:
    """Test a series for one hidden period: Fisher's g.

    Parameters
    ----------
    values : ndarray, shape (n,)
        Evenly spaced.

    Returns
    -------
    share : float
        The largest ordinate of the periodogram as a share of all: 1 for a pure sinusoid.
    period : float
        Its period, in spacings.
    p : float
        ``m (1 - g)^(m - 1)`` for the ``m`` frequencies strictly between 0 and the highest: the first term of the exact
        law under Gaussian white noise (Fisher 1929). It bounds the sum, and is all of it where g > 1/2.
    """
    n = len(values)
    power = np.abs(np.fft.rfft(values - np.mean(values)))[1 : (n - 1) // 2 + 1] ** 2
    total = float(power.sum())
    if total <= 0.0:
        return 0.0, math.inf, 1.0
    peak = int(power.argmax())
    g, m = float(power[peak]) / total, len(power)
    p = min(1.0, m * max(0.0, 1.0 - g) ** (m - 1))
    return g, n / (peak + 1), p


def whitened(values: NDArray[Any]) -> NDArray[np.float64]:
    """Take a straight line and first-order autocorrelation out: slow noise has a peak of its own at low frequencies."""
    t = np.arange(len(values), dtype=np.float64)
    rest = np.asarray(values, dtype=np.float64) - np.polyval(np.polyfit(t, values, 1), t)
    energy = float(rest[:-1] @ rest[:-1])
    phi = min(max(float(rest[1:] @ rest[:-1]) / energy if energy > 0.0 else 0.0, -0.99), 0.99)
    return rest[1:] - phi * rest[:-1]


def line_share(values: NDArray[Any], period: float) -> float:
    """Give the share of the variance about a straight line that a sinusoid of that period explains."""
    t = np.arange(len(values), dtype=np.float64)
    angle = 2.0 * np.pi * t / period
    columns = np.stack([np.ones_like(t), t, np.cos(angle), np.sin(angle)], axis=1)
    spread = [
        float(((values - c @ np.linalg.lstsq(c, values, rcond=None)[0]) ** 2).sum()) for c in (columns[:, :2], columns)
    ]
    return 1.0 - spread[1] / spread[0] if spread[0] > 0.0 else 0.0


def ask(history: History) -> Finding | None:
    """Test the last rows of every loss and of the value, at every eighth row: the tests overlap anyway."""
    if not len(history) or len(history) % EVERY:
        return None
    names = [*tracked(history, "loss/"), *(["value"] if "value" in history.names("value") else [])]
    for name in names:
        series = history.series(name, last=ROWS)
        if len(series) < FEWEST_ROWS:
            continue
        finding = _of(name, series)
        if finding is not None:
            return finding
    return None


def _of(name: str, series: list[tuple[int, float]]) -> Finding | None:
    steps, values = np.array([s for s, _ in series]), np.array([v for _, v in series])
    _, period, p = fisher_g(whitened(values))
    share = line_share(values, period)
    if p > LEVEL or share < STRENGTH or len(values) / period < FEWEST_CYCLES:
        return None
    spacing = float(np.median(np.diff(steps)))
    return Finding(
        sentence=f"{name} repeats about every {period * spacing:.0f} steps, which is {share:.0%} of its variance",
        evidence={"name": name, "period": period * spacing, "share": share, "p": p, "rows": len(values)},
    )


ALARM = AlarmSpec(
    name="oscillation",
    meaning="The players chase each other in circles: a loss or the value of the game repeats with a steady period.",
    ask=ask,
    after=frozenset({"train", "score"}),
    false_alarms=f"{LEVEL:g} per test and series for Gaussian first-order autoregressive noise about a straight line, "
    "whose autocorrelation is estimated",
    wrong_when="something else has that period: a learning rate that cycles, or a pass through unshuffled data",
)
