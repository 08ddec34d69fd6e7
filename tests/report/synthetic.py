"""A realistic report with two samplers, made by hand: what the tests of figures and reports draw and write."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from gandiag.core.report import Diagnosis, Evidence, FakeReport, RealSource, Report
from gandiag.core.results import Floor, Interval, PValue, Result

NO_E = {"e_value": "not a sequential test"}
NO_INTERVAL = {"interval": "the statistic is degenerate where both laws are equal: no interval holds its level there"}
NO_FLOOR = {name: "no floor" for name in ("floor", "excess", "z", "mde")}

# name, direction, unit, floor mean, floor sd, (healthy z, collapsed z), interval half-width in sds or None
PANEL: tuple[tuple[str, str, str, float, float, tuple[float, float], float | None], ...] = (
    ("c2st", "lower", "accuracy", 0.5, 0.0158, (0.6, 14.2), 1.96),
    ("coverage", "higher", "share", 0.97, 0.008, (-0.4, -41.0), None),
    ("density", "higher", "share", 1.0, 0.021, (0.3, 1.4), None),
    ("energy", "lower", "feature units", 0.0041, 0.00052, (-0.7, 212.6), None),
    ("frechet", "lower", "squared feature units", 0.0186, 0.0041, (0.2, 96.3), 2.4),
    ("ks_marginals", "lower", "share", 0.051, 0.0094, (1.1, 18.7), None),
    ("mmd", "lower", "kernel units", 0.0009, 0.0004, (-0.2, 175.0), None),
    ("mode_coverage", "higher", "share of modes", 1.0, 0.004, (0.0, -93.75), None),
    ("precision", "higher", "share", 0.91, 0.012, (0.4, 2.6), 1.96),
    ("recall", "higher", "share", 0.905, 0.013, (-0.8, -22.4), 1.96),
    ("sliced_wasserstein", "lower", "feature units", 0.036, 0.0058, (0.5, 63.0), None),
    ("vendi", "target", "effective number", 7.62, 0.11, (0.9, -27.0), None),
)


def result(row: int, kind: int) -> Result:
    """Make the result of one row of the panel: kind 0 is healthy, 1 collapsed."""
    name, direction, unit, mean, sd, zs, half = PANEL[row]
    z = zs[kind]
    estimate = mean + z * sd
    p = max(1 / 2000, round(math.erfc(abs(z) / math.sqrt(2)), 6))
    interval = None
    reasons: dict[str, str] = dict(NO_E)
    if half is None:
        reasons |= NO_INTERVAL
    else:
        interval = Interval(low=estimate - half * sd, high=estimate + half * sd, level=0.95, method="jackknife")
    return Result(
        metric=name,
        estimate=estimate,
        kind="estimate",
        direction=direction,  # type: ignore[arg-type]
        unit=unit,
        floor=Floor(mean=mean, sd=sd, source="permutation"),
        excess=estimate - mean,
        z=z,
        p_value=PValue(value=p, calibration="permutation", draws=1999, adjusted=min(1.0, p * len(PANEL))),
        interval=interval,
        mde=2.49 * sd,
        reasons=reasons,
        n_real=1000,
        n_fake=1000,
        dim=2,
        options={"permutations": 1999},
        seed=7,
        details=details(name, kind),
    )


def details(name: str, kind: int) -> dict[str, Any]:
    """Make the details of one metric."""
    if name != "mode_coverage":
        return {}
    fake = ((131, 118, 127, 122, 120, 129, 126, 127), (208, 0, 196, 201, 0, 197, 0, 198))[kind]
    modes = [
        {
            "name": f"{45 * i}°",
            "real": 121 + (7 * i) % 9,
            "fake": fake[i],
            "expected": 125.0,
            "missing": fake[i] == 0,
            "imbalanced": fake[i] > 190,
            "p_missing": 1e-9 if fake[i] == 0 else 1.0,
            "ratio": fake[i] / 125.0,
        }
        for i in range(8)
    ]
    return {"modes": modes, "source": "known modes"}


def without_number() -> tuple[Result, ...]:
    """Make what no number stands behind: an undefined, a failed, a degraded and a floorless result."""
    absent = {name: "the estimate is absent" for name in ("interval", "p_value")} | NO_FLOOR | NO_E
    return (
        Result(metric="authenticity", estimate=None, kind="estimate", direction="target", unit="share",
               status="undefined", reasons=absent | {"estimate": "no training rows were given"}),
        Result(metric="wasserstein", estimate=None, kind="estimate", direction="lower", unit="feature units",
               status="failed", reasons=absent | {"estimate": "NotConverged: the solver stopped after 100000 steps"}),
        Result(metric="collisions", estimate=0.0, kind="index", direction="lower", unit="pairs", status="degraded",
               n_real=1000, n_fake=1000, dim=2, warnings=("continuous data: a collision is exact equality",),
               reasons=NO_FLOOR | NO_E | {"p_value": "no null is known", "interval": "no count"}),
    )  # fmt: skip


def diagnoses(kind: int) -> tuple[Diagnosis, ...]:
    """Make the findings, gravest first."""
    if kind == 0:
        return (Diagnosis(code="ok", severity="none", sentence="No fault was found in the 12 metrics measured."),)
    shifted = Diagnosis(
        code="shifted",
        severity="minor",
        sentence="The overall distribution differs from the real one.",
        evidence=(Evidence(metric="mmd", says="kernel distance above its floor", value=0.0709),),
    )
    return (
        Diagnosis(
            code="modes_missing",
            severity="critical",
            sentence="3 of 8 modes are never drawn: 45°, 180° and 270°, which hold 37 % of the real samples.",
            evidence=(
                Evidence(metric="mode_coverage", says="share of modes that are reached", value=0.625),
                Evidence(metric="recall", says="recall below its floor", value=0.6138),
                Evidence(metric="coverage", says="coverage below its floor"),
            ),
            explains=(shifted,),
        ),
        Diagnosis(
            code="modes_imbalanced",
            severity="major",
            sentence="5 modes are drawn too often, up to 1.7 times their real share.",
            evidence=(Evidence(metric="mode_coverage", says="largest ratio to the real share", value=1.664),),
        ),
    )


def arrays() -> dict[str, np.ndarray[Any, Any]]:
    """Make examples of both sides and the null draws."""
    rng = np.random.default_rng(0)
    angles = np.arange(8) * np.pi / 4
    centres = 2.0 * np.stack([np.cos(angles), np.sin(angles)], axis=1)

    def ring(allowed: list[int]) -> np.ndarray[Any, Any]:
        return centres[rng.choice(allowed, 500)] + 0.08 * rng.standard_normal((500, 2))

    out: dict[str, np.ndarray[Any, Any]] = {}
    for side, allowed in (("real", list(range(8))), ("0", [0, 2, 3, 5, 7]), ("1", list(range(8)))):
        out[f"examples/{side}"] = ring(allowed)
        out[f"examples/{side}_features"] = out[f"examples/{side}"] / 1.42
    for fake in range(2):
        for name, _, _, mean, sd, _, _ in PANEL:
            out[f"{fake}/{name}/null"] = mean + sd * rng.standard_normal(1999)
    return out


def make_report(*, with_arrays: bool = True) -> Report:
    """Make a report on a ring of eight: a collapsed sampler and a healthy one."""
    fakes = tuple(
        FakeReport(
            name=name,
            source=source,
            n=1000,
            results=(*(result(row, kind) for row in range(len(PANEL))), *without_number()),
            diagnoses=diagnoses(kind),
            notes=notes,
        )
        for name, source, kind, notes in (
            ("ring_gan, step 4000", "ring_gan.py:sampler", 1, ("1,000 of 50,000 rows were drawn at random",)),
            ("ring_gan, step 20000", "ring_gan.py:later", 0, ()),
        )
    )
    return Report(
        gandiag_version="0.1.0",
        seed=7,
        real=RealSource(
            source="toy:ring8",
            kind="vector",
            n=1000,
            n_fit=500,
            dim=2,
            features="standardise(d=2) 5f1c9a7e",
            notes=("500 rows were set aside to fit features, clusters and thresholds",),
        ),
        fakes=fakes,
        provenance={
            "command": "gandiag score toy:ring8 ring_gan.py:sampler ring_gan.py:later --seed 7",
            "permutations": 1999,
            "packages": {"numpy": "2.4.6", "scipy": "1.17.1"},
        },
        arrays=arrays() if with_arrays else {},
    )


def with_images(report: Report) -> Report:
    """Turn the report into one on small grey images."""
    from dataclasses import replace

    rng = np.random.default_rng(1)
    yy, xx = np.mgrid[0:8, 0:8]

    def blobs(count: int, spread: float) -> np.ndarray[Any, Any]:
        centre = 3.5 + spread * rng.standard_normal((count, 2, 1, 1))
        return np.exp(-((yy - centre[:, 0]) ** 2 + (xx - centre[:, 1]) ** 2) / 4.0)

    new = {"examples/real": blobs(64, 1.4), "examples/0": blobs(64, 0.2), "examples/1": blobs(64, 1.4)}
    return replace(report, real=replace(report.real, kind="image", dim=64), arrays={**report.arrays, **new})


def with_many_modes(report: Report, *, count: int = 1000) -> Report:
    """Give the first sampler very many modes."""
    from dataclasses import replace

    rng = np.random.default_rng(2)
    real, fake = rng.poisson(25, count), rng.poisson(25 * rng.gamma(2.0, 0.5, count))
    fake[rng.random(count) < 0.1] = 0
    modes = [
        {"name": f"{i:03d}", "real": int(r), "fake": int(f), "missing": int(f) == 0, "imbalanced": False}
        for i, (r, f) in enumerate(zip(real, fake, strict=True))
    ]
    first = report.fakes[0]
    results = tuple(
        replace(r, details={**r.details, "modes": modes}) if r.metric == "mode_coverage" else r for r in first.results
    )
    return replace(report, fakes=(replace(first, results=results), *report.fakes[1:]))
