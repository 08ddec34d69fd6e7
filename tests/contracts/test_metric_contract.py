"""What every metric promises in its spec, checked over the catalog: declared properties hold, and only those."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gandiag.calibration.inputs import suited
from gandiag.core.comparison import Comparison
from gandiag.core.results import OPTIONAL_FIELDS, Measurement, Relabelling, Result
from gandiag.core.specs import METRICS, MetricSpec
from gandiag.measuring import Settings, measured

NAMES = METRICS.names()


def normal_pair(n: int = 120, m: int = 90, d: int = 3, shift: float = 0.8, seed: int = 0) -> Comparison:
    rng = np.random.default_rng(seed)
    return Comparison(
        real=rng.normal(size=(n, d)),
        fake=rng.normal(size=(m, d)) * 1.3 + shift,
        fit=rng.normal(size=(80, d)),
        train=rng.normal(size=(100, d)),
        outside=np.arange(m) < 7,
    )


def run(name: str, comparison: Comparison) -> Result:
    spec = METRICS.get(name)
    settings = Settings(permutations=99, options={name: spec.example} if spec.example else None)
    return measured(spec, suited(spec, comparison), settings=settings)


def measurement_of(spec: MetricSpec, comparison: Comparison) -> Measurement:
    return spec.measure(suited(spec, comparison), rng=np.random.default_rng(3), **spec.example)


def estimate(spec: MetricSpec, comparison: Comparison) -> float:
    value = measurement_of(spec, comparison).estimate
    assert value is not None
    return value


@pytest.mark.parametrize("name", NAMES)
def test_a_result_is_complete(name: str) -> None:
    result = run(name, normal_pair())
    assert result.status in {"ok", "degraded"}, result.reasons
    assert result.estimate is not None
    for field in OPTIONAL_FIELDS:
        assert getattr(result, field) is not None or result.reasons[field]
    assert result.floor is not None, "every metric must know what equal laws score"
    assert result.p_value is not None
    assert 0 < result.p_value.value <= 1


@pytest.mark.parametrize("name", NAMES)
def test_the_estimate_lies_in_the_declared_range(name: str) -> None:
    spec = METRICS.get(name)
    value = estimate(spec, normal_pair())
    assert spec.low is None or value >= spec.low
    assert spec.high is None or value <= spec.high


@pytest.mark.parametrize("name", NAMES)
def test_the_same_stream_gives_the_same_bits(name: str) -> None:
    first, second = run(name, normal_pair()), run(name, normal_pair())
    assert first.estimate == second.estimate
    assert first.p_value is not None
    assert second.p_value is not None
    assert first.p_value.value == second.p_value.value
    assert first.details == second.details


@pytest.mark.parametrize("name", NAMES)
def test_inputs_are_not_written_to(name: str) -> None:
    pair = normal_pair()
    before = [getattr(pair, side).copy() for side in ("real", "fake", "fit", "train")]
    run(name, pair)
    for side, values in zip(("real", "fake", "fit", "train"), before, strict=True):
        np.testing.assert_array_equal(getattr(pair, side), values)


def four_modes(rng: np.random.Generator, rows: int, modes: int = 4) -> np.ndarray:
    centres = np.array([[4.0, 0, 0], [-4, 0, 0], [0, 4, 0], [0, -4, 0]])
    return centres[rng.integers(modes, size=rows)] + 0.3 * rng.normal(size=(rows, 3))


def witnesses() -> list[Comparison]:
    """Comparisons among which every property that is not declared must break at least once."""
    rng = np.random.default_rng(11)
    rows = {side: four_modes(rng, 120) for side in ("real", "fit", "train")}
    repeated = np.repeat(four_modes(rng, 40), 3, axis=0)
    copied = np.concatenate([rows["real"][:50], rows["train"][:20], four_modes(rng, 50)])
    fakes = [four_modes(rng, 120, modes=2), repeated, copied, 0.5 * four_modes(rng, 120) + 1.0]
    # The wide one: a critic that tells more of one side than of the other.
    fakes.append(np.concatenate([four_modes(rng, 90), 30.0 * rng.normal(size=(30, 3))]))
    fakes.append(np.concatenate([np.repeat(rows["real"][:1], 6, axis=0), four_modes(rng, 114)]))
    outside = np.arange(120) < 9
    return [
        normal_pair(n=100, m=100),
        *(Comparison(**rows, fake=fake, outside=outside) for fake in fakes),
    ]


def estimates(spec: MetricSpec, *pairs: Comparison) -> list[float]:
    """Measure some comparisons; an undefined one leaves nothing to compare."""
    found = [measurement_of(spec, pair).estimate for pair in pairs]
    return [value for value in found if value is not None]


def agree(values: list[float]) -> bool:
    return len(values) < 2 or bool(np.isclose(values[0], values[1], rtol=1e-6, atol=1e-9))


def declared_holds(declared: bool, agreements: list[bool]) -> bool:
    """A declared property holds everywhere; one that is not declared breaks somewhere."""
    return all(agreements) == declared


@pytest.mark.parametrize("name", NAMES)
def test_symmetry_is_as_declared(name: str) -> None:
    spec = METRICS.get(name)
    agreements = []
    for pair in witnesses():
        swapped = replace(pair, real=pair.fake, fake=pair.real, outside=np.zeros(pair.n, dtype=bool), _shared={})
        agreements.append(agree(estimates(spec, pair, swapped)))
    assert declared_holds(spec.symmetric, agreements), agreements


@pytest.mark.parametrize("name", NAMES)
def test_scale_invariance_is_as_declared(name: str) -> None:
    spec = METRICS.get(name)
    agreements = []
    for pair in (suited(spec, witness) for witness in witnesses()):
        sides = {side: getattr(pair, side) * 8.0 for side in ("real", "fake", "fit", "train")}
        agreements.append(agree(estimates(spec, pair, replace(pair, **sides, _shared={}))))
    assert declared_holds(spec.scale_invariant, agreements), agreements


@pytest.mark.parametrize("name", NAMES)
def test_a_sample_against_itself_is_zero_where_declared(name: str) -> None:
    spec = METRICS.get(name)
    zeros = []
    for pair in witnesses():
        for side in (pair.real, pair.fake):
            same = replace(pair, real=side, fake=side, outside=np.zeros(len(side), dtype=bool), _shared={})
            zeros += [abs(value) < 1e-7 for value in estimates(spec, same)]
    # A lower bound is often 0 without being so by definition.
    assert declared_holds(spec.zero_on_equal, zeros) or (spec.kind == "lower_bound" and all(zeros)), zeros


def degenerate(kind: str) -> Comparison:
    rng = np.random.default_rng(5)
    normal = {side: rng.normal(size=(60, 4)) for side in ("real", "fake", "fit", "train")}
    constant_column = {side: np.column_stack([x[:, :3], np.ones(60)]) for side, x in normal.items()}
    cases = {
        "constant column": constant_column,
        "constant fake": normal | {"fake": np.ones((60, 4))},
        "constant real": normal | {"real": np.ones((60, 4)), "fit": np.ones((60, 4)), "train": np.ones((60, 4))},
        "all equal": {side: np.ones((60, 4)) for side in normal},
        "duplicated rows": {side: np.repeat(x[:20], 3, axis=0) for side, x in normal.items()},
        "more columns than rows": {side: rng.normal(size=(20, 50)) for side in normal},
        "one column": {side: x[:, :1] for side, x in normal.items()},
        "binary": {side: (x > 0).astype(float) for side, x in normal.items()},
        "far from the origin": {side: x + 1e6 for side, x in normal.items()},
        "huge": {side: x * 1e8 for side, x in normal.items()},
        "tiny": {side: x * 1e-8 for side, x in normal.items()},
        "two rows": {side: x[:2] for side, x in normal.items()},
    }
    sides = cases[kind]
    return Comparison(**sides, outside=np.zeros(len(sides["fake"]), dtype=bool))


KINDS = (
    "constant column",
    "constant fake",
    "constant real",
    "all equal",
    "duplicated rows",
    "more columns than rows",
    "one column",
    "binary",
    "far from the origin",
    "huge",
    "tiny",
    "two rows",
)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", NAMES)
def test_a_degenerate_input_is_answered_not_crashed_on(name: str, kind: str) -> None:
    result = run(name, degenerate(kind))
    assert result.status != "failed", result.reasons["estimate"]
    if result.status == "undefined":
        assert result.estimate is None
        assert result.reasons["estimate"]
    if kind == "all equal" and result.p_value is not None:
        assert result.p_value.value == 1.0


@pytest.mark.parametrize("name", NAMES)
def test_a_metric_has_a_mirror_test_and_a_card(name: str) -> None:
    spec = METRICS.get(name)
    assert (Path(__file__).parents[1] / "metrics" / f"test_{name}.py").exists()
    for text in (spec.title, spec.summary, spec.sees, spec.blind_to, spec.cost, spec.source, spec.unit):
        assert text.strip()


@pytest.mark.parametrize("name", NAMES)
def test_tied_labels_of_the_null_count_as_ties(name: str) -> None:
    """The observed labelling, put through the statistic again, must equal itself and the estimate."""
    measurement = measurement_of(METRICS.get(name), normal_pair())
    if not isinstance(measurement.null, Relabelling):
        assert measurement.null is not None
        return
    observed = measurement.null.observed
    values = np.atleast_2d(measurement.null.statistic(np.repeat(observed[:, None], 3, axis=1)))
    np.testing.assert_allclose(values, values[:, :1].repeat(3, axis=1), rtol=1e-12, atol=1e-14)
    assert values[0, 0] == pytest.approx(measurement.estimate, rel=1e-7, abs=1e-9)
