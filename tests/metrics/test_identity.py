"""Identity: known distances, both tests, the reduction, impossible values, and a law that real rows do not follow."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gandiag.core.comparison import Comparison
from gandiag.core.results import Measurement
from gandiag.errors import ConfigError
from gandiag.inference.nulls import summarise_null
from gandiag.metrics.identity import METRIC

Ids = NDArray[np.int64]
LAW = [0.4, 0.3, 0.2, 0.1]


def measured(real: Any, fake: Any, seed: int = 0, **options: Any) -> Measurement:
    real, fake = (np.asarray(x, dtype=float).reshape(len(x), -1) for x in (real, fake))
    pair = Comparison(real=real, fake=fake, fit=real)
    return METRIC.measure(pair, rng=np.random.default_rng(seed), **options)


def p_of(found: Measurement, draws: int = 99) -> float:
    null = summarise_null(found, draws=draws, rng=np.random.default_rng(1))
    assert null.p_value is not None
    return null.p_value.value


def drawn(rng: np.random.Generator, rows: int, law: list[float] = LAW) -> Ids:
    return rng.choice(len(law), size=rows, p=law)


def test_the_distance_of_known_shares() -> None:
    fake = np.repeat([0, 1, 2, 3], [50, 30, 20, 0])
    found = measured(fake, fake, pmf=LAW)
    assert found.estimate == pytest.approx(0.1, abs=1e-12)
    assert found.arrays["shares"].tolist() == [0.5, 0.3, 0.2, 0.0]
    # A tenth on a value that the law does not have moves that tenth.
    other = measured(fake, np.repeat([0, 1, 2, 9], [40, 30, 20, 10]), pmf=LAW)
    assert other.estimate == pytest.approx(0.1, abs=1e-12)
    assert other.details["elsewhere"] == 10
    assert other.details["identity_p"] == 1 / 1000
    assert other.details["reduced_p"] == 1 / 1000


def level(reps: int, seed: int) -> Any:
    rng, hits = np.random.default_rng(seed), np.zeros(3, dtype=int)
    for i in range(reps):
        found = measured(drawn(rng, 60), drawn(rng, 40), i, pmf=LAW)
        hits += [p_of(found) <= 0.05, found.details["identity_p"] <= 0.05, found.details["reduced_p"] <= 0.05]
    return hits


def test_all_three_tests_keep_their_level() -> None:
    assert level(100, 2).max() <= 15  # exact binomial limit at 1e-4


@pytest.mark.slow
def test_all_three_tests_keep_their_level_over_many_repetitions() -> None:
    assert level(2000, 3).max() <= 140


def test_the_relabelled_test_keeps_its_level_when_the_law_is_wrong_and_the_simulated_one_cannot() -> None:
    rng, hits, simulated = np.random.default_rng(4), 0, 0
    wrong = [0.25, 0.25, 0.25, 0.25]
    for i in range(100):
        found = measured(drawn(rng, 60), drawn(rng, 60), i, pmf=wrong)
        hits += p_of(found) <= 0.05
        simulated += found.details["identity_p"] <= 0.05
    assert hits <= 15
    assert simulated > 60
    assert "do not follow the given law" in measured(drawn(rng, 500), drawn(rng, 500), pmf=wrong).warnings[0]


def test_another_law_is_found_and_the_reduction_is_the_weaker_test() -> None:
    rng = np.random.default_rng(5)
    other, found = [0.3, 0.3, 0.2, 0.2], []
    for i in range(20):
        found.append(measured(drawn(rng, 300), drawn(rng, 300, other), i, pmf=LAW))
    assert sum(f.details["identity_p"] <= 0.05 for f in found) >= 18
    assert sum(p_of(f) <= 0.05 for f in found) >= 12
    assert sum(f.details["reduced_p"] <= 0.05 for f in found) < 15


def test_a_fake_nearer_to_the_law_than_real_is_not_farther() -> None:
    rng = np.random.default_rng(6)
    even = [0.25] * 4
    found = measured(drawn(rng, 300, even), drawn(rng, 300), pmf=LAW)
    assert p_of(found) > 0.9
    assert found.details["identity_p"] > 0.001 >= found.details["identity_p_real"]
    assert p_of(measured(drawn(rng, 300), drawn(rng, 300, even), pmf=LAW)) == 0.01


def test_values_may_be_rows_or_one_column() -> None:
    rng = np.random.default_rng(6)
    bits = rng.integers(2, size=(400, 2))
    corners = [[0, 0], [0, 1], [1, 0], [1, 1]]
    assert measured(bits, bits, pmf=[0.25] * 4, points=corners).details["identity_p"] > 0.01
    assert measured(bits, bits, pmf=[0.5, 0.5], column=1).details["identity_p"] > 0.01
    tied = np.repeat(bits[:, :1], 2, axis=1)
    assert measured(bits, tied, pmf=[0.25] * 4, points=corners).details["identity_p"] == 1 / 1000
    assert measured(bits, tied, pmf=[0.5, 0.5], column=1).details["identity_p"] > 0.01  # blind to dependence


def test_missing_and_wrong_options() -> None:
    rows = np.arange(12) % 4
    assert "no law is given" in measured(rows, rows).reasons["estimate"]
    with pytest.raises(ConfigError, match="a law is a list of probabilities"):
        measured(rows, rows, pmf=[0.5, 0.6])
    with pytest.raises(ConfigError, match="`points` must name each value of `pmf` once"):
        measured(rows, rows, pmf=LAW, points=[1, 1, 2, 3])
    with pytest.raises(ConfigError, match="`points` must be as wide as the rows"):
        measured(rows, rows, pmf=[0.5, 0.5], points=[[0, 0], [0, 1]])
    with pytest.raises(ConfigError, match="`column` must be a column of the rows; got 1"):
        measured(rows, rows, pmf=LAW, column=1)
