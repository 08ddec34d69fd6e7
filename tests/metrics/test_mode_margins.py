"""What the gate's condition on missing modes can see: rows of other classes may hide that one is lost."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from gandiag.core.comparison import Comparison
from gandiag.core.results import OPTIONAL_FIELDS, Result
from gandiag.metrics.mode_coverage import METRIC, measure

Matrix = NDArray[np.float64]
Labels = NDArray[np.int64]
MISSING = METRIC.gate["missing"]


def touching(share: float, rng: np.random.Generator, n: int) -> tuple[Matrix, Labels]:
    """Draw two classes three widths apart, the second of which has that share, and a third far away."""
    labels = rng.choice(3, size=n, p=[0.5, share, 0.5 - share])
    return np.array([[0.0, 0.0], [3.0, 0.0], [0.0, 30.0]])[labels] + rng.normal(size=(n, 2)), labels


def judged_without_the_second(share: float, n: int = 1500) -> Result:
    (real, real_labels), (fit, fit_labels) = (touching(share, np.random.default_rng(s), n) for s in (30, 31))
    fake = touching(0.0, np.random.default_rng(32), n)[0]
    found = measure(
        Comparison(real=real, fake=fake, fit=fit, fit_labels=fit_labels, real_labels=real_labels),
        rng=np.random.default_rng(0),
    )
    return Result(
        metric="mode_coverage",
        estimate=found.estimate,
        kind=METRIC.kind,
        direction=METRIC.direction,
        unit=METRIC.unit,
        details=found.details,
        reasons=dict.fromkeys(OPTIONAL_FIELDS, "not asked for"),
    )


def smallest(result: Result) -> float:
    assert MISSING.smallest is not None
    seen = MISSING.smallest(result, 0.001, 0.95)
    assert seen is not None
    return seen


def test_a_rare_class_whose_loss_its_neighbour_would_hide_is_told_to_be_out_of_sight() -> None:
    rare = judged_without_the_second(0.02)
    assert [mode["leak"] > 0.001 for mode in rare.details["modes"]] == [True, True, False]
    assert smallest(rare) > 0.02
    # The negative control: blind to what leaks, the loss of far less would be called visible.
    clean = [mode | {"leak": 0.0, "own_here": mode["own"]} for mode in rare.details["modes"]]
    assert smallest(replace(rare, details={**rare.details, "modes": clean})) < 0.02


def test_a_common_class_beside_another_is_seen_to_be_lost() -> None:
    lost = judged_without_the_second(0.2)
    assert lost.details["missing"] == ["class 1"]
    assert MISSING.p_value is not None
    assert MISSING.p_value(lost) < 1e-20
    assert smallest(lost) < 0.05
