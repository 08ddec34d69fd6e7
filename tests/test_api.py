"""The facade as a stranger misuses it: wrong arguments are errors in words; what cannot be told is not called ok."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import gandiag
from gandiag.errors import ConfigError, DtypeError, GandiagError, NonFiniteError, ResourceLimitError, UnknownName

RNG = np.random.default_rng(0)
REAL, FAKE = RNG.normal(size=(200, 3)), RNG.normal(size=(150, 3))
QUICK: dict[str, Any] = {"metrics": ["energy"], "permutations": 199}


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"seeed": 1}, "no such option; got seeed"),
        ({"metrics": "energy"}, "a list of names"),
        ({"metrics": []}, "at least one metric"),
        ({"metrics": [3]}, "each as text"),
        ({"n": 0}, "`n` must be a whole number"),
        ({"n": 2.5}, "`n` must be a whole number"),
        ({"n": "10"}, "`n` must be a whole number"),
        ({"permutations": 0}, "`permutations` must be a whole number"),
        ({"permutations": None}, "`permutations` must be a whole number"),
        ({"features": 3}, "`features` must be the name"),
        ({"options": [1]}, "`options` must map"),
        ({"options": {"energy": {"rng": 1}}}, "no such option"),
        ({"options": {"precision": {"k": 3}}}, "not run"),
        ({"metrics": ["precision"], "options": {"precision": {"k": np.array([3])}}}, "plain value"),
        ({"metrics": ["precision"], "options": {"precision": {"k": float("nan")}}}, "plain value"),
    ],
    ids=str,
)
def test_a_wrong_argument_is_a_config_error(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        gandiag.score(REAL, FAKE, **(QUICK | wrong))


def test_options_of_a_metric_that_does_not_exist_name_the_nearest() -> None:
    with pytest.raises(UnknownName, match="Did you mean 'energy'"):
        gandiag.score(REAL, FAKE, **QUICK, options={"enrgy": {}})


@pytest.mark.parametrize("fakes", [{1: FAKE, "1": FAKE + 5}, {"": FAKE}, {}], ids=["equal", "empty", "none"])
def test_samplers_need_names_of_their_own(fakes: dict[Any, Any]) -> None:
    with pytest.raises(ConfigError, match="name of its own"):
        gandiag.score(REAL, fakes, **QUICK)


def test_a_metric_asked_for_twice_is_tested_once() -> None:
    report = gandiag.score(REAL, FAKE, metrics=["energy", "energy"], permutations=199)
    assert [r.metric for r in report.fakes[0].results] == ["energy"]


def test_errors_say_which_side_is_meant() -> None:
    with pytest.raises(NonFiniteError, match=r"^fake 'bad': "):
        gandiag.score(REAL, {"good": FAKE, "bad": FAKE * np.nan}, **QUICK)
    with pytest.raises(NonFiniteError, match=r"^real: "):
        gandiag.score(REAL * np.nan, FAKE, **QUICK)
    with pytest.raises(GandiagError, match=r"^train: .* shape"):
        gandiag.score(REAL, FAKE, train=REAL[:, :2], **QUICK)
    with pytest.raises(GandiagError, match=r"^fake 'wide': .* shape"):
        gandiag.score(REAL, {"wide": FAKE[:, :2]}, **QUICK)


def test_labels_that_are_missing_or_too_large_are_refused() -> None:
    for labels in ([None] * 200, np.full(200, 1e300)):
        with pytest.raises(DtypeError, match=r"^real: labels"):
            gandiag.score(REAL, FAKE, labels=labels, **QUICK)


def test_a_sampler_that_needs_too_much_memory_reached_a_limit() -> None:
    def greedy(n: int, rng: np.random.Generator) -> Any:
        raise MemoryError("Unable to allocate 745 GiB")

    with pytest.raises(ResourceLimitError, match="745 GiB"):
        gandiag.score(REAL, greedy, **QUICK)


@pytest.mark.parametrize(("n", "permutations"), [(None, 19), (3, 2499)])
def test_a_test_that_could_never_reject_says_nothing(n: int | None, permutations: int) -> None:
    report = gandiag.score(REAL, FAKE + 100.0, metrics=["energy"], n=n, permutations=permutations)
    assert [d.code for d in report.diagnoses] == ["undetermined"]
    assert "permutations are needed" in report.diagnoses[0].sentence


def test_a_training_set_that_holds_the_real_rows_takes_the_p_values() -> None:
    report = gandiag.score(REAL, FAKE, train=np.concatenate([REAL, FAKE + 1]), **QUICK)
    assert report["energy"].p_value is None
    assert "200 of 200 real rows are also training rows" in report["energy"].reasons["p_value"]
    binary = RNG.integers(0, 2, size=(600, 2))
    honest = gandiag.score(binary[:200], binary[200:400], train=binary[400:], **QUICK)
    assert honest["energy"].p_value is not None


def test_values_too_large_for_single_precision_do_not_cost_the_report(tmp_path: Any) -> None:
    report = gandiag.score(REAL * 1e300, FAKE * 1e300, **QUICK)
    report.to_json(tmp_path / "report.json")
    assert gandiag.Report.read(tmp_path / "report.json")["energy"].estimate == report["energy"].estimate


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_metric_with_an_infinite_array_has_failed() -> None:
    report = gandiag.score(REAL, FAKE * 1e200, metrics=["precision"], permutations=199)
    assert report["precision"].status == "failed"
    assert not any(key.startswith("0/precision") for key in report.arrays)
