"""The laws of the cells and the seven faults are what their cards say."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from gandiag.calibration.alternatives import FAULTS, falls, fault_named
from gandiag.calibration.laws import LAWS, TABLE, law_named
from gandiag.errors import ConfigError


@pytest.mark.parametrize("name", LAWS)
def test_a_law_draws_finite_matrices_from_its_stream_alone(name: str) -> None:
    law = LAWS[name]
    assert law.name == name
    first, second = (law.draw(np.random.default_rng(3), 50) for _ in range(2))
    assert first.dtype == np.float64
    assert first.ndim == 2
    assert len(first) == 50
    assert np.isfinite(first).all()
    np.testing.assert_array_equal(first, second)


def test_the_laws_have_the_property_that_they_stand_for() -> None:
    rng = np.random.default_rng(0)
    drawn = {name: law.draw(rng, 2000) for name, law in LAWS.items()}
    assert len(np.unique(drawn["ties"], axis=0)) < 60
    assert (drawn["zeros"] == 0).all(axis=1).mean() == pytest.approx(0.9, abs=5 * 0.0067)  # sqrt(.9 * .1 / 2000)
    assert len(np.unique(drawn["constant"])) == 1
    assert np.linalg.cond(np.cov(drawn["ill_conditioned"].T)) > 1e7
    assert LAWS["wide"].sizes[0][0] < drawn["wide"].shape[1]
    assert np.abs(drawn["cauchy"]).max() > 100
    assert (drawn["half_precision"] == drawn["half_precision"].astype(np.float16)).all()
    assert (drawn["bytes"] == np.rint(drawn["bytes"])).all()
    assert set(TABLE) <= set(LAWS)


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_at_severity_0_is_the_real_law(name: str) -> None:
    fault = FAULTS[name]
    real = fault.real(np.random.default_rng(1), 4000)
    fake = fault.fake(0.0)(np.random.default_rng(1), 4000)
    np.testing.assert_allclose(real, fake, atol=1e-12)


@pytest.mark.parametrize("name", FAULTS)
def test_every_step_of_a_dial_changes_the_law(name: str) -> None:
    fault = FAULTS[name]
    assert list(fault.severities) == sorted(fault.severities)
    assert fault.severities[0] > 0
    drawn = [fault.fake(s)(np.random.default_rng(1), 100) for s in (0.0, *fault.severities)]
    for before, after in pairwise(drawn):
        assert not np.array_equal(before, after)


def test_the_dials_say_what_they_do() -> None:
    rng = np.random.default_rng(2)
    rows = {name: fault.fake(fault.severities[-1])(rng, 20_000) for name, fault in FAULTS.items()}
    assert rows["mean_shift"].mean() == pytest.approx(1.0, abs=5 / np.sqrt(40_000))
    assert rows["scale"].std() == pytest.approx(2.0, abs=5 * 2 / np.sqrt(80_000))
    assert (rows["rare_cluster"][:, 0] > 5).sum() == 0
    assert len(np.unique(rows["duplicated"], axis=0)) == pytest.approx(4000)
    assert np.quantile(rows["heavy_tail"], 0.75) == pytest.approx(0.6745, abs=0.03)
    assert np.corrcoef(rows["rotated"].T)[0, 1] == pytest.approx(-0.8, abs=0.02)
    assert rows["disjoint"][:, 2].min() >= 1.0


def test_power_that_falls_is_told_from_noise() -> None:
    assert falls((0.2, 0.5, 1.0), 100) == 0.0
    assert 0.0 < falls((0.5, 0.48, 0.9), 100) < 3.0
    assert falls((0.9, 0.2, 1.0), 100) > 3.0
    assert falls((1.0, 1.0, 0.5), 100) > 3.0


def test_an_unknown_name_is_refused_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"there is no law of that name; got normall. Did you mean 'normal'"):
        law_named("normall")
    with pytest.raises(ConfigError, match=r"there is no fault of that name; got scales. Did you mean 'scale'"):
        fault_named("scales")
