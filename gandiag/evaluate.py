"""Names -> specs -> results -> Report. No mathematics and no printing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from gandiag.core.comparison import Comparison
from gandiag.core.plane import planes
from gandiag.core.protocols import Progress, Sampler
from gandiag.core.report import FakeReport, RealSource, Report
from gandiag.core.results import Result
from gandiag.core.samples import SampleSet
from gandiag.core.specs import METRICS, MetricSpec
from gandiag.errors import ConfigError
from gandiag.findings import diagnose
from gandiag.measuring import adjusted, measured
from gandiag.preparation import prepare
from gandiag.prepared import Prepared
from gandiag.settings import Settings, listed_metrics
from gandiag.working import in_threads

EXAMPLES = 400


@dataclass(frozen=True, kw_only=True, eq=False)
class Evaluated:
    """A report, and the samples that it was made of."""

    report: Report
    prepared: Prepared
    settings: Settings

    def comparison(self, i: int) -> Comparison:
        """Put the i-th fake source beside the real one, as the metrics saw them."""
        return self.prepared.comparison(i, seed=self.settings.seed, device=self.settings.device)


def evaluate(
    real: Sampler,
    fakes: Sequence[tuple[str, Sampler]],
    *,
    train: Sampler | None = None,
    settings: Settings,
    version: str,
    progress: Progress | None = None,
) -> Evaluated:
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
    Evaluated
        The report, and the samples that it was made of.

    Raises
    ------
    GandiagError
        When samples cannot be drawn or read. A metric that fails does not raise: its result says so.
    """
    tell = progress or _silent
    tell("drawing samples", 0, 1)
    prepared = prepare(
        real,
        fakes,
        train=train,
        features=settings.features,
        n=settings.n,
        seed=settings.seed,
        cache=settings.cache,
    )
    specs = _chosen(settings.metrics, prepared)
    _require_used(settings.options or {}, specs)
    entries = _entries(prepared, [name for name, _ in fakes], specs, settings)
    jobs = [(entry, spec) for entry in entries for spec in entry.specs]
    results: dict[tuple[int, str], Result] = {}

    def run(job: tuple[_Entry, MetricSpec]) -> Result:
        return measured(job[1], job[0].comparison, settings=job[0].settings, dependence=job[0].dependence)

    for (entry, spec), result in zip(jobs, in_threads(run, jobs), strict=True):
        results[entry.place, spec.name] = result
        tell(f"{entry.name}: {spec.title}" if len(entries) > 1 else spec.title, len(results), len(jobs))
    arrays = dict(prepared.examples(EXAMPLES))
    arrays |= {} if prepared.real.kind == "image" else planes(arrays)  # images are drawn as they are
    arrays |= {f"{i}/{name}/{key}": v for (i, name), r in results.items() for key, v in r.arrays.items()}
    panels = _panels(entries, results)
    reports = [_with_findings(entry, panels[entry.place]) for entry in entries]
    tell("done", len(jobs), len(jobs))
    report = Report(
        gandiag_version=version,
        seed=settings.seed,
        real=prepared.real_source(),
        fakes=tuple(reports),
        provenance=_provenance(settings, specs, prepared),
        arrays=arrays,
    )
    return Evaluated(report=report, prepared=prepared, settings=settings)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Entry:
    """One line of the report: a sampler, or one class of it.

    Entries of one ``family`` share the multiplicity correction.
    """

    name: str
    place: int
    family: tuple[str, int]
    fake: SampleSet
    real: RealSource
    comparison: Comparison
    dependence: str | None
    specs: list[MetricSpec]
    settings: Settings


def _entries(prepared: Prepared, names: Sequence[str], specs: list[MetricSpec], settings: Settings) -> list[_Entry]:
    """List the samplers, each followed by its classes where the report is by class."""
    classes = prepared.classes() if settings.by_class else ()
    # Holm's rule over many classes asks for smaller p-values: each test gets the draws to reach them.
    finer = replace(settings, permutations=settings.permutations * max(len(classes), 1))
    parts = {label: prepared.of_class(label) for label in classes}
    single = [spec for spec in specs if not spec.needs & {"labels", "classes"}]
    entries: list[_Entry] = []
    rare = prepared.rare_classes() if classes else None

    def add(name: str, part: Prepared, i: int, family: str, chosen: list[MetricSpec], own: Settings) -> None:
        entries.append(
            _Entry(
                name=name,
                place=len(entries),
                family=(family, i),
                fake=part.fakes[i].noting(f"classes {rare}") if rare and part is prepared else part.fakes[i],
                real=part.real_source(),
                comparison=part.comparison(i, seed=settings.seed, device=settings.device),
                dependence=part.dependence(i),
                specs=chosen,
                settings=own,
            )
        )

    for i, name in enumerate(names):
        add(name, prepared, i, "all rows", specs, settings)
    for i, name in enumerate(names):
        for label, part in parts.items():
            alone = [spec for spec in single if "train" not in spec.needs or part.train is not None]
            add(f"{name}, class {prepared.class_names.get(label, label)}", part, i, "by class", alone, finer)
    return entries


def _panels(entries: Sequence[_Entry], results: Mapping[tuple[int, str], Result]) -> dict[int, list[Result]]:
    """Adjust p-values within each family, and hand them back entry by entry."""
    out: dict[int, list[Result]] = {}
    for family in dict.fromkeys(entry.family for entry in entries):
        members = [entry for entry in entries if entry.family == family]
        rest = adjusted([results[entry.place, spec.name] for entry in members for spec in entry.specs])
        for entry in members:
            out[entry.place], rest = rest[: len(entry.specs)], rest[len(entry.specs) :]
    return out


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
        return [METRICS.get(name) for name in listed_metrics(names)]
    given = prepared.given
    return [spec for spec in METRICS if (spec.default or spec.also_on in given) and spec.needs <= given]


def _with_findings(entry: _Entry, results: list[Result]) -> FakeReport:
    fake = entry.fake
    bare = FakeReport(
        name=entry.name, source=fake.source, n=len(fake), results=tuple(results), diagnoses=(), notes=fake.notes
    )
    return replace(
        bare,
        diagnoses=diagnose(bare, entry.real, permutations=entry.settings.permutations),
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
        "by_class": settings.by_class,
    }
