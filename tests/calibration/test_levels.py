"""Every p-value keeps its level, on every run at a glance and by simulation under ``make calibrate``.

On every run: metrics whose permutation null is exact by construction are shown to be so, on heavy tails and on ties, at
unequal sizes; the others are simulated a few times. Core metrics go through the cells C03, C04, C07 and C08. The long
simulations take 2000 repetitions, and go through all cells.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gandiag.calibration.checking import breach_of
from gandiag.calibration.contract_rules import RULES
from gandiag.calibration.contract_subject import Subject
from gandiag.calibration.exchangeability import dealt, is_exact
from gandiag.calibration.inputs import suited
from gandiag.calibration.laws import LAWS, Law, NullLaw
from gandiag.calibration.null_simulation import level, null_p_values
from gandiag.calibration.uniformity import uniformity
from gandiag.core.comparison import Comparison
from gandiag.core.results import Measurement, Relabelling
from gandiag.core.rng import stream
from gandiag.core.specs import METRICS, MetricSpec
from gandiag.inference.multiplicity import holm
from gandiag.inference.permutation import p_value

Matrix = NDArray[np.float64]

# A network is trained in every repetition: a glance takes long, and the long simulations are there anyway.
TRAINED = ("c2st_cnn", "c2st_mlp", "mmd_deep")
# Repetitions of the quick look, where one of them takes more than some 30 ms.
FEWER = dict.fromkeys(
    (
        *("c2st", "c2st_e", "c2st_loss", "c2st_trees", "cross_match", "js_distance", "jsd", "kl", "mmd_agg", "prd"),
        *("projected_wasserstein", "total_variation"),
    ),
    20,
) | dict.fromkeys(TRAINED, 12)
CORE = ("energy", "moment_difference")
EXACT = ("coverage", "density", "energy", "frechet", "mmd", "moment_difference", "recall")


# Bounds and losses of the critics that c2st, jsd and kl learn here; their own files look at their levels on every run.
SAME_CRITICS = ("c2st_loss", "js_distance", "total_variation")


@pytest.mark.parametrize(
    "metric",
    [pytest.param(n, marks=pytest.mark.slow) if n in TRAINED + SAME_CRITICS else n for n in METRICS.names()],
)
def test_a_p_value_keeps_its_level_at_a_glance(metric: str) -> None:
    breach = breach_of(RULES["level"], Subject(METRICS.get(metric), repetitions=FEWER.get(metric, 60)))
    assert breach is None, str(breach)


def pair_of(law: Law, n: int, m: int, *, fit: int = 40, seed: int = 0) -> Comparison:
    rng = np.random.default_rng(seed)
    real, fake, aside, train = (law(rng, rows) for rows in (n, m, fit, fit))
    return Comparison(real=real, fake=fake, fit=aside, train=train, seed=seed)


# Cells C03, C04 and C08 for core metrics

CELLS = [(name, 0) for name in ("zeros", "constant", "unbalanced")] + [
    (name, 1) for name in ("ties", "coins", "categories", "lognormal")
]


@pytest.mark.parametrize(("law", "size"), CELLS, ids=lambda value: str(value))
@pytest.mark.parametrize("metric", CORE)
def test_a_core_metric_keeps_its_level_on_ties_point_masses_and_unequal_sizes(metric: str, law: str, size: int) -> None:
    n, m = LAWS[law].sizes[size]
    p = null_p_values(metric, LAWS[law].draw, n=n, m=m, fit=40, repetitions=100)
    assert level(p, 0.05).kept
    assert level(p, 0.01).kept
    assert uniformity(p).valid
    if law == "constant":
        assert (p == 1.0).all()


# Cell C07: exact enumeration


def enumerated(spec: MetricSpec, pair: Comparison) -> tuple[list[float], NDArray[np.float64]]:
    """P-values of all ways to deal the pooled rows, by the engine, and by ranking what is measured under each."""
    total, n = pair.n + pair.m, pair.n
    labellings = np.zeros((len(list(combinations(range(total), n))), total), dtype=bool)
    for row, chosen in zip(labellings, combinations(range(total), n), strict=True):
        row[list(chosen)] = True
    alone: list[Relabelling] = []
    tested = []
    for labels in labellings:
        null = spec.measure(dealt(suited(spec, pair), labels), rng=np.random.default_rng(0)).null
        assert isinstance(null, Relabelling)
        alone.append(null)
        tested.append(float(np.atleast_2d(null.statistic(null.observed[:, None]))[-1, 0]))
    ranked = [
        p_value(_rounded(t), np.array([_rounded(s) for s in tested]), null.alternative, includes_observed=True)
        for t, null in zip(tested, alone, strict=True)
    ]
    by_engine = [_engine_p_value(null) for null in alone]
    return by_engine, np.array(ranked)


def _rounded(value: float) -> float:
    """Let equal statistics that were reached by other sums be equal."""
    return float(f"{value:.9e}") if abs(value) > 1e-9 else 0.0


def _engine_p_value(null: Relabelling) -> float:
    from gandiag.inference.permutation import permutation_null

    found = permutation_null(null, draws=10_000, rng=np.random.default_rng(0))
    assert found.exact
    return found.p_value


@pytest.mark.parametrize(("n", "m"), [(3, 3), (5, 2)])
@pytest.mark.parametrize("metric", ["energy", "frechet", "mmd", "moment_difference"])
def test_p_values_of_tiny_samples_are_those_of_all_relabellings(metric: str, n: int, m: int) -> None:
    by_engine, ranked = enumerated(METRICS.get(metric), pair_of(LAWS["normal"].draw, n, m, fit=12))
    np.testing.assert_allclose(by_engine, ranked, atol=1e-12)


@pytest.mark.parametrize("law", ["normal", "coins"])
@pytest.mark.parametrize("metric", ["energy", "moment_difference"])
def test_over_all_relabellings_a_p_value_is_at_most_k_in_n_for_at_most_k(metric: str, law: str) -> None:
    pair = pair_of(LAWS[law].draw, 4, 5, fit=12)
    p = np.sort(enumerated(METRICS.get(metric), pair)[0])
    count = len(p)
    assert count == 126
    for k in range(1, count + 1):
        assert np.count_nonzero(p <= k / count + 1e-12) <= k


def test_the_enumeration_sees_a_test_that_does_not_count_ties() -> None:
    values = np.array([0.0, 0.0, 0.0, 0.0, 1.0, 1.0])
    sums = np.array([values[list(chosen)].sum() for chosen in combinations(range(6), 3)])
    strict = np.array([(1 + (sums > s).sum()) / 20 for s in sums])
    counted = np.array([(sums >= s).sum() / 20 for s in sums])
    assert np.count_nonzero(counted <= 4 / 20) == 4
    assert np.count_nonzero(strict <= 1 / 20) == 4


# What exactness by construction would miss, and what it would not


def spoiled(name: str, change: Any) -> MetricSpec:
    spec = METRICS.get(name)

    def measure(comparison: Comparison, /, *, rng: np.random.Generator) -> Measurement:
        return spec.measure(change(comparison), rng=rng)

    return replace(spec, measure=measure)


def mapped(pair: Comparison, by: Any) -> Comparison:
    sides = {side: by(getattr(pair, side)) for side in ("real", "fake", "fit", "train")}
    return replace(pair, **sides, _shared={})


def folded_at_the_real_mean(pair: Comparison) -> Comparison:
    """A map that was fitted on the rows under test."""
    return mapped(pair, lambda rows: np.abs(rows - pair.real.mean(axis=0)))


def folded_at_the_mean_set_aside(pair: Comparison) -> Comparison:
    return mapped(pair, lambda rows: np.abs(rows - pair.fit.mean(axis=0)))


def along_their_difference(pair: Comparison) -> Comparison:
    """A direction that was learned from the rows that it is tested on."""
    return mapped(pair, lambda rows: rows @ (pair.fake.mean(axis=0) - pair.real.mean(axis=0))[:, None])


@pytest.mark.parametrize("metric", EXACT)
def test_a_metric_fitted_on_the_rows_under_test_is_not_exact(metric: str) -> None:
    pair = pair_of(LAWS["student"].draw, 60, 30)
    assert is_exact(METRICS.get(metric), pair)
    assert is_exact(spoiled(metric, folded_at_the_mean_set_aside), pair)
    assert is_exact(spoiled(metric, folded_at_the_real_mean), pair) is False
    assert is_exact(spoiled(metric, along_their_difference), pair) is False


def test_a_metric_without_a_permutation_of_all_rows_is_not_called_exact() -> None:
    pair = pair_of(LAWS["normal"].draw, 60, 30)
    assert is_exact(METRICS.get("range_violations"), pair) is None
    assert is_exact(METRICS.get("c2st"), pair) is None


def test_the_simulation_rejects_a_direction_learned_on_the_rows_that_it_is_tested_on() -> None:
    wrong = spoiled("moment_difference", along_their_difference)
    law = LAWS["normal_10d"].draw
    p = null_p_values(wrong, law, n=40, m=40, fit=40, repetitions=100)
    assert not level(p, 0.05).kept
    p = null_p_values("moment_difference", law, n=40, m=40, fit=40, repetitions=100)
    assert level(p, 0.05).kept


# The long simulations


def judged(metric: str, law: NullLaw, size: int, repetitions: int) -> bool:
    """Judge all levels; what is above a limit is looked at once more, four times as long, and that decides."""
    n, m = law.sizes[size]
    for more, seed in ((1, 0), (4, 1)):
        p = null_p_values(metric, law.draw, n=n, m=m, fit=100, repetitions=more * repetitions, seed=seed)
        if all(level(p, alpha).kept for alpha in (0.05, 0.01)) and uniformity(p, permuted=False).valid:
            return True
    return False


@pytest.mark.slow
@pytest.mark.parametrize("law", ["normal", "four_modes", "ties"])
@pytest.mark.parametrize("metric", METRICS.names())
def test_a_p_value_keeps_its_level_in_2000_repetitions(metric: str, law: str) -> None:
    assert judged(metric, LAWS[law], 0, 500 if metric in FEWER else 2000)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("law", "size"), [(law.name, i) for law in LAWS.values() for i in range(len(law.sizes))], ids=lambda v: str(v)
)
@pytest.mark.parametrize("metric", METRICS.names())
def test_a_p_value_keeps_its_level_in_every_cell(metric: str, law: str, size: int) -> None:
    """Exact by construction on five samples of the cell's law and sizes, or else 200 simulations."""
    found, spec = LAWS[law], METRICS.get(metric)
    n, m = found.sizes[size]
    if n >= spec.min_real and m >= spec.min_fake:
        verdicts = [is_exact(spec, pair_of(found.draw, n, m, fit=100, seed=s), seed=s) for s in range(5)]
        assert all(verdicts) or judged(metric, found, size, 200)


