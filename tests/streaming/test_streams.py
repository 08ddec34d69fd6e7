"""Every stream: any partition of the blocks gives the same number, states are not changed, and the number is right."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gandiag.core.classes import class_code
from gandiag.core.comparison import Comparison
from gandiag.core.results import KnownNull, Measurement
from gandiag.core.samples import KnownModes
from gandiag.core.specs import METRICS
from gandiag.core.streams import STREAMS, Arrays, Block, Frame, StreamSpec
from gandiag.metrics import inception_score, kid, mmd_linear, mmd_rff
from gandiag.metrics.frechet import frechet_distance
from gandiag.numerics.fourier import fourier_features
from gandiag.streaming._mode_counts import model_of

NAMES = STREAMS.names()
N, M, D = 700, 500, 3


def sides(d: int = D, offset: float = 0.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    real, fake, fit = (rng.normal(size=(n, d)) for n in (N, M, 300))
    fake = 1.3 * fake + 0.1
    return real + offset, fake + offset, fit + offset


def shares(d: int = D) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return tuple(np.exp(side) / np.exp(side).sum(axis=1, keepdims=True) for side in sides(d))  # type: ignore[return-value]


def rows_for(name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return shares() if name == "inception_score" else sides()


def frame_of(real: np.ndarray, fake: np.ndarray, fit: np.ndarray) -> Frame:
    return Frame(fit=fit, n=len(real), m=len(fake), d=real.shape[1], seed=0)


def blocks_of(real: np.ndarray, fake: np.ndarray, rows: int = 100) -> list[Block]:
    outside = fake[:, 0] > 2.0
    return [
        Block(
            real=real[k * rows : (k + 1) * rows],
            fake=fake[k * rows : (k + 1) * rows],
            outside=outside[k * rows : (k + 1) * rows],
            number=k,
            seed=0,
        )
        for k in range(-(-max(len(real), len(fake)) // rows))
    ]


def states_of(spec: StreamSpec, frame: Frame, blocks: Sequence[Block]) -> tuple[list[Arrays], Arrays]:
    fixed = spec.state.fix(frame, rng=np.random.default_rng(2))
    return [spec.state.of(block, fixed) for block in blocks], fixed


def joined(spec: StreamSpec, states: Sequence[Arrays]) -> Arrays:
    total = states[0]
    for state in states[1:]:
        total = spec.state.merge(total, state)
    return total


def finished(name: str, *rows: np.ndarray, at_once: int = 100) -> Measurement:
    spec, frame = STREAMS.get(name), frame_of(*rows)
    states, fixed = states_of(spec, frame, blocks_of(rows[0], rows[1], at_once))
    return spec.finish(joined(spec, states), fixed, frame, rng=np.random.default_rng(3))


def close(first: Arrays, second: Arrays) -> bool:
    return first.keys() == second.keys() and all(
        np.allclose(first[key], second[key], rtol=1e-10, atol=1e-11) for key in first
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_stream_is_named_like_its_metric(name: str) -> None:
    assert METRICS.get(name).name == name


def test_the_page_says_of_every_metric_whether_it_is_a_stream() -> None:
    page = (Path(__file__).parents[2] / "docs" / "scale.md").read_text()
    merged, others = (part.partition("\n\n")[0] for part in page.split("|---|---|")[1:3])
    named = set(re.findall(r"`([a-z_0-9]+)`", "".join(line.split("|")[1] for line in merged.splitlines()[1:])))
    assert named == set(NAMES)
    absent = {spec.name for spec in METRICS if spec.default} - set(NAMES)
    families = re.findall(r"`([a-z_0-9]+)\*?`", others)
    assert {name for name in absent if not any(name.startswith(family.rstrip("_")) for family in families)} == set()


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=5)
@given(data=st.data())
def test_any_partition_in_any_order_gives_the_same_state(name: str, data: Any) -> None:
    real, fake, fit = rows_for(name)
    spec = STREAMS.get(name)
    states, _ = states_of(spec, frame_of(real, fake, fit), blocks_of(real, fake))
    order = data.draw(st.permutations(range(len(states))))
    cuts = sorted(data.draw(st.sets(st.integers(1, len(states) - 1), max_size=3)))
    groups = [joined(spec, [states[i] for i in order[a:b]]) for a, b in pairwise([0, *cuts, len(states)])]
    assert close(joined(spec, groups), joined(spec, states))


@pytest.mark.parametrize("name", NAMES)
def test_merging_changes_neither_state(name: str) -> None:
    real, fake, fit = rows_for(name)
    spec = STREAMS.get(name)
    states, _ = states_of(spec, frame_of(real, fake, fit), blocks_of(real, fake))
    before = [{key: np.array(value) for key, value in state.items()} for state in states[:2]]
    merged = spec.state.merge(states[0], states[1])
    for value in merged.values():
        if value.ndim:
            value += 1
    assert all(np.array_equal(states[i][key], before[i][key]) for i in range(2) for key in before[i])


@pytest.mark.parametrize("name", NAMES)
def test_a_state_does_not_grow_with_the_rows(name: str) -> None:
    real, fake, fit = rows_for(name)
    spec = STREAMS.get(name)
    states, _ = states_of(spec, frame_of(real, fake, fit), blocks_of(real, fake))
    assert {k: v.shape for k, v in joined(spec, states).items()} == {k: v.shape for k, v in states[0].items()}


@pytest.mark.parametrize("name", NAMES)
def test_an_absent_field_has_its_reason(name: str) -> None:
    found = finished(name, *rows_for(name))
    assert found.estimate is not None
    if found.null is None:
        assert {"floor", "p_value"} <= found.reasons.keys()
    elif isinstance(found.null, KnownNull) and found.null.p_value is None:
        assert "p_value" in found.reasons
    assert found.interval is not None or "interval" in found.reasons


@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_the_frechet_distance_is_that_of_all_rows(offset: float) -> None:
    real, fake, fit = sides(offset=offset)
    exact = frechet_distance(real - offset, fake - offset)
    assert finished("frechet", real, fake, fit).estimate == pytest.approx(exact, rel=1e-8)


def test_the_mean_distance_and_the_inception_score_are_those_of_all_rows() -> None:
    real, fake, fit = sides()
    found = finished("moment_difference", real, fake, fit).estimate
    assert found == pytest.approx(np.linalg.norm(real.mean(axis=0) - fake.mean(axis=0)), rel=1e-12)
    real, fake, fit = shares()
    scored = finished("inception_score", real, fake, fit)
    assert scored.estimate == pytest.approx(inception_score.inception_score(fake), rel=1e-12)
    assert scored.details["real"] == pytest.approx(inception_score.inception_score(real), rel=1e-12)


def test_the_linear_discrepancy_is_the_mean_of_the_quadruples_with_its_exact_test() -> None:
    real, fake, fit = sides()
    found = finished("mmd_linear", real, fake, fit)
    values = mmd_linear.quadruple_values(real[:M], fake, float(found.details["bandwidth"]))
    assert found.estimate == pytest.approx(values.mean(), rel=1e-12)
    assert isinstance(found.null, KnownNull)
    p = mmd_linear.sign_flip_p_value(values, flips=1999, rng=np.random.default_rng(0))
    assert found.null.p_value is not None
    assert found.null.p_value.value == pytest.approx(p, abs=0.03)
    assert found.null.floor is not None
    assert found.null.floor.sd == pytest.approx(np.sqrt(np.square(values).mean() / len(values)), rel=1e-12)


def test_random_features_give_the_unbiased_estimate_over_all_pairs() -> None:
    real, fake, fit = sides()
    spec, frame = STREAMS.get("mmd_rff"), frame_of(real, fake, fit)
    states, fixed = states_of(spec, frame, blocks_of(real, fake))
    found = spec.finish(joined(spec, states), fixed, frame, rng=np.random.default_rng(3))
    labels = np.arange(N + M) < N
    over_all = fourier_features(np.concatenate([real, fake]), fixed["frequencies"]).unbiased_mmd2(labels[:, None])[0]
    assert found.estimate == pytest.approx(over_all, rel=1e-9)
    whole = mmd_rff.measure(Comparison(real=real, fake=fake, fit=fit), rng=np.random.default_rng(0))
    assert found.estimate == pytest.approx(whole.estimate, rel=0.2)


def test_kid_is_the_mean_over_disjoint_parts() -> None:
    real, fake, fit = sides()
    found = finished("kid", real, fake, fit)
    rows = found.details["rows_per_part"]
    assert rows == M // 16
    values = [
        kid.kernel_distance(real[a : a + rows], fake[a : a + rows])[0]
        for block in range(0, M, 100)
        for a in range(block, block + 100 - rows + 1, rows)
    ]
    assert found.details["parts"] == len(values) == 15
    assert found.estimate == pytest.approx(np.mean(values), rel=1e-10)
    assert found.details["standard_error"] == pytest.approx(np.std(values, ddof=1) / np.sqrt(15), rel=1e-10)


@pytest.mark.parametrize("name", ["plugin_jsd", "ndb", "mode_coverage"])
def test_counts_give_the_number_and_the_test_that_rows_give(name: str) -> None:
    real, fake, fit = sides()
    found = finished(name, real, fake, fit)
    # The same cells: both are cut by k-means on the rows set aside, from the same generator.
    comparison = Comparison(real=real, fake=fake, fit=fit)
    whole = METRICS.get(name).measure(comparison, rng=np.random.default_rng(2))
    assert found.estimate == pytest.approx(whole.estimate, rel=1e-12)
    assert set(found.details) == set(whole.details)
    assert isinstance(found.null, KnownNull)
    assert whole.null is not None
    draws = np.random.default_rng(0)
    labels = np.stack([draws.permutation(np.arange(N + M) < N) for _ in range(2000)], axis=1)
    null = whole.null.statistic(labels)  # type: ignore[union-attr]
    assert found.null.floor is not None
    assert found.null.floor.mean == pytest.approx(null[0].mean(), rel=0.02)
    assert found.null.floor.sd == pytest.approx(null[0].std(), rel=0.1)


def test_classes_modes_and_clusters_travel_with_the_counts() -> None:
    """Counts by known modes, by classes with their names, and by clusters are those of all rows at once."""
    rng = np.random.default_rng(9)
    centres = np.array([[0.0, 0.0], [8.0, 0.0], [0.0, 8.0]])
    labels = rng.integers(3, size=1200)
    rows = centres[labels] + rng.normal(size=(1200, 2))
    codes = np.array([class_code(name) for name in ("ape", "bee", "cat")])[labels]
    known = KnownModes(centres=centres, covariances=np.tile(np.eye(2), (3, 1, 1)), weights=np.full(3, 1 / 3))
    real, fit, fake = rows[:500], rows[500:800], rows[800:][labels[800:] != 1]
    spec = STREAMS.get("mode_coverage")
    for given_, name in (
        ({"modes": known}, "mode 1"),
        ({"fit_labels": codes[500:800]}, "class bee"),
        ({}, None),
    ):
        frame = replace(frame_of(real, fake, fit), **given_)
        blocks = [
            replace(block, real_labels=codes[:500][100 * k : 100 * (k + 1)] if "fit_labels" in given_ else None)
            for k, block in enumerate(blocks_of(real, fake))
        ]
        states, fixed = states_of(spec, frame, blocks)
        found = spec.finish(joined(spec, states), fixed, frame, rng=rng)
        comparison = Comparison(
            real=real, fake=fake, fit=fit, modes=frame.modes, fit_labels=frame.fit_labels,
            real_labels=codes[:500] if "fit_labels" in given_ else None,
        )  # fmt: skip
        comparison.once("mode_model", lambda _, fixed=fixed: model_of(fixed))
        whole = METRICS.get("mode_coverage").measure(comparison, rng=rng)
        assert found.estimate == pytest.approx(2 / 3)
        assert len(found.details["missing"]) == 1
        assert name is None or found.details["missing"] == [name]
        for name_ in ("counts", "share_bounds"):  # what the figure of modes draws
            np.testing.assert_array_equal(found.arrays[name_], whole.arrays[name_])
        assert found.details == whole.details
        # The negative control: without one block the counts are others.
        assert spec.finish(joined(spec, states[1:]), fixed, frame, rng=rng).details != whole.details


TESTS = [name for name in NAMES if name not in ("frechet", "fid", "inception_score", "range_violations")]


def p_value(name: str, scale: float, rng: np.random.Generator) -> float:
    real, fake, fit = (rng.normal(size=(n, 2)) for n in (1600, 1600, 200))
    null = finished(name, real, scale * fake + scale - 1.0, fit, at_once=400).null
    assert isinstance(null, KnownNull)
    assert null.p_value is not None
    return null.p_value.value


@pytest.mark.parametrize("name", TESTS)
def test_a_test_finds_a_difference(name: str) -> None:
    assert p_value(name, 1.5, np.random.default_rng(5)) < 0.05


@pytest.mark.slow
@pytest.mark.parametrize("name", TESTS)
def test_a_p_value_keeps_its_level(name: str) -> None:
    rng = np.random.default_rng(6)
    found = np.mean([p_value(name, 1.0, rng) <= 0.1 for _ in range(100)])
    assert found <= 0.1 + 3 * np.sqrt(0.09 / 100)


def test_all_rows_in_one_place_have_no_kernel() -> None:
    same = np.ones((200, 2))
    for name in ("mmd_rff", "mmd_linear"):
        found = finished(name, same, same, same)
        assert (found.estimate, found.status) == (None, "undefined")


@pytest.mark.parametrize("law", ["normal", "heavy tails"])
def test_the_floor_of_the_frechet_distance_is_what_equal_laws_score(law: str) -> None:
    rng = np.random.default_rng(7)

    def rows(n: int) -> np.ndarray:
        return rng.normal(size=(n, 8)) if law == "normal" else rng.standard_t(5, size=(n, 8))

    scores, floors = [], []
    for _ in range(40):
        found = finished("frechet", rows(600), rows(400), rows(20), at_once=300)
        assert isinstance(found.null, KnownNull)
        assert found.null.floor is not None
        scores.append(found.estimate)
        floors.append(found.null.floor)
    means = [floor.mean for floor in floors]
    assert np.mean(scores) == pytest.approx(np.mean(means), rel=0.1)
    z = [(score - floor.mean) / floor.sd for score, floor in zip(scores, floors, strict=True)]
    assert np.abs(z).max() < 4.5
    assert 0.4 < np.std(z) < 1.6


def test_too_few_rows_for_the_columns_have_no_floor() -> None:
    rng = np.random.default_rng(8)
    real, fake, fit = (rng.normal(size=(n, 100)) for n in (300, 300, 50))
    found = finished("frechet", real, fake, fit)
    assert found.null is None
    assert "halves of 150 rows for 100 columns" in found.reasons["floor"]
