"""What every pathology promises, over the catalog."""

from __future__ import annotations

import numpy as np
import pytest
from pathology_sources import Blobs, dice, draw, finite, images, same_rows, wrapped

from gandiag.core.protocols import Sampler
from gandiag.core.specs import DATASETS, DIAGNOSES, PATHOLOGIES
from gandiag.errors import ConfigError

NAMES = PATHOLOGIES.names()
SOURCES = {
    "endless": Blobs,
    "with modes": lambda: Blobs(modes=True),
    "single precision": lambda: Blobs(dtype=np.float32),
    "finite": finite,
    "images": images,
    "colour images": lambda: images(channels=True),
    "digits": lambda: DATASETS.get("digits").open(split="test"),
    "stacked digits": lambda: DATASETS.get("stacked_digits").open(),
}
LEAVES_THE_RANGE = {"shift", "scale"}
FOR_DISCRETE = {"collapse", "duplicate", "memorise", "noise"}
NEEDS_LABELS = {"drop_modes", "reweight_modes"}


def test_the_catalog_holds_the_known_ways_of_being_wrong() -> None:
    assert set(NAMES) >= FOR_DISCRETE | NEEDS_LABELS | LEAVES_THE_RANGE | {"shrink", "blur", "quantise"}


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("name", NAMES)
def test_the_healthy_dial_returns_the_rows_of_the_source_bit_for_bit(name: str, source: str) -> None:
    inner = SOURCES[source]()
    healthy = wrapped(name, inner, PATHOLOGIES.get(name).healthy)
    ours, theirs = draw(healthy, 40), draw(inner, 40)
    assert healthy.size == inner.size
    assert ours.values.dtype == theirs.values.dtype
    np.testing.assert_array_equal(ours.values, theirs.values)
    np.testing.assert_array_equal(ours.labels, theirs.labels)


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("name", NAMES)
def test_the_example_changes_rows_and_nothing_else(name: str, source: str) -> None:
    inner = SOURCES[source]()
    ill = wrapped(name, inner, PATHOLOGIES.get(name).example)
    assert isinstance(ill, Sampler)
    ours, theirs = draw(ill, 25), draw(inner, 25)
    assert len(ours) == 25
    if (name, source) != ("drop_modes", "stacked digits"):  # two of a thousand classes need more rows to be missed
        assert not np.array_equal(ours.matrix(), theirs.matrix())
    assert (ours.shape, ours.kind, ours.value_range, ours.lag) == (
        theirs.shape,
        theirs.kind,
        theirs.value_range,
        theirs.lag,
    )
    assert ours.modes is theirs.modes
    assert ours.labels is not None
    assert ours.values.dtype == theirs.values.dtype
    assert ours.source == ill.name == f"{inner.name}!{name}={PATHOLOGIES.get(name).example:g}"
    if ours.value_range is not None and name not in LEAVES_THE_RANGE:
        assert ours.value_range[0] <= ours.matrix().min()
        assert ours.matrix().max() <= ours.value_range[1]


@pytest.mark.parametrize("name", NAMES)
def test_the_same_generator_state_gives_the_same_rows(name: str) -> None:
    for source in (Blobs, finite):
        first, again = (draw(wrapped(name, source(), PATHOLOGIES.get(name).example), 30) for _ in range(2))
        np.testing.assert_array_equal(first.values, again.values)
        np.testing.assert_array_equal(first.labels, again.labels)
        other = draw(wrapped(name, source(), PATHOLOGIES.get(name).example), 30, seed=1)
        assert not same_rows(first, other).all()


@pytest.mark.parametrize("name", NAMES)
def test_a_wrapped_sampler_is_one_law_however_often_it_is_asked(name: str) -> None:
    """What earlier draws were made must not matter: statistics come from the pathology's own stream."""
    fresh, used = (wrapped(name, Blobs(), PATHOLOGIES.get(name).example) for _ in range(2))
    for seed in range(3):
        draw(used, 17, seed=seed + 50)
    np.testing.assert_array_equal(draw(fresh, 30).values, draw(used, 30).values)


@pytest.mark.parametrize("name", NAMES)
def test_a_finite_source_can_be_drawn_to_its_declared_end(name: str) -> None:
    ill = wrapped(name, finite(), PATHOLOGIES.get(name).example)
    rows = 300 if ill.size is None else ill.size
    assert len(draw(ill, rows)) == rows


@pytest.mark.parametrize("name", NAMES)
def test_the_samples_of_the_source_are_not_written_to(name: str) -> None:
    source = finite()
    before = source.values.copy()
    draw(wrapped(name, source, PATHOLOGIES.get(name).example), 20)
    np.testing.assert_array_equal(source.values, before)


@pytest.mark.parametrize("name", sorted(FOR_DISCRETE))
def test_discrete_samples_stay_whole_numbers_in_range(name: str) -> None:
    samples = draw(wrapped(name, dice(), 0.5), 60)
    assert samples.kind == "discrete"
    assert samples.values.dtype.kind == "i"
    assert samples.values.min() >= 0
    assert samples.values.max() <= 5


@pytest.mark.parametrize("name", sorted(set(NAMES) - FOR_DISCRETE - NEEDS_LABELS))
def test_discrete_samples_are_refused_where_values_would_have_to_move(name: str) -> None:
    with pytest.raises(ConfigError, match=rf"{name} must have vectors or images.*Use collapse"):
        draw(wrapped(name, dice(), PATHOLOGIES.get(name).example), 5)


@pytest.mark.parametrize("name", sorted(NEEDS_LABELS))
def test_a_source_without_labels_is_refused_where_classes_matter(name: str) -> None:
    with pytest.raises(ConfigError, match=r"must know the class of each row.*pass labels="):
        draw(wrapped(name, Blobs(labelled=False), PATHOLOGIES.get(name).example), 5)


@pytest.mark.parametrize("name", NAMES)
def test_bad_dials_are_refused(name: str) -> None:
    for severity in ("much", float("nan"), float("inf"), None, -1.5 if name != "shift" else "x"):
        with pytest.raises(ConfigError, match=r"`severity` must be a (finite|whole) number"):
            wrapped(name, Blobs(), severity)
    with pytest.raises(ConfigError, match=rf"the pathology {name} has no such option; got sed\. Did you mean 'seed'"):
        wrapped(name, Blobs(), PATHOLOGIES.get(name).example, sed=1)
    with pytest.raises(ConfigError, match="`seed` must be a whole number, at least 0"):
        wrapped(name, Blobs(), PATHOLOGIES.get(name).example, seed=-1)


@pytest.mark.parametrize("name", NAMES)
def test_a_dial_may_be_text(name: str) -> None:
    example = PATHOLOGIES.get(name).example
    text, plain = (draw(wrapped(name, Blobs(), s, seed=k), 10) for s, k in ((str(example), "2"), (example, 2)))
    np.testing.assert_array_equal(text.values, plain.values)


@pytest.mark.parametrize("name", NAMES)
def test_a_pathology_names_a_diagnosis_and_its_dial(name: str) -> None:
    spec = PATHOLOGIES.get(name)
    assert spec.code in DIAGNOSES.names()
    assert spec.summary
    assert spec.severity
    assert spec.example != spec.healthy


def test_pathologies_can_be_stacked() -> None:
    twice = wrapped("noise", wrapped("drop_modes", finite(), 3), 0.5)
    assert twice.name == "rows!drop_modes=3!noise=0.5"
    assert twice.size == 140
    assert len(set(draw(twice, 140).labels)) == 7
