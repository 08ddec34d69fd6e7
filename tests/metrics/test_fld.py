"""Feature likelihood divergence: closed forms, a plain refit, level, power for poor rows and copies, wrong variants."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import logsumexp
from scipy.stats import norm

from gandiag.core.comparison import Comparison
from gandiag.core.results import Measurement, Relabelling
from gandiag.inference.permutation import permutation_null
from gandiag.metrics.fld import measure
from gandiag.numerics.mixtures import BACKGROUND, Bandwidths, fit_bandwidths, mean_log_likelihoods

Matrix = NDArray[np.float64]


def measured(real: Matrix, fake: Matrix, train: Matrix | None, seed: int = 0) -> Measurement:
    return measure(Comparison(real=real, fake=fake, fit=real, train=train), rng=np.random.default_rng(seed))


def p_value(real: Matrix, fake: Matrix, train: Matrix, seed: int = 0, draws: int = 99) -> float:
    null = measured(real, fake, train, seed).null
    assert isinstance(null, Relabelling)
    return permutation_null(null, draws=draws, rng=np.random.default_rng(seed)).p_value


def plain(mixture: Bandwidths, rows: Matrix, chosen: NDArray[np.bool_]) -> float:
    """Compute a mean log likelihood column by column and density by density."""
    parts = [
        norm(centre, np.sqrt(variance)).logpdf(rows).sum(axis=1) + np.log((1 - BACKGROUND) / chosen.sum())
        for centre, variance in zip(mixture.centres[chosen], mixture.variances[chosen], strict=True)
    ]
    behind = norm(mixture.mean, np.sqrt(mixture.spread)).logpdf(rows).sum(axis=1) + np.log(BACKGROUND)
    return float(np.mean(logsumexp(np.stack([*parts, behind]), axis=0)))


def test_one_centre_gets_the_closed_form_of_its_variance() -> None:
    # All rows answer to one centre: its variance is their mean square about it, per column.
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(4000, 3)) + 0.5
    found = fit_bandwidths(np.zeros((1, 3)), rows)
    exact = float(np.square(rows).mean())
    # The background answers for 1 % of the rows at most, and the first bandwidth for a hundredth of one.
    assert found.variances[0] == pytest.approx(exact, rel=0.01)
    assert found.variances[0] != pytest.approx(rows.var(), rel=0.05)  # about the centre, not about their own mean


def test_no_bandwidth_of_the_fit_can_be_bettered() -> None:
    rng = np.random.default_rng(1)
    rows, centres = rng.normal(size=(400, 2)), rng.normal(size=(12, 2))
    found = fit_bandwidths(centres, rows)
    everything = np.ones((12, 1), dtype=bool)

    def likelihood(factors: Matrix) -> float:
        moved = Bandwidths(centres=centres, variances=found.variances * factors, mean=found.mean, spread=found.spread)
        return float(mean_log_likelihoods(*moved.logs(rows), everything)[0])

    best = likelihood(np.ones(12))
    for i in range(12):
        for factor in (0.8, 1.25):
            factors = np.ones(12)
            factors[i] = factor
            assert likelihood(factors) < best + 2e-3  # rounds end when one gains less than 2e-4
    assert likelihood(np.full(12, 3.0)) < best - 0.05


def test_a_centre_on_a_row_narrows_and_one_far_from_all_keeps_the_spacing() -> None:
    rng = np.random.default_rng(2)
    rows = rng.normal(size=(300, 8))
    centres = np.concatenate([rows[:1], rng.normal(size=(100, 8)), np.full((1, 8), 50.0)])
    found = fit_bandwidths(centres, rows).variances
    distances = np.linalg.norm(rows[:, None] - rows[None], axis=2) + np.diag(np.full(300, np.inf))
    spacing = np.median(distances.min(axis=0) ** 2) / 8
    assert found[-1] == pytest.approx(spacing, rel=1e-9)
    # It answers for its own row alone, beside a hundredth of one at the spacing.
    assert found[0] == pytest.approx(spacing * 0.01 / 1.01, rel=0.01)
    assert found[0] < 0.01 * np.median(found)


@pytest.mark.parametrize("d", [1, 5, 200])
def test_every_choice_of_centres_has_the_likelihood_of_its_mixture(d: int) -> None:
    rng = np.random.default_rng(3)
    rows, centres = rng.normal(size=(30, d)), rng.normal(size=(14, d))
    # Very unequal bandwidths: the largest term lies thousands of nats above others.
    mixture = Bandwidths(
        centres=np.concatenate([centres, rows[:4]]),
        variances=np.geomspace(1e-4, 2.0, 18)[::-1].copy(),
        mean=rows.mean(axis=0),
        spread=100.0,
    )
    chosen = rng.permuted(np.repeat(np.arange(18)[:, None] < 9, 40, axis=1), axis=0)
    found = mean_log_likelihoods(*mixture.logs(rows), chosen)
    expected = [plain(mixture, rows, column) for column in chosen.T]
    assert np.allclose(found, expected, rtol=1e-9)
    assert not np.allclose(found, np.roll(expected, 1), rtol=1e-3)
    # Scaled by the largest term of all in place of its own, a sum vanishes.
    logs, _ = mixture.logs(rows)
    with np.errstate(divide="ignore"):
        naive = np.log(np.exp(logs - logs.max(axis=1, keepdims=True)) @ chosen.astype(float))
    assert d < 200 or not np.isfinite(naive).all()


def test_the_score_is_that_of_the_two_mixtures() -> None:
    rng = np.random.default_rng(4)
    # Both halves of the training rows are fixed by the seed, whatever the values.
    train, real, fake = rng.normal(size=(80, 3)), rng.normal(size=(50, 3)), 1.4 * rng.normal(size=(40, 3))
    order = np.random.default_rng(9).permutation(80)
    first, second = train[np.sort(order[:40])], train[np.sort(order[40:])]
    mixture = fit_bandwidths(np.concatenate([first, fake]), second)
    of_real = np.arange(80) < 40
    expected = {
        "fld": -100 / 3 * (plain(mixture, real, ~of_real) - plain(mixture, real, of_real)),
        "gap": -100 / 3 * (plain(mixture, second, ~of_real) - plain(mixture, real, ~of_real)),
    }
    found = measured(real, fake, train, seed=9)
    assert found.estimate == pytest.approx(expected["fld"], rel=1e-6)
    assert found.details["generalisation_gap"] == pytest.approx(expected["gap"], rel=1e-6)
    assert found.estimate != pytest.approx(expected["fld"] * 3, rel=1e-2)  # per dimension


def test_two_points_score_the_divergence_of_their_shares() -> None:
    """With all rows on two far points every density is a share times one height, which cancels: the score is exact."""
    points = np.stack([np.zeros(8), np.full(8, 3.0)])
    rng = np.random.default_rng(10)
    train, real, fake = (points[(rng.random(n) < q).astype(int)] for n, q in ((200, 0.5), (60, 0.5), (100, 0.8)))
    found = measured(real, fake, train, seed=4)
    first = train[np.sort(np.random.default_rng(4).permutation(200)[:100])]
    of_first, of_real, of_fake = (np.array([np.mean(x[:, 0] == at) for at in (0.0, 3.0)]) for x in (first, real, fake))
    expected = 100 / 8 * float(of_real @ np.log(of_first / of_fake))
    assert found.estimate == pytest.approx(expected, rel=1e-6)
    assert expected > 1.0
    assert found.estimate != pytest.approx(100 / 8 * float(of_real @ np.log(of_real / of_fake)), rel=1e-3)


def draws(rng: np.random.Generator, n: int, modes: int = 8) -> Matrix:
    centres = 4.0 * np.eye(8)
    out: Matrix = centres[rng.integers(modes, size=n)] + rng.normal(size=(n, 8))
    return out


def level(reps: int) -> int:
    count = 0
    for seed in range(reps):
        rng = np.random.default_rng(seed)
        real, fake, train = (rng.standard_t(3, size=(n, 2)) for n in (30, 25, 60))
        count += p_value(real, fake, train, seed, 39) <= 0.05
    return count


def test_the_test_holds_its_level_and_one_that_fits_on_one_side_does_not() -> None:
    assert level(100) <= 15  # binomial limit at 1e-4
    wrong = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        first, second, real = (rng.standard_t(3, size=(30, 2)) for _ in range(3))
        # Bandwidths of the fakes by their own rows, of the others by the training half: labels leak into the fit.
        fake = rng.standard_t(3, size=(30, 2))
        both = [fit_bandwidths(first, second), fit_bandwidths(fake, np.concatenate([fake, second]))]
        logs = np.concatenate([mixture.logs(real)[0] for mixture in both], axis=1)
        background = both[0].logs(real)[1]
        is_real = np.arange(60) < 30

        def statistic(labels: NDArray[np.bool_], logs: Matrix = logs, background: Matrix = background) -> Matrix:
            scores = [mean_log_likelihoods(logs, background, side) for side in (labels, ~labels)]
            return (scores[0] - scores[1])[None, :]

        null = permutation_null(Relabelling(observed=is_real, statistic=statistic), draws=39, rng=rng)
        wrong += null.p_value <= 0.05
    assert wrong > 9  # binomial limit at 1e-4


@pytest.mark.slow
def test_the_test_holds_its_level_over_many_repetitions() -> None:
    assert 64 <= level(2000) <= 140


@pytest.mark.parametrize("fault", ["copies", "noisy copies", "missing modes", "shift", "repeated rows"])
def test_it_sees_poor_rows_missing_modes_and_copies(fault: str) -> None:
    rejected = 0
    for seed in range(6):
        rng = np.random.default_rng(seed)
        real, train = draws(rng, 200), draws(rng, 400)
        copies = train[rng.choice(400, size=200, replace=False)]
        fake = {
            "copies": copies,
            "noisy copies": copies + 0.05 * rng.normal(size=(200, 8)),
            "missing modes": draws(rng, 200, modes=5),
            "shift": draws(rng, 200) + 0.5,
            "repeated rows": np.repeat(draws(rng, 20), 10, axis=0),
        }[fault]
        rejected += p_value(real, fake, train, seed) <= 0.05
    assert rejected >= 5


def test_the_gap_tells_copies_from_poor_rows() -> None:
    rng = np.random.default_rng(5)
    real, train = draws(rng, 200), draws(rng, 400)
    copied, poor = (measured(real, fake, train).details for fake in (train[::2].copy(), draws(rng, 200) + 0.5))
    assert copied["generalisation_gap"] < copied["generalisation_gap_of_real"] - 50.0
    assert abs(poor["generalisation_gap"] - poor["generalisation_gap_of_real"]) < 15.0


def test_the_measure_has_as_many_centres_as_the_fake_side() -> None:
    rng = np.random.default_rng(6)
    values = [measured(draws(rng, 100), draws(rng, 30), draws(rng, 400), seed).estimate for seed in range(20)]
    found = np.array(values, dtype=float)
    assert abs(found.mean()) < 4 * found.std() / np.sqrt(20)
    assert measured(draws(rng, 100), draws(rng, 30), draws(rng, 400)).details["centres"] == 30


@pytest.mark.parametrize("unit", [2.0**-40, 2.0**40])
def test_the_unit_changes_nothing(unit: float) -> None:
    rng = np.random.default_rng(7)
    sides = [draws(rng, 60), draws(rng, 60) + 0.3, draws(rng, 120)]
    assert measured(*(unit * side for side in sides)).estimate == pytest.approx(measured(*sides).estimate, rel=1e-9)


def test_equal_rows_give_zero_and_p_one() -> None:
    rows = np.full((20, 3), 0.1)
    assert measured(rows, rows, rows).estimate == 0.0
    assert p_value(rows, rows, rows) == 1.0


def test_without_training_rows_it_is_undefined_with_the_reason() -> None:
    rows = np.random.default_rng(8).normal(size=(9, 2))
    assert "no training rows were given" in measured(rows, rows, None).reasons["estimate"]
    few = measured(rows, rows, rows[:3])
    assert few.estimate is None
    assert few.status == "undefined"
    assert "3 training rows are too few" in few.reasons["estimate"]
