"""Conditional generators: the suite per class, with one multiplicity correction over all classes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import gandiag


def labelled(rng: np.random.Generator, n: int, shift: float = 0.0) -> tuple[Any, Any]:
    labels = rng.integers(3, size=n)
    rows = rng.normal(size=(n, 2)) + 6.0 * labels[:, None]
    rows[labels == 2] += shift
    return rows, labels


def scored(fake: Any, **more: Any) -> Any:
    real = labelled(np.random.default_rng(0), 400)
    return gandiag.score(real, fake, metrics=["energy", "moment_difference", "mmd"], by_class=True, **more)


def test_the_class_that_is_off_is_the_one_that_is_named() -> None:
    report = scored({"mine": labelled(np.random.default_rng(1), 300, shift=1.2)}, permutations=499)
    names = [fake.name for fake in report.fakes]
    assert names == ["mine", "mine, class 0", "mine, class 1", "mine, class 2"]
    lead = {fake.name: fake.diagnoses[0].code for fake in report.fakes}
    assert lead["mine, class 0"] == lead["mine, class 1"] == "ok"
    assert lead["mine, class 2"] == "shifted"
    for fake in report.fakes[1:]:
        assert sum(r.n_fake for r in fake.results if r.metric == "energy") < 150


def test_p_values_are_adjusted_over_all_classes_together() -> None:
    report = scored(labelled(np.random.default_rng(2), 300), permutations=199)
    tested = [r.p_value for fake in report.fakes[1:] for r in fake.results]
    smallest = min(p.value for p in tested)
    first = next(p for p in tested if p.value == smallest)
    assert first.adjusted == pytest.approx(min(1.0, len(tested) * smallest))
    assert len(tested) == 9


def test_rows_without_classes_are_refused() -> None:
    rows, _ = labelled(np.random.default_rng(3), 300)
    with pytest.raises(gandiag.ConfigError, match="needs the class of every row"):
        scored(rows)


def test_no_common_class_is_refused() -> None:
    rows, labels = labelled(np.random.default_rng(4), 300)
    with pytest.raises(gandiag.ConfigError, match="a class with at least 8 rows on every side"):
        scored((rows, labels + 10))


def test_the_report_of_classes_is_written_and_read(tmp_path: Any) -> None:
    report = scored(labelled(np.random.default_rng(5), 200), permutations=99)
    report.to_json(tmp_path / "r.json")
    report.to_html(tmp_path / "r.html")
    again = gandiag.Report.read(tmp_path / "r.json")
    assert [fake.name for fake in again.fakes] == [fake.name for fake in report.fakes]


def test_classes_with_too_few_rows_are_named_and_not_passed_over() -> None:
    rows, labels = labelled(np.random.default_rng(6), 300)
    labels[:3] = 9
    report = scored((rows, labels), permutations=19)
    assert [note for note in report.fakes[0].notes if "not scored alone" in note] == [
        "classes not scored alone, for fewer than 8 rows on a side (real, set aside or fake): 9"
    ]


def test_known_modes_of_other_classes_are_not_asked_of_one_class() -> None:
    # All eight known modes were held against the rows of one: log 8 for a perfect sampler.
    report = gandiag.score("toy:ring8", "toy:ring8", by_class=True, n=600, metrics=["mode_kl"], permutations=19)
    assert [each.results[0].estimate < 0.5 for each in report.fakes] == [True] * 9


@pytest.mark.parametrize("by_class", ["yes", 1, 0.0])
def test_by_class_is_yes_or_no(by_class: Any) -> None:
    rows = np.zeros((20, 2))
    with pytest.raises(gandiag.ConfigError, match="`by_class` must be True or False; got"):
        gandiag.score(rows, rows, by_class=by_class)


def test_rows_are_mapped_once_and_not_once_for_every_class(monkeypatch: pytest.MonkeyPatch) -> None:
    from gandiag.features._affine import Affine
    from gandiag.preparation import prepare

    asked: list[int] = []
    plain = Affine.__call__

    def counted(self: Affine, samples: gandiag.SampleSet) -> np.ndarray:
        asked.append(len(samples))
        return plain(self, samples)

    monkeypatch.setattr(Affine, "__call__", counted)
    real, fake = gandiag.open_sampler("data:digits?split=train"), gandiag.open_sampler("data:digits?split=test")
    prepared = prepare(real, [("fake", fake)], train=None, features=None, n=None, seed=0)
    parts = [prepared.of_class(label) for label in prepared.classes()]
    for part in parts:
        part.comparison(0, seed=0)
    assert len(asked) == 3
    three = parts[3]
    assert np.array_equal(three.matrix("real", three.real), plain(prepared.features, three.real))  # type: ignore[arg-type]
