"""Mode divergence: how far the shares of the modes are from their target.

``KL(p || q) = sum_k p_k log(p_k / q_k)`` of the fake mode histogram p against the target q, in nats: the "reverse KL"
of Lin et al. 2018 ("PacGAN", section 4.1) and the stacked-digit tables since Metz et al. 2017 ("Unrolled GANs"). The
target is the known law where there is one, else the real rows' smoothed shares. A perfect sampler does not score 0 but
about ``(K - 1) / (2 M)`` over M draws (Miller 1955), and another ``(K - 1) / (2 n)`` where the target itself is counted
on n rows; the floor holds both.

Over K even modes of which c are captured the value lies between ``log(K / c)`` and ``log K``: published values above
``log K`` belong to another definition.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gandiag.core.comparison import Comparison
from gandiag.core.results import Measurement, Relabelling
from gandiag.core.specs import MetricSpec
from gandiag.metrics._mode_counts import Assigned, assigned
from gandiag.numerics.mode_protocols import kl_floor

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Labels = NDArray[np.bool_]

SMOOTHING = 0.5
FEWEST_ROWS = 20


def divergences(counts: Matrix, targets: Matrix) -> Vector:
    """Compute ``sum_k p_k log(p_k / q_k)`` per column, in nats; 0 for a column without counts.

    Parameters
    ----------
    counts : ndarray, shape (k, b)
    targets : ndarray, shape (k, b) or (k, 1)
        Above 0; brought to sum 1.

    Examples
    --------
    >>> import numpy as np
    >>> divergences(np.array([[5.0], [5.0], [0.0], [0.0]]), np.ones((4, 1))).round(6)
    array([0.693147])
    """
    from scipy.special import rel_entr

    shares = counts / np.where(counts.sum(axis=0) > 0, counts.sum(axis=0), 1.0)
    out: Vector = rel_entr(shares, targets / targets.sum(axis=0)).sum(axis=0)
    return np.where(counts.sum(axis=0) > 0, np.maximum(out, 0.0), 0.0)


def measure(comparison: Comparison, /, *, rng: np.random.Generator) -> Measurement:
    """Measure the divergence of the fake mode histogram from its target, with its permutation null."""
    found = assigned(comparison)
    real, fake = (counts[:, 0] for counts in found.counts(found.is_real[:, None]))
    reasons = {
        "e_value": "not a sequential test",
        "interval": "biased by about (K - 1)/(2 M); the permutation null of the value is given",
    }
    if min(real.sum(), fake.sum()) < FEWEST_ROWS:
        why = f"only {int(min(real.sum(), fake.sum()))} rows of one side lie within a mode; {FEWEST_ROWS} are needed"
        return Measurement(estimate=None, status="undefined", reasons=reasons | {"estimate": why, "p_value": why})
    statistic = _statistic(found)
    return Measurement(
        estimate=float(statistic(found.is_real[:, None])[0, 0]),
        null=Relabelling(observed=found.is_real, statistic=statistic),
        reasons=reasons,
        details=_details(found, real, fake),
        arrays={"counts": np.stack([real, fake])},
    )


def _statistic(found: Assigned) -> Callable[[Labels], Matrix]:
    weights = found.model.weights

    def statistic(labels: Labels) -> Matrix:
        real, fake = found.counts(labels)
        targets = real + SMOOTHING if weights is None else np.maximum(np.asarray(weights), 1e-12)[:, None]
        return divergences(fake, targets)[None, :]

    return statistic


def _details(found: Assigned, real: Vector, fake: Vector) -> dict[str, Any]:
    k, known = len(found.model), found.model.weights is not None
    return {
        "source": found.model.kind,
        "n_modes": k,
        "target": "known shares" if known else "shares of the real rows",
        "rows_within_modes": int(fake.sum()),
        "floor_closed_form": kl_floor(k, int(fake.sum())) + (0.0 if known else kl_floor(k, int(real.sum()))),
        "largest_possible": float(np.log(k)) if known else None,
        "jsd_nats": float(_jsd(real, fake)),
    }


def _jsd(real: Vector, fake: Vector) -> float:
    """Compute the Jensen-Shannon divergence of both histograms, in nats."""
    shares = np.stack([real / real.sum(), fake / fake.sum()], axis=1)
    held = shares.sum(axis=1) > 0
    return float(divergences(shares[held], shares[held].mean(axis=1, keepdims=True)).mean())


METRIC = MetricSpec(
    name="mode_kl",
    title="Divergence of the modes' shares",
    summary="How far the shares of the modes are from their target: the reverse KL of mode-collapse tables.",
    measure=measure,
    kind="estimate",
    direction="lower",
    unit="nats",
    low=0.0,
    high=None,
    family="modes",
    topic="modes",
    symmetric=False,
    scale_invariant=True,
    zero_on_equal=False,
    min_real=FEWEST_ROWS,
    min_fake=FEWEST_ROWS,
    most_rows=26_000,
    default=False,
    sees="modes with too small or too large a share, and missing modes",
    blind_to="what happens within a mode; samples outside every mode",
    cost="O((n + m) (K d^2 + B))",
    source="Lin et al. 2018 (PacGAN), section 4.1; floor: Miller 1955",
)
