"""Modes captured: how many modes hold more fake samples than misplaced ones explain.

The literature counts a mode with a single sample of high quality as captured (Srivastava et al. 2017, "VEEGAN",
section 4; Lin et al. 2018, "PacGAN", section 4.1). That count grows with the number of draws and with every error of
the rule that assigns rows to modes: with a classifier that is wrong in 1 % of cases per digit, a sampler of 100 of 1000
stacked digits "captures" 533. Here a mode counts when its rows reject ``Binomial(m, leak)`` at level ``0.05 / K``,
with the leak read off the real rows' classes where these are given; without leak this is the raw count, which stands
in the details in any case, with what a perfect sampler scores.
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
from gandiag.numerics.contingency import chi_square_homogeneity
from gandiag.numerics.mode_protocols import expected_missing, fewest_rows

Vector = NDArray[np.float64]
Labels = NDArray[np.bool_]


def measure(comparison: Comparison, /, *, rng: np.random.Generator) -> Measurement:
    """Measure the corrected number of captured modes; tested by the homogeneity of both mode histograms."""
    found = assigned(comparison)
    leak = _leak(found, comparison)
    needed = fewest_rows(leak, comparison.m)
    observed = found.is_real[:, None]
    return Measurement(
        estimate=float(_statistic(found, needed)(observed)[0, 0]),
        null=Relabelling(observed=found.is_real, statistic=_statistic(found, needed), worse="less"),
        reasons={"e_value": "not a sequential test", "interval": "a count of modes grows with the number of draws"},
        details=_details(found, leak, needed, comparison),
        arrays={"counts": np.concatenate(found.counts(observed), axis=1).T, "needed": needed},
    )


def _statistic(found: Assigned, needed: Vector) -> Callable[[Labels], NDArray[np.float64]]:
    def statistic(labels: Labels) -> NDArray[np.float64]:
        real, fake = found.counts(labels)
        captured = (fake >= needed[:, None]).sum(axis=0).astype(np.float64)
        held = (real[:, 0] + fake[:, 0]) > 0
        apart = chi_square_homogeneity(real[held], (real + fake)[held, 0]) if held.any() else np.zeros(len(captured))
        return np.stack([captured, apart])

    return statistic


def _leak(found: Assigned, comparison: Comparison) -> Vector:
    """Estimate how often rows of other classes are put in each mode, from the real rows' classes."""
    classes, labels = found.model.classes, comparison.real_labels
    if classes is None or labels is None:
        return np.zeros(len(found.model))
    put = found.modes[: comparison.n]
    wrong = (classes[put] != labels) & found.within[: comparison.n]
    others = comparison.n - np.array([int((labels == c).sum()) for c in classes])
    out: Vector = np.bincount(put[wrong], minlength=len(classes)) / np.maximum(others, 1)
    return out


def _details(found: Assigned, leak: Vector, needed: Vector, comparison: Comparison) -> dict[str, Any]:
    real, fake = (counts[:, 0] for counts in found.counts(found.is_real[:, None]))
    weights = found.model.weights
    shares = np.asarray(weights if weights is not None else (real + 0.5) / (real + 0.5).sum(), dtype=np.float64)
    return {
        "source": found.model.kind,
        "n_modes": len(found.model),
        "captured_raw": int((fake > 0).sum()),
        "captured_real": int((real >= needed).sum()),
        "not_captured": [found.model.names[k] for k in np.flatnonzero(fake < needed)[:50]],
        "missing_for_a_perfect_sampler": expected_missing(shares / shares.sum(), comparison.m),
        "largest_leak": float(leak.max()),
        "most_rows_needed": int(needed.max()),
    }


METRIC = MetricSpec(
    name="modes_captured",
    title="Modes captured",
    summary="How many modes do the samples reach, beyond what misplaced samples explain?",
    measure=measure,
    kind="index",
    direction="higher",
    unit="modes",
    low=0.0,
    high=None,
    family="modes",
    topic="modes",
    symmetric=False,
    scale_invariant=True,
    zero_on_equal=False,
    min_real=2,
    min_fake=2,
    most_rows=26_000,
    default=False,
    sees="modes without samples; in its test also modes with a wrong share",
    blind_to="how many samples a captured mode holds; what happens within a mode",
    cost="O((n + m) (K d^2 + B))",
    source="Srivastava et al. 2017 (VEEGAN), section 4; Lin et al. 2018 (PacGAN), section 4.1; corrected for leaks",
)
