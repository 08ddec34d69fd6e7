"""Near duplicates: the threshold from held-out rows, the share against loops, and copies told from crowding."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.distance import pdist

from gandiag.calibration.null_simulation import level, null_p_values
from gandiag.core.comparison import Comparison
from gandiag.core.results import Measurement, Relabelling
from gandiag.inference.nulls import summarise_null
from gandiag.metrics.near_duplicates import METRIC, near_duplicate_share

Matrix = NDArray[np.float64]


def measured(real: Matrix, fake: Matrix, fit: Matrix, seed: int = 0) -> Measurement:
    return METRIC.measure(Comparison(real=real, fake=fake, fit=fit), rng=np.random.default_rng(seed))


def p_of(found: Measurement, draws: int = 999) -> float:
    p = summarise_null(found, draws=draws, rng=np.random.default_rng(1)).p_value
    assert p is not None
    return p.value


def normal(rng: np.random.Generator, rows: int) -> Matrix:
    return rng.normal(size=(rows, 2))


def tied(rng: np.random.Generator, rows: int) -> Matrix:
    return rng.poisson(3.0, size=(rows, 2)).astype(float)


def distances_of(rows: Matrix) -> Matrix:
    out: Matrix = np.sqrt(np.square(rows[:, None] - rows[None]).sum(axis=2))
    np.fill_diagonal(out, np.inf)
    return out


@pytest.mark.parametrize("seed", range(4))
def test_the_share_and_the_pairs_are_those_of_the_distance_matrix(seed: int) -> None:
    rng = np.random.default_rng(seed)
    real, fake = rng.normal(size=(90, 2)), rng.normal(size=(70, 2))
    fake[:5] = fake[5:10] + 1e-7
    found = measured(real, fake, rng.normal(size=(200, 2)), seed)
    details, tau = found.details, found.details["tau"]
    across = distances_of(fake)
    assert found.estimate == pytest.approx((across.min(axis=1) <= tau).mean(), abs=1e-12)
    assert found.estimate == pytest.approx(near_duplicate_share(fake, tau), abs=1e-12)
    assert details["share_real"] == pytest.approx((distances_of(real).min(axis=1) <= tau).mean(), abs=1e-12)
    for entry in details["pairs_by_scale"]:
        radius = entry["scale"] * tau
        assert entry["fake"] == (across <= radius).sum() // 2
        assert entry["real"] == (distances_of(real) <= radius).sum() // 2
    assert details["pairs_fake"] == details["pairs_by_scale"][-1]["fake"]
    assert details["persistent_pairs_fake"] == (across <= tau / 10).sum() // 2 >= 5
    assert details["persistent_rows_fake"] == (across.min(axis=1) <= tau / 10).sum()


def test_the_threshold_is_the_ranked_distance_of_held_out_rows() -> None:
    rng = np.random.default_rng(5)
    fit = rng.normal(size=(300, 2))
    found = measured(rng.normal(size=(80, 2)), rng.normal(size=(100, 2)), fit)
    rank = round(5 * math.comb(300, 2) / math.comb(100, 2))
    assert found.details["tau_rank"] == rank
    assert found.details["tau"] == pytest.approx(np.sort(distances_of(fit)[np.triu_indices(300, 1)])[rank - 1])
    assert found.details["expected_pairs"] == pytest.approx(5.0, rel=0.02)


def check_poisson(pairs: Matrix) -> None:
    """Mean 5 within 4 standard errors (0.45 at 400 repetitions); variance 5.3 within 4 of its own (1.6)."""
    assert abs(pairs.mean() - 5.0) < 0.45
    assert abs(pairs.var() - 5.3) < 1.6


@pytest.mark.row(38)
def test_close_pairs_of_equal_laws_are_few_and_poisson_like() -> None:
    """The threshold's own chance, a rank of about 80, adds a sixteenth to the variance of 5."""
    rng = np.random.default_rng(6)
    fake, real = [], []
    for _ in range(400):
        found = measured(normal(rng, 40), normal(rng, 100), normal(rng, 400))
        fake.append(found.details["pairs_fake"])
        real.append(found.details["pairs_real"])
    check_poisson(np.array(fake))
    with pytest.raises(AssertionError, match=r"< 0\.45"):
        check_poisson(np.array(real))  # 40 rows have a sixth of the pairs of 100


def test_copies_are_found_at_every_scale() -> None:
    rng = np.random.default_rng(7)
    fake = rng.normal(size=(400, 3))
    fake[:12] = fake[12:24] + 1e-6 * rng.normal(size=(12, 3))
    found = measured(rng.normal(size=(400, 3)), fake, rng.normal(size=(300, 3)))
    assert p_of(found) <= 0.005
    assert found.details["persistent_p"] <= 0.005
    assert found.details["persistent_pairs_fake"] == 12
    assert found.details["persistent_pairs_real"] == 0
    pairs = found.arrays["closest_pairs"]
    assert {frozenset(map(int, pair)) for pair in pairs[:12]} == {frozenset((i, i + 12)) for i in range(12)}
    apart = np.sqrt(np.square(fake[pairs[:, 0]] - fake[pairs[:, 1]]).sum(axis=1))
    np.testing.assert_allclose(found.arrays["closest_distances"], apart, rtol=1e-9)
    assert (np.diff(apart) >= -1e-12).all()


def test_shrunken_samples_are_crowded_but_do_not_persist() -> None:
    rng = np.random.default_rng(8)
    found = measured(rng.normal(size=(400, 4)), 0.5 * rng.normal(size=(400, 4)), rng.normal(size=(400, 4)))
    assert p_of(found) <= 0.005
    assert found.details["persistent_p"] > 0.05


