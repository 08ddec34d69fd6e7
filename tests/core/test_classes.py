"""Classes by name: one name is one class on every side, in every batch and file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import gandiag
from gandiag.core.classes import FIRST_CODE, class_code, noting_names, numbered, of_like_classes
from gandiag.core.samples import SampleSet


def side(*names: Any) -> SampleSet:
    codes = [class_code(name) if isinstance(name, str) else name for name in names]
    return SampleSet(values=np.zeros((len(names), 1)), labels=np.array(codes, dtype=np.int64))


def test_a_name_has_one_number_and_whole_numbers_are_themselves() -> None:
    assert class_code("cat") == class_code("cat") != class_code("dog")
    assert [class_code(name) for name in ("3", "007", "-1")] == [3, 7, -1]
    assert min(class_code(name) for name in ("", "1.5", "ä", "\udcff", "1" * 16)) >= FIRST_CODE
    assert float(class_code("cat")) == class_code("cat") < 2**52


def test_all_sides_are_numbered_in_the_order_of_names_after_the_numbers() -> None:
    bare = SampleSet(values=np.zeros((2, 1)))
    (first, second, third), names = numbered([side("dog", "ant"), side("cat", "dog", 4), bare])
    assert first.labels is not None
    assert second.labels is not None
    assert first.labels.tolist() == [7, 5]
    assert second.labels.tolist() == [6, 7, 4]
    assert third.labels is None
    assert names == {5: "ant", 6: "cat", 7: "dog"}
    assert noting_names(first, names).notes == ("classes by name: 5 = 'ant', 6 = 'cat', 7 = 'dog'",)
    assert numbered([side(3, 1)])[1] == {}
    assert numbered([bare])[1] == {}


def test_names_against_numbers_are_left_out_in_words() -> None:
    found = of_like_classes(side("cat", "dog"), side(0, 1))
    assert found.labels is None
    assert found.notes == ("its classes were left out: they are numbers where those of unnamed are names",)
    assert of_like_classes(side(0, 1), side(7, 8)).labels is not None
    assert of_like_classes(side("cat", "1"), side("1", "1")).labels is not None


def test_classes_that_one_side_lacks_do_not_shift_the_others() -> None:
    # Numbered in each side's own order, "dog" of the one side was compared with "cat" of the other, and passed.
    rng = np.random.default_rng(0)
    real, fake = rng.normal(size=(200, 2)), rng.normal(size=(150, 2))
    animals = np.array(["ant", "cat", "dog"])
    report = gandiag.score(
        (real, animals[rng.integers(0, 2, 200)]),
        (fake, animals[rng.integers(1, 3, 150)]),
        metrics=["joint_mmd", "conditional_energy"],
        permutations=99,
    )
    rows = report["joint_mmd"].details["classes"]
    assert [row["fake"] > 0 for row in rows] == [False, True, True]
    assert [row["real"] > 0 for row in rows] == [True, True, False]
    assert report["joint_mmd"].p_value is not None
    assert report["joint_mmd"].p_value.value == 0.01
    assert [row["class"] for row in report["conditional_energy"].details["classes"]] == [1]
    assert "classes by name: 0 = 'ant', 1 = 'cat', 2 = 'dog'" in report.real.notes


def folder(at: Path, shades: dict[str, int], seed: int) -> Path:
    rng = np.random.default_rng(seed)
    for name, shade in shades.items():
        (at / name).mkdir(parents=True)
        for i in range(80):
            pixels = np.clip(rng.normal(shade, 10, size=(4, 4)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(at / name / f"{i}.png")
    return at


def test_a_folder_without_one_class_keeps_the_others_apart(tmp_path: Path) -> None:
    shades = {"a": 40, "b": 120, "c": 200}
    real = folder(tmp_path / "real", shades, 0)
    fake = folder(tmp_path / "fake", {name: shades[name] for name in "bc"}, 1)
    report = gandiag.score(str(real), str(fake), metrics=["energy"], by_class=True, permutations=199)
    assert [each.name for each in report.fakes[1:]] == ["fake, class b", "fake, class c"]
    for each in report.fakes[1:]:
        p = each.results[0].p_value
        assert p is not None
        assert p.value > 0.005  # b against a, as the order within each folder had it, is at the smallest p-value
    assert any("not scored alone" in note and note.endswith(": a") for note in report.fakes[0].notes)


def test_names_keep_their_numbers_from_batch_to_batch() -> None:
    batches = [(np.zeros((5, 2)), ["cat"] * 5), (np.ones((5, 2)), ["ant"] * 5)]
    samples = gandiag.open_sampler(iter(batches)).sample(10, rng=np.random.default_rng(0))
    assert samples.labels is not None
    assert set(samples.labels[samples.values[:, 0] == 0]) == {class_code("cat")}
    assert set(samples.labels[samples.values[:, 0] == 1]) == {class_code("ant")}


def test_training_rows_with_other_classes_are_no_reason_to_mix_them_up() -> None:
    rng = np.random.default_rng(1)
    rows = [(rng.normal(size=(60, 2)), np.array(["x", "y"])[rng.integers(0, 2, 60)]) for _ in range(2)]
    train = (rng.normal(size=(60, 2)), rng.integers(0, 2, 60))
    report = gandiag.score(*rows, train=train, metrics=["conditional_energy", "stacked_modes"], permutations=19)
    assert report["conditional_energy"].status == "ok"
    with pytest.raises(gandiag.ConfigError, match="needs the class of every row"):
        gandiag.score(*rows, train=train, metrics=["energy"], by_class=True, permutations=19)
