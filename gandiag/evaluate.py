"""Names -> specs -> results -> Report. No mathematics and no printing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, get_args

from gandiag.core.protocols import Progress, Sampler
from gandiag.core.report import FakeReport, Report
from gandiag.core.results import Result
from gandiag.core.specs import METRICS, MetricSpec, Topic
from gandiag.errors import ConfigError
from gandiag.findings import diagnose
from gandiag.measuring import Settings, adjusted, measured
from gandiag.preparation import Prepared, prepare
from gandiag.working import in_threads

EXAMPLES = 400


def evaluate(
    real: Sampler,
    fakes: Sequence[tuple[str, Sampler]],
    *,
    train: Sampler | None = None,
    settings: Settings,
    version: str,
    progress: Progress | None = None,
) -> Report:
    """Score each fake source against one real source.

    Parameters
    ----------
    real : Sampler
    fakes : sequence of (name, Sampler)
    train : Sampler, optional
        The rows that the generators were trained on, independent of ``real``.
    settings : Settings
    version : str
        Written into the report.
    progress : callable, optional
        Told before each step.

    Returns
    -------
    Report

    Raises
    ------
    GandiagError
        When samples cannot be drawn or read. A metric that fails does not raise: its result says so.
    """
    tell = progress or _silent
    tell("drawing samples", 0, 1)
    prepared = prepare(real, fakes, train=train, features=settings.features, n=settings.n, seed=settings.seed)
    specs = _chosen(settings.metrics, prepared)
    _require_used(settings.options or {}, specs)
    comparisons = [prepared.comparison(i, seed=settings.seed, device=settings.device) for i in range(len(fakes))]
    dependence = [prepared.dependence(i) for i in range(len(fakes))]
    jobs = [(i, spec) for i in range(len(fakes)) for spec in specs]
    results: dict[tuple[int, str], Result] = {}

    def run(job: tuple[int, MetricSpec]) -> Result:
        i, spec = job
        return measured(spec, comparisons[i], settings=settings, dependence=dependence[i])

    for (i, spec), result in zip(jobs, in_threads(run, jobs), strict=True):
        results[i, spec.name] = result
        tell(f"{fakes[i][0]}: {spec.title}" if len(fakes) > 1 else spec.title, len(results), len(jobs))
    arrays = dict(prepared.examples(EXAMPLES))
    arrays |= {f"{i}/{name}/{key}": v for (i, name), r in results.items() for key, v in r.arrays.items()}
    panels = [adjusted([results[i, spec.name] for spec in specs]) for i in range(len(fakes))]
    reports = [_with_findings(prepared, i, name, panels[i], settings.permutations) for i, (name, _) in enumerate(fakes)]
    tell("done", len(jobs), len(jobs))
    return Report(
        gandiag_version=version,
        seed=settings.seed,
        real=prepared.real_source(),
        fakes=tuple(reports),
        provenance=_provenance(settings, specs, prepared),
        arrays=arrays,
    )


def _require_used(options: Mapping[str, object], specs: Sequence[MetricSpec]) -> None:
    """Refuse options of metrics that are not run: an option without effect is a mistake."""
    for name in options:
        if name not in [spec.name for spec in specs]:
            raise ConfigError(
                f"options are given for `{name}`, which is not run",
                remedy="Name it in metrics=, or give what it needs (train=, value_range=).",
            )


def _silent(step: str, done: int, total: int) -> None:
    """Report no progress."""


def _chosen(names: Iterable[str] | None, prepared: Prepared) -> list[MetricSpec]:
    if names is not None:
        asked = [name for given in names for name in _shelf(given)]
        return [METRICS.get(name) for name in dict.fromkeys(asked)]
    return [spec for spec in METRICS if spec.default and spec.needs <= prepared.given]


def _shelf(name: str) -> list[str]:
    """Name the metrics that a topic or "all" stands for; any other name stands for itself."""
    if name != "all" and name not in get_args(Topic):
        return [name]
    return [spec.name for spec in METRICS if name in ("all", spec.topic)]


def _with_findings(prepared: Prepared, i: int, name: str, results: list[Result], permutations: int) -> FakeReport:
    fake = prepared.fakes[i]
    bare = FakeReport(
        name=name, source=fake.source, n=len(fake), results=tuple(results), diagnoses=(), notes=fake.notes
    )
    return replace(
        bare,
        diagnoses=diagnose(bare, prepared.real_source(), permutations=permutations),
        results=tuple(replace(r, arrays={}) for r in results),
    )


def _provenance(settings: Settings, specs: Sequence[MetricSpec], prepared: Prepared) -> dict[str, Any]:
    from importlib.metadata import PackageNotFoundError, version

    versions = {}
    for package in ("numpy", "scipy", "scikit-learn", "torch", "POT"):
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = "absent"
    return {
        "versions": versions,
        "metrics": [spec.name for spec in specs],
        "permutations": settings.permutations,
        "n": settings.n,
        "device": settings.device or "cpu",
        "features": prepared.fingerprint,
        "train": prepared.train_source,
        "labels": prepared.fit_labels is not None,
    }
