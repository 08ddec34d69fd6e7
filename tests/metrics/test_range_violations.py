from __future__ import annotations

from math import comb

import numpy as np
import pytest

from gandiag.core.comparison import Comparison
from gandiag.core.results import KnownNull
from gandiag.metrics.range_violations import measure


def comparison(outside: np.ndarray | None) -> Comparison:
    rng = np.random.default_rng(0)
    return Comparison(real=rng.random((50, 2)), fake=rng.random((40, 2)), fit=rng.random((20, 2)), outside=outside)


def test_the_p_value_is_fishers() -> None:
    measurement = measure(comparison(np.arange(40) < 3), rng=np.random.default_rng(0))
    assert measurement.estimate == pytest.approx(3 / 40)
    assert isinstance(measurement.null, KnownNull)
    assert measurement.null.p_value is not None
    # All three rows outside fall on the fake side by chance: C(40, 3) / C(90, 3).
    assert measurement.null.p_value.value == pytest.approx(comb(40, 3) / comb(90, 3), rel=1e-10)
    assert measurement.null.p_value.value != pytest.approx((40 / 90) ** 3, rel=1e-3)


def test_no_violation_gives_p_one() -> None:
    null = measure(comparison(np.zeros(40, dtype=bool)), rng=np.random.default_rng(0)).null
    assert isinstance(null, KnownNull)
    assert null.p_value is not None
    assert null.p_value.value == 1.0


def test_without_a_declared_range_it_is_undefined_with_a_reason() -> None:
    measurement = measure(comparison(None), rng=np.random.default_rng(0))
    assert measurement.status == "undefined"
    assert "range" in measurement.reasons["estimate"]
