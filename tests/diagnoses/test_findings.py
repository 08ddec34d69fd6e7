"""How findings are led, graded and withheld: planted results in, codes out."""

from __future__ import annotations

from typing import Any

import pytest

from gandiag.core.report import FakeReport, RealSource
from gandiag.core.results import OPTIONAL_FIELDS, Floor, PValue, Result
from gandiag.core.specs import DIAGNOSES
from gandiag.findings import diagnose

REAL = RealSource(source="real", kind="vector", n=500, n_fit=200, dim=2, features="identity")
FAR, NEAR = 0.0005, 0.8


def result(metric: str, estimate: float, adjusted: float = NEAR, raw: float | None = None, **details: Any) -> Result:
    excess = details.pop("excess", 0.1)
    return Result(
        metric=metric,
        estimate=estimate,
        kind="estimate",
        direction="lower",
        unit="u",
        floor=Floor(mean=0.0, sd=0.1, source="permutation"),
        excess=excess,
        p_value=PValue(
            value=adjusted if raw is None else raw, calibration="permutation", draws=1999, adjusted=adjusted
        ),
        reasons=dict.fromkeys(OPTIONAL_FIELDS, "not asked"),
        n_real=500,
        n_fake=500,
        details=details,
    )


HEALTHY = [
    result("energy", 0.01),
    result("c2st", 0.0),
    result("moment_difference", 0.05, mean_shift_sd=0.01, mean_share=0.9, scale_ratio=1.0, mean_p=0.5),
]


def modes(missing: tuple[int, ...] = (), uneven: tuple[int, ...] = (), adjusted: float = FAR) -> Result:
    rows = [
        {
            "name": f"mode {i}",
            "real": 100,
            "fake": 0 if i in missing else 150 if i in uneven else 100,
            "missing": i in missing,
        }
        for i in range(5)
    ]
    return result(
        "mode_coverage",
        1 - len(missing) / 5,
        adjusted,
        n_modes=5,
        source="known",
        modes=rows,
        missing=[f"mode {i}" for i in missing],
        imbalanced=[f"mode {i}" for i in uneven],
    )


def codes(*results: Result) -> list[str]:
    return [d.code for d in found(*results)]


def found(*results: Result) -> tuple[Any, ...]:
    names = {r.metric for r in results}
    whole = [*results, *(r for r in HEALTHY if r.metric not in names)]
    return diagnose(FakeReport(name="f", source="f", n=500, results=tuple(whole), diagnoses=()), REAL)


def test_nothing_significant_is_ok_with_its_evidence() -> None:
    (ok,) = found()
    assert (ok.code, ok.severity) == ("ok", "none")
    assert "None of 3 tests" in ok.sentence
    assert ok.evidence[0].value == NEAR


def test_without_a_test_of_the_whole_distribution_nothing_is_ok() -> None:
    lone = result("collisions", 0.0)
    (answer,) = diagnose(FakeReport(name="f", source="f", n=9, results=(lone,), diagnoses=()), REAL)
    assert answer.code == "undetermined"


@pytest.mark.parametrize(
    ("results", "code"),
    [
        ([modes(missing=(1, 3))], "modes_missing"),
        ([modes(uneven=(0,))], "modes_imbalanced"),
        ([result("mode_spread", 0.5, FAR)], "modes_shrunken"),
        ([result("collisions", 0.3, FAR, distinct_fake=350)], "duplicates"),
        ([result("overlap", 0.2, FAR)], "leakage"),
        ([result("range_violations", 0.9, FAR)], "out_of_range"),
        ([result("precision", 0.5, FAR, excess=-0.4)], "low_fidelity"),
        ([result("energy", 0.4, FAR)], "differs"),
        (
            [result("moment_difference", 1.0, FAR, mean_shift_sd=0.6, mean_share=0.9, scale_ratio=1.0, mean_p=0.005)],
            "shifted",
        ),
        (
            [result("data_copying", 0.99, FAR, copy_rate=0.9, copy_rate_real=0.01, copy_p=1e-9, exact_copies=450)],
            "memorised",
        ),
        (
            [
                result(
                    "off_support", 0.5, FAR, share_fake=0.5, share_real=0.05, aligned_share=0.5, noise_ratio=0.9,
                    off_spread_ratio=1.1,
                )
            ],
            "noise_mixture",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_each_fault_is_called_by_its_code(results: list[Result], code: str) -> None:
    assert codes(*results)[0] == code


@pytest.mark.parametrize("name", DIAGNOSES.names())
def test_no_diagnosis_is_made_of_a_healthy_panel(name: str) -> None:
    healthy = FakeReport(name="f", source="f", n=500, results=tuple(HEALTHY), diagnoses=())
    assert DIAGNOSES.get(name).ask(healthy, REAL) is None


def test_what_a_finding_accounts_for_stands_under_it() -> None:
    (lead,) = found(modes(missing=(1, 3)), result("precision", 0.9, FAR, excess=-0.03))
    assert lead.code == "modes_missing"
    assert {d.code for d in lead.explains} == {"modes_imbalanced", "low_fidelity"}


def test_a_slight_cause_does_not_account_for_a_grave_effect() -> None:
    answer = found(result("mode_spread", 0.94, FAR), result("precision", 0.4, FAR, excess=-0.6))
    assert [d.code for d in answer] == ["low_fidelity", "modes_shrunken"]


def test_nearness_to_the_training_set_alone_is_not_memorising() -> None:
    shrunken = result("data_copying", 0.7, FAR, copy_rate=0.01, copy_rate_real=0.01, copy_p=0.6)
    assert "memorised" not in codes(shrunken, result("mode_spread", 0.5, FAR))


def test_clumps_beside_the_data_are_not_noise() -> None:
    clump = result(
        "off_support",
        0.9,
        FAR,
        share_fake=0.9,
        share_real=0.05,
        aligned_share=0.9,
        noise_ratio=2.0,
        off_spread_ratio=0.1,
    )
    assert codes(clump)[0] == "low_fidelity"


def test_a_cause_may_rest_on_its_own_p_value_once_the_panel_has_rejected() -> None:
    uneven = modes(uneven=(0,), adjusted=0.02)
    assert codes(uneven) == ["ok"]
    named = result("mode_coverage", 1.0, 0.02, raw=0.001, **dict(uneven.details))
    assert codes(named) == ["ok"]
    assert codes(named, result("mmd", 0.1, FAR)) == ["modes_imbalanced"]


def test_severity_grows_with_the_effect() -> None:
    grades = [found(result("mode_spread", ratio, FAR))[0].severity for ratio in (0.94, 0.85, 0.5)]
    assert grades == ["minor", "major", "critical"]
