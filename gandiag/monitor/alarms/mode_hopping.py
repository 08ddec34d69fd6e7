"""The modes that are held change from look to look: together they cover the law, one by one they do not."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc

from gandiag.monitor.alarm import AlarmSpec, Finding
from gandiag.monitor.alarms._reading import looks_with_modes
from gandiag.monitor.history import History

LOOKS = 10
FEWEST_LOOKS = 4
LEVEL = 1e-6
EFFECT = 0.2
FEWEST_LOSSES = 3


def mode_information(counts: NDArray[Any]) -> tuple[float, float, float]:
    """Measure the mutual information between the index of a checkpoint and the mode that it draws.

    ``I = H(mean_t p_t) - mean_t H(p_t)`` in nats: 0 for a sampler that stands still, ``log K`` for a rotation through
    all K modes.

    Parameters
    ----------
    counts : ndarray, shape (T, K)
        Draws per checkpoint and mode. Checkpoints count in proportion to their draws.

    Returns
    -------
    information : float
    null_mean : float
        ``(T - 1)(K - 1) / (2 N)`` with N all draws and K the modes that any checkpoint holds: what a sampler that
        stands still shows, since ``2 N I`` is then asymptotically chi-square with ``(T - 1)(K - 1)`` degrees of
        freedom (the G test of homogeneity).
    p : float
        Upper tail of that law.
    """
    table = np.asarray(counts, dtype=np.float64)
    table = table[table.sum(axis=1) > 0][:, table.sum(axis=0) > 0]
    n, (t, k) = float(table.sum()), table.shape
    if t < 2 or k < 2:
        return 0.0, 0.0, 1.0
    information = max(_entropy(table.sum(axis=0)) + _entropy(table.sum(axis=1)) - _entropy(table.ravel()), 0.0)
    degrees = (t - 1) * (k - 1)
    return information, degrees / (2.0 * n), float(chdtrc(degrees, 2.0 * n * information))


def _entropy(counts: NDArray[np.float64]) -> float:
    p = counts[counts > 0] / counts.sum()
    return float(-(p * np.log(p)).sum())


def losses(counts: NDArray[Any]) -> int:
    """Count how often a mode that was held (half of an even share) is all but gone at the next look (a tenth)."""
    table = np.asarray(counts, dtype=np.float64)
    shares = table / np.maximum(table.sum(axis=1, keepdims=True), 1.0) * table.shape[1]
    return int(((shares[:-1] >= 0.5) & (shares[1:] <= 0.1)).sum())


def ask(history: History) -> Finding | None:
    """Test the last ten looks for standing still; speak only where modes are also lost again and again."""
    looks = looks_with_modes(history, LOOKS)
    names = {tuple(look["occupancy"]["modes"]) for look in looks}
    if len(looks) < FEWEST_LOOKS or len(names) > 1:
        return None
    counts = np.array([look["occupancy"]["fake"] for look in looks])
    information, null_mean, p = mode_information(counts)
    lost = losses(counts)
    most = math.log(min(counts.shape))
    if p > LEVEL or information < EFFECT * most or lost < FEWEST_LOSSES:
        return None
    return Finding(
        sentence=f"which look it is tells {information:.2f} of at most {most:.2f} nats about the mode; modes were lost "
        f"{lost} times in {len(looks)} looks",
        evidence={
            "mutual_information": information,
            "null_mean": null_mean,
            "p": p,
            "most": most,
            "losses": lost,
            "looks": len(looks),
        },
    )


ALARM = AlarmSpec(
    name="mode_hopping",
    meaning="The generator moves from mode to mode instead of covering them: each look holds some, and others later.",
    ask=ask,
    after=frozenset({"score"}),
    false_alarms=f"under {LEVEL:g} per look for a sampler that stands still (asymptotic law of the G test); "
    "a sampler that only gains modes, or drifts slowly, has no losses and stays silent",
    wrong_when="a conditional sampler is given other classes at every look, or the latents are restricted on purpose",
)
