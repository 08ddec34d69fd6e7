"""Options: a value of the wrong kind is refused before any metric runs, one out of range by the metric."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import gandiag
from gandiag.core.options import require_kind


@pytest.mark.parametrize(
    ("value", "annotation", "words"),
    [
        (2.5, "int", "a whole number"),
        ("5", "int", "a whole number"),
        (True, "int", "a whole number"),
        (None, "int", "a whole number"),
        (True, "float | None", "a number or None"),
        ("a", float, "a number"),
        (3, "str", "text"),
        (1, "bool", "True or False"),
        ([1], "int | None", "a whole number or None"),
    ],
)
def test_values_of_another_kind_are_refused(value: Any, annotation: object, words: str) -> None:
    with pytest.raises(gandiag.ConfigError, match=f"option `k` of it must be {words}; got"):
        require_kind(value, "k", annotation, of="it")


@pytest.mark.parametrize(
    ("value", "annotation"),
    [
        (5, "int"),
        (np.int64(5), "int"),
        (5, "float"),
        (np.float32(0.5), "float | None"),
        (None, "float | None"),
        ("inf", "float | str"),
        ("rows", "str"),
        (True, "bool"),
        ([1, 2], "list[float] | None"),
        ("x", "Literal['x']"),
    ],
)
def test_values_of_the_declared_kind_pass(value: Any, annotation: object) -> None:
    require_kind(value, "k", annotation, of="it")


def test_wrong_kinds_are_refused_before_the_work() -> None:
    rows = np.random.default_rng(0).normal(size=(40, 2))
    with pytest.raises(gandiag.ConfigError, match="option `bins` of the metric ndb must be a whole number or None"):
        gandiag.score(rows, rows, metrics=["ndb"], options={"ndb": {"bins": 2.5}})


@pytest.mark.parametrize(
    ("metric", "options"),
    [
        ("clipped_density", {"k": -1}),
        ("clipped_density", {"k": 0}),
        ("clipped_coverage", {"k": -1}),
        ("clipped_coverage", {"k": 0}),
        ("kid", {"subsets": -1}),
        ("near_duplicates", {"expected": -1.0}),
        ("collisions", {"level": -0.5}),
        ("effective_support", {"level": 1.0}),
    ],
)
def test_options_out_of_range_give_no_number(metric: str, options: dict[str, Any]) -> None:
    # k = -1 scored 1 with p = 1: a wrong option passed every sampler.
    rng = np.random.default_rng(0)
    rows = [np.rint(9 * rng.normal(size=(60, 2))) for _ in range(2)]
    found = gandiag.score(*rows, metrics=[metric], options={metric: options}, permutations=19)[metric]
    assert found.status == "failed"
    assert f"`{next(iter(options))}` must be" in found.reasons["estimate"]