@pytest.mark.slow
def test_images_keep_their_level_through_the_whole_pipeline() -> None:
    """Cell C11."""
    import gandiag

    p = []
    for i in range(500):
        rng = stream(i, "images")
        real, fake = (np.clip(0.5 + 0.2 * rng.normal(size=(rows, 8, 8)), 0.0, 1.0) for rows in (100, 75))
        report = gandiag.score(real, fake, metrics=["energy"], permutations=99, seed=i)
        found = report["energy"].p_value
        assert found is not None
        p.append(found.value)
    assert level(np.array(p), 0.05).kept


@pytest.mark.slow
def test_a_fixed_real_sample_keeps_the_level_over_real_samples() -> None:
    """Cell C12: given one real sample the rate may be anything; over real samples it is the level."""
    p = []
    for i in range(1000):
        real = stream(i // 10, "fixed real").normal(size=(200, 10))
        pair = pair_of(LAWS["normal_10d"].draw, 4, 100, seed=i)
        null = METRICS.get("energy").measure(replace(pair, real=real), rng=stream(i, "energy")).null
        assert isinstance(null, Relabelling)
        labels = stream(i, "labels").permuted(np.tile(null.observed, (99, 1)), axis=1).T
        values = np.atleast_2d(null.statistic(np.column_stack([null.observed, labels])))[-1]
        p.append(np.mean(values >= values[0] - 1e-12))
    # Ten fakes share a real sample: as if there were a tenth as many.
    assert np.mean(np.array(p) <= 0.05) <= level(np.ones(100), 0.05).high


@pytest.mark.slow
def test_a_panel_of_checkpoints_keeps_its_familywise_level() -> None:
    """Cell C13: Holm over four metrics and five checkpoints of one generator against one real sample."""
    law = LAWS["normal"].draw
    accused = 0
    for i in range(400):
        rng = stream(i, "panel")
        real, aside = law(rng, 100), law(rng, 100)
        p = []
        for _ in range(5):
            pair = Comparison(real=real, fake=law(rng, 100), fit=aside, train=aside, seed=i)
            for name in ("energy", "moment_difference", "coverage", "mode_coverage"):
                spec = METRICS.get(name)
                null = spec.measure(suited(spec, pair), rng=stream(i, name)).null
                assert isinstance(null, Relabelling)
                p.append(_drawn_p_value(null, stream(i, name, "null")))
        accused += min(holm(p)) <= 0.05
    assert accused / 400 <= level(np.ones(400), 0.05).high


def _drawn_p_value(null: Relabelling, rng: np.random.Generator) -> float:
    labels = rng.permuted(np.tile(null.observed, (999, 1)), axis=1).T
    values = np.atleast_2d(null.statistic(np.column_stack([null.observed, labels])))[-1]
    return p_value(float(values[0]), values[1:], null.alternative)