def test_close_real_rows_do_not_speak_against_the_sampler() -> None:
    rng = np.random.default_rng(9)
    real = rng.normal(size=(200, 3))
    real[:12] = real[12:24] + 1e-6
    found = measured(real, rng.normal(size=(200, 3)), rng.normal(size=(200, 3)))
    assert p_of(found) > 0.5
    assert found.details["persistent_p"] > 0.9


def test_the_test_of_one_persistent_pair_is_that_of_two_labels() -> None:
    """A lone pair of equal rows among the fake: both land there in C(58,30)/C(60,30) = 0.246 of the relabellings."""
    rng = np.random.default_rng(10)
    fake = rng.normal(size=(30, 5))
    fake[0] = fake[1]
    found = measured(rng.normal(size=(30, 5)), fake, rng.normal(size=(60, 5)))
    assert found.details["persistent_p"] == pytest.approx(
        math.comb(58, 28) / math.comb(60, 30), abs=4 * math.sqrt(0.25 * 0.75 / 1999)
    )


@pytest.mark.parametrize("law", [normal, tied], ids=lambda law: law.__name__)
def test_the_level_is_kept(law: object) -> None:
    p = null_p_values("near_duplicates", law, n=60, m=60, fit=60, repetitions=200)  # type: ignore[arg-type]
    assert level(p, 0.05).kept


@pytest.mark.slow
@pytest.mark.parametrize("law", [normal, tied], ids=lambda law: law.__name__)
def test_the_level_is_kept_in_2000_repetitions(law: object) -> None:
    p = null_p_values("near_duplicates", law, n=80, m=50, fit=60, repetitions=2000)  # type: ignore[arg-type]
    assert all(level(p, alpha).kept for alpha in (0.01, 0.05, 0.1))


@pytest.mark.slow
def test_the_persistent_test_keeps_its_level_on_data_that_repeat() -> None:
    rng = np.random.default_rng(11)
    p = [measured(tied(rng, 60), tied(rng, 40), tied(rng, 30), i).details["persistent_p"] for i in range(1000)]
    assert level(np.array(p), 0.05).kept


def test_repeating_data_have_threshold_zero_and_say_so() -> None:
    rng = np.random.default_rng(12)
    found = measured(tied(rng, 100), tied(rng, 100), tied(rng, 100))
    assert found.details["tau"] == 0.0
    assert found.status == "degraded"
    assert "repeat exactly" in found.warnings[0]
    assert p_of(found, draws=99) > 0.05


def test_a_sampler_collapsed_onto_an_atom_of_the_data_is_found() -> None:
    """More than 64 equal real rows stand beside it: which of them are followed must not hide the fake ones."""
    rng = np.random.default_rng(13)
    real = np.where(rng.random((300, 1)) < 0.4, 0.0, rng.normal(size=(300, 1)))
    found = measured(real, np.zeros((300, 1)), real[:50] + 0.0)
    assert found.estimate is not None
    assert found.estimate > 0.999
    assert p_of(found, draws=199) == 1 / 200


def test_all_equal_rows_give_p_one() -> None:
    found = measured(np.ones((20, 2)), np.ones((30, 2)), np.ones((10, 2)))
    assert found.estimate == 1.0
    assert p_of(found, draws=99) == 1.0
    assert found.details["persistent_p"] == 1.0


def test_few_held_out_rows_are_said_to_hide_rare_copies() -> None:
    rng = np.random.default_rng(14)
    found = measured(normal(rng, 100), normal(rng, 100), normal(rng, 6))
    assert found.details["tau_rank"] == 1
    assert found.details["expected_pairs"] == pytest.approx(math.comb(100, 2) / math.comb(6, 2))
    assert "few rows were set aside" in found.warnings[0]


def test_without_a_pair_of_held_out_rows_it_is_undefined() -> None:
    found = measured(np.zeros((5, 1)), np.zeros((5, 1)), np.zeros((1, 1)))
    assert (found.estimate, found.status) == (None, "undefined")
    assert "set aside" in found.reasons["estimate"]


def test_the_curve_of_pairs_rises_and_ends_at_half() -> None:
    rng = np.random.default_rng(15)
    sides = {"real": normal(rng, 300), "fake": normal(rng, 250)}
    arrays = measured(sides["real"], sides["fake"], normal(rng, 300)).arrays
    tau = arrays["curve_tau"]
    assert (np.diff(tau) > 0).all()
    for side in ("fake", "real"):
        within = pdist(sides[side])[:, None] <= tau * (1 + 1e-9)
        np.testing.assert_allclose(arrays[f"curve_{side}"], within.mean(axis=0), atol=1e-12)
    assert max(arrays["curve_fake"][-1], arrays["curve_real"][-1]) == pytest.approx(0.5, abs=0.05)
    slope = np.polyfit(np.log(tau[-20:-8]), np.log(arrays["curve_real"][-20:-8]), 1)[0]
    assert slope == pytest.approx(2.0, abs=0.3)  # the dimension of the data


def test_the_null_is_a_relabelling_of_shuffled_rows() -> None:
    rng = np.random.default_rng(16)
    found = measured(normal(rng, 30), normal(rng, 40), normal(rng, 30))
    assert isinstance(found.null, Relabelling)
    assert found.null.alternative == "greater"
    assert found.null.observed.sum() == 30
    values = found.null.statistic(found.null.observed[:, None])
    assert values[0, 0] == found.estimate
    assert values[-1, 0] == pytest.approx(float(found.estimate or 0.0) - found.details["share_real"], abs=1e-12)
