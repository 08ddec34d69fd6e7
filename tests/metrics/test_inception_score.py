"""Inception score: its range, torch-fidelity's number, its null, and a planted error that must fail."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gandiag.core.comparison import Comparison
from gandiag.core.results import Measurement, Relabelling
from gandiag.errors import ConfigError, TooFewSamplesError
from gandiag.inference.permutation import permutation_null
from gandiag.measuring import measured as run
from gandiag.metrics.inception_score import METRIC, inception_score, measure
from gandiag.settings import Settings

Matrix = NDArray[np.float64]


def softmax(logits: Matrix) -> Matrix:
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def verdicts(rng: np.random.Generator, n: int, classes: int = 5, of: int = 5, sure: float = 3.0) -> Matrix:
    """Class probabilities of samples from the first ``of`` classes."""
    return softmax(rng.normal(size=(n, classes)) + sure * np.eye(classes)[rng.integers(of, size=n)])


def measured(real: Matrix, fake: Matrix, **options: Any) -> Measurement:
    return measure(Comparison(real=real, fake=fake, fit=real), rng=np.random.default_rng(0), **options)


def p_value(real: Matrix, fake: Matrix, seed: int = 0, **options: Any) -> float:
    null = measured(real, fake, **options).null
    assert isinstance(null, Relabelling)
    return permutation_null(null, draws=99, rng=np.random.default_rng(seed)).p_value


def test_the_range_is_one_to_the_number_of_classes() -> None:
    assert inception_score(np.tile(np.eye(10), (3, 1))) == pytest.approx(10.0, rel=1e-12)
    assert inception_score(np.tile(np.eye(10)[:4], (3, 1))) == pytest.approx(4.0, rel=1e-12)
    assert inception_score(np.tile(np.eye(10)[:1], (3, 1))) == 1.0
    assert inception_score(np.full((7, 10), 0.1)) == pytest.approx(1.0, rel=1e-12)


@pytest.mark.usefixtures("torchvision_schemas")
@pytest.mark.parametrize("splits", [1, 3, 10])
@pytest.mark.differential("D07")
def test_d07_it_agrees_with_torch_fidelity_and_an_error_of_a_hundredth_does_not(splits: int) -> None:
    torch = pytest.importorskip("torch")
    peer = pytest.importorskip("torch_fidelity.metric_isc")
    logits = 2.0 * np.random.default_rng(0).normal(size=(203, 12))
    order = np.random.RandomState(2020).permutation(203)
    for rows, shuffle in ((logits, False), (logits[order], True)):
        found = peer.isc_features_to_metric(torch.from_numpy(logits), splits=splits, shuffle=shuffle, rng_seed=2020)
        expected = found["inception_score_mean"]
        assert inception_score(softmax(rows), splits) == pytest.approx(expected, rel=1e-10)
        assert 1.01 * inception_score(softmax(rows), splits) != pytest.approx(expected, rel=1e-10)
    details = measured(softmax(logits), softmax(logits), splits=splits).details
    unshuffled = peer.isc_features_to_metric(torch.from_numpy(logits), splits=splits, shuffle=False)
    assert details["sd_of_splits"] == pytest.approx(unshuffled["inception_score_std"], rel=1e-9, abs=1e-12)
    # The divergence the other way round is another number.
    rows = softmax(logits)
    overall = rows.mean(axis=0)
    turned = np.exp((overall * np.log(overall / rows)).sum(axis=1).mean())
    assert turned != pytest.approx(inception_score(rows), rel=1e-2)


def test_its_bias_is_the_number_of_classes_over_the_rows() -> None:
    """Logarithm of the score at n rows less that at many: (K - 1) / 2n for certain verdicts, within 4 errors."""
    rng = np.random.default_rng(1)
    found = np.array([np.log(inception_score(np.eye(5)[rng.integers(5, size=100)])) for _ in range(300)])
    error = found.std() / np.sqrt(300)
    assert abs(found.mean() - (np.log(5.0) - 4 / 200)) < 4 * error
    assert abs(found.mean() - np.log(5.0)) > 4 * error


def level(reps: int) -> int:
    count = 0
    for seed in range(reps):
        rng = np.random.default_rng(seed)
        count += p_value(verdicts(rng, 30), verdicts(rng, 20), seed) <= 0.05
    return count


def test_the_test_holds_its_level() -> None:
    assert 8 <= level(500) <= 46  # binomial limits at 1e-4


@pytest.mark.slow
def test_the_test_holds_its_level_over_many_repetitions() -> None:
    assert 64 <= level(2000) <= 140


def test_it_sees_missing_classes_and_unsure_verdicts_and_not_surer_ones() -> None:
    rng = np.random.default_rng(2)
    real = verdicts(rng, 150)
    assert p_value(real, verdicts(rng, 150, of=3)) == 0.01
    assert p_value(real, verdicts(rng, 150, sure=1.5)) == 0.01
    assert p_value(real, verdicts(rng, 150, sure=8.0)) > 0.5
    assert p_value(real, verdicts(rng, 150), splits=5) > 0.01


def test_splits_are_relabelled_as_they_are_scored() -> None:
    rng = np.random.default_rng(3)
    real, fake = verdicts(rng, 31), verdicts(rng, 23)
    found = measured(real, fake, splits=4)
    assert isinstance(found.null, Relabelling)
    labels = rng.permuted(np.arange(54) < 31)
    pool = np.concatenate([real, fake])
    values = found.null.statistic(labels[:, None])[:, 0]
    fake_score, real_score = inception_score(pool[~labels], 4), inception_score(pool[labels], 4)
    assert values == pytest.approx([fake_score, np.log(fake_score / real_score)], rel=1e-10)
    assert found.estimate == pytest.approx(inception_score(fake, 4), rel=1e-12)


def test_what_are_no_probabilities_is_undefined_with_the_way_out() -> None:
    rng = np.random.default_rng(4)
    rows = rng.normal(size=(30, 4))
    result = run(METRIC, Comparison(real=rows, fake=rows, fit=rows), settings=Settings(permutations=9))
    assert result.status == "undefined"
    assert "class probabilities" in result.reasons["estimate"]


def test_more_splits_than_rows_are_refused() -> None:
    with pytest.raises(TooFewSamplesError, match="10 splits need as many rows; got 4"):
        inception_score(np.eye(4), 10)
    found = measured(np.eye(4), np.eye(4), splits=10)
    assert found.status == "undefined"
    assert "10 splits need as many rows" in found.reasons["estimate"]
    with pytest.raises(ConfigError, match="`splits` must be a whole number, at least 1"):
        measured(np.eye(4), np.eye(4), splits=0)
