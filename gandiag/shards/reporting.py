"""From a merged state to a report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from gandiag.core.report import FakeReport, RealSource, Report
from gandiag.core.results import Result
from gandiag.core.rng import stream
from gandiag.core.specs import METRICS, MetricSpec
from gandiag.core.streams import STREAMS, Frame, StreamSpec
from gandiag.errors import GandiagError
from gandiag.findings import diagnose
from gandiag.measuring import adjusted, blank_result, lacking, resulted, unanswered
from gandiag.settings import Settings
from gandiag.shards.parts import Part
from gandiag.shards.sides import BLOCK_ROWS

ALL_ROWS = "needs all rows at once: no state of bounded size gives its number; score in one process"


def report_of(part: Part, *, why_left_out: str = ALL_ROWS) -> Report:
    """Finish every metric of a merged part.

    Parameters
    ----------
    part : Part
        Of all shards.
    why_left_out : str
        What is said of metrics that are no streams.
    """
    run = part.run
    settings = Settings(metrics=None if run["metrics"] is None else tuple(run["metrics"]), seed=run["seed"])
    frame = Frame(
        fit=np.empty((0, run["columns"])),
        n=run["real"]["n"],
        m=run["fake"]["n"],
        d=run["columns"],
        seed=run["seed"],
        given=frozenset(run["given"]),
    )
    streams = {spec.name: spec for spec in STREAMS}
    specs = _chosen(settings, frame, {name: spec for name, spec in streams.items() if spec.state.name in part.fixed})
    results = adjusted([_result(spec, streams.get(spec.name), part, frame, settings, why_left_out) for spec in specs])
    arrays = {f"0/{r.metric}/{key}": value for r in results for key, value in r.arrays.items()}
    real = _real(run)
    return Report(
        gandiag_version=run["gandiag_version"],
        seed=run["seed"],
        real=real,
        fakes=(_fake(run, results, real, settings, streams),),
        provenance={
            "metrics": [spec.name for spec in specs],
            "features": run["features"],
            "blocks": len(part.blocks),
            "block_rows": BLOCK_ROWS,
        },
        arrays=arrays,
    )


def _chosen(settings: Settings, frame: Frame, streams: Mapping[str, StreamSpec]) -> list[MetricSpec]:
    if settings.metrics is not None:
        return [METRICS.get(name) for name in settings.metrics]
    found = [METRICS.get(name) for name in streams]
    return [spec for spec in found if spec.needs <= frame.given]


def _result(
    spec: MetricSpec, stream_spec: StreamSpec | None, part: Part, frame: Frame, settings: Settings, why: str
) -> Result:
    blank = blank_result(spec, n=frame.n, m=frame.m, d=frame.d, seed=settings.seed)
    if stream_spec is None:
        return unanswered(blank, "undefined", why)
    absent = lacking(spec, frame.given)
    if absent:
        return unanswered(blank, "undefined", absent)
    name = stream_spec.state.name
    if name in part.failures:
        return unanswered(blank, "failed", part.failures[name])
    if name not in part.states:
        return unanswered(blank, "undefined", why)
    try:
        rng = stream(settings.seed, "metric", spec.name)
        measurement = stream_spec.finish(part.states[name], part.fixed.get(name, {}), frame, rng=rng)
        notes = (f"as a stream: {stream_spec.differs}",) if stream_spec.differs else ()
        return resulted(blank, measurement, settings=settings, notes=notes, dependence=part.dependence or None)
    except Exception as error:
        told = str(error) if isinstance(error, GandiagError) else f"{type(error).__name__}: {error}"
        return unanswered(blank, "failed", told)


def _real(run: Mapping[str, Any]) -> RealSource:
    told = run["real"]
    return RealSource(
        source=told["source"],
        kind=told["kind"],
        n=told["n"],
        n_fit=told["n_fit"],
        dim=told["dim"],
        features=run["features"],
        notes=tuple(told["notes"]),
    )


def _fake(
    run: Mapping[str, Any],
    results: list[Result],
    real: RealSource,
    settings: Settings,
    streams: Mapping[str, StreamSpec],
) -> FakeReport:
    told = run["fake"]
    notes = list(told["notes"])
    if settings.metrics is None:
        absent = [spec.name for spec in METRICS if spec.default and spec.name not in streams]
        notes.append(f"left out, for they need all rows at once: {', '.join(absent)}")
    bare = FakeReport(
        name=told["name"], source=told["source"], n=told["n"], results=tuple(results), diagnoses=(), notes=tuple(notes)
    )
    return replace(
        bare, diagnoses=diagnose(bare, real), results=tuple(replace(result, arrays={}) for result in results)
    )
