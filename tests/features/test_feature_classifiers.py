"""Features that end in a classifier: the inception score is read off them, and runs unasked on Inception features."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import gandiag
from gandiag.core.comparison import Comparison
from gandiag.evaluate import _chosen
from gandiag.features._network_map import softmax
from gandiag.metrics.inception_score import inception_score
from gandiag.preparation import prepare

CODE = """
import numpy as np

class Map:
    def __init__(self, name="inception:5:test"):
        self.name = name
    def __call__(self, samples):
        return samples.matrix()
    def fingerprint(self):
        return self.name
    def modes(self, modes):
        return None
    def classify(self, rows):
        weights = np.exp(3.0 * rows[:, :4])
        return weights / weights.sum(axis=1, keepdims=True)

inception = Map()
other = Map("other:5:test")
"""


@pytest.fixture
def file(tmp_path: Path) -> str:
    (tmp_path / "maps.py").write_text(CODE)
    return str(tmp_path / "maps.py")


def rows(n: int, seed: int) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(size=(n, 5))


def test_on_inception_features_the_inception_score_runs_unasked(file: str) -> None:
    sides = gandiag.open_sampler(rows(160, 0)), gandiag.open_sampler(rows(100, 1))
    for name, unasked in (("inception", True), ("other", False)):
        prepared = prepare(sides[0], [("", sides[1])], train=None, features=f"{file}:{name}", n=None, seed=0)
        chosen = {spec.name for spec in _chosen(None, prepared)}
        assert "frechet" in chosen
        assert ("inception_score" in chosen) is unasked
    names = ["fid", "inception_score", "frechet"]
    report = gandiag.score(rows(160, 0), rows(100, 1), features=f"{file}:inception", metrics=names, permutations=19)
    result = report["inception_score"]
    assert result.details["classes"] == 4
    assert result.estimate == pytest.approx(inception_score(softmax(3.0 * rows(100, 1)[:, :4])), rel=1e-12)
    assert report["fid"].estimate == pytest.approx(report["frechet"].estimate, rel=1e-9)


def test_on_other_features_that_classify_it_runs_when_asked(file: str) -> None:
    sides = rows(160, 0), rows(100, 1)
    report = gandiag.score(*sides, features=f"{file}:other", metrics=["inception_score", "fid"], permutations=19)
    assert report["inception_score"].estimate is not None
    assert report["fid"].status == "undefined"
    bare = gandiag.score(*sides, features="identity", metrics=["inception_score"], permutations=19)
    assert bare["inception_score"].status == "undefined"
    assert "features that end in a classifier" in bare["inception_score"].reasons["estimate"]


def test_verdicts_are_read_once_and_of_every_subset() -> None:
    asked: list[int] = []

    def classify(values: NDArray[np.float64]) -> NDArray[np.float64]:
        asked.append(len(values))
        return softmax(values)

    comparison = Comparison(real=rows(30, 0), fake=rows(20, 1), fit=rows(9, 2), classify=classify)
    real, fake = comparison.class_probabilities()
    assert comparison.class_probabilities()[0] is real
    assert asked == [30, 20]
    np.testing.assert_allclose(fake, softmax(rows(20, 1)))
    assert "probabilities" in comparison.given
    few = comparison.at_most(10)
    np.testing.assert_allclose(few.class_probabilities()[0], softmax(few.real))
