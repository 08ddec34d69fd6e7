"""One metric's calibration: its level under some laws, its power against seven faults, and its negative controls.

The work is cut into numbered pieces of about a second, which run in any number of processes with one result.
"""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from gandiag.calibration.alternatives import FAULTS, falls, fault_named
from gandiag.calibration.controls import negative_controls
from gandiag.calibration.inputs import suited
from gandiag.calibration.laws import law_named
from gandiag.calibration.null_simulation import level, ready, simulated_p_values
from gandiag.calibration.records import Record, digest_of, versions
from gandiag.calibration.uniformity import uniformity
from gandiag.calibration.workers import Workers
from gandiag.core.comparison import Comparison
from gandiag.core.results import Relabelling
from gandiag.core.rng import stream
from gandiag.core.specs import METRICS, MetricSpec, Topic
from gandiag.errors import ConfigError

ALPHAS = (0.05, 0.01)
REPETITIONS = 2000
# A metric that trains a network in every repetition gets fewer of them.
FEWER_REPETITIONS, DEAR_SECONDS = 500, 0.25
POWER_REPETITIONS = 100
FIT_ROWS = 100
PERMUTATIONS = 99
_PIECE_SECONDS = 1.0

Tell = Callable[[str, int, int], None]


@dataclass(frozen=True, kw_only=True)
class Piece:
    """Some repetitions of one question: a law of the null, or a fault at one severity."""

    metric: str
    law: str = ""
    fault: str = ""
    severity: float = 0.0
    first: int
    last: int
    seed: int = 0
    rows: int | None = None


def named(references: Sequence[str]) -> list[str]:
    """Spell out topics and "all"; each metric once."""
    out: list[str] = []
    for reference in references:
        shelf = reference in ("all", *get_args(Topic))
        out += [spec.name for spec in METRICS if reference in ("all", spec.topic)] if shelf else [reference]
    return list(dict.fromkeys(out))


def resolved(reference: str) -> MetricSpec:
    """Find a metric by its name in the catalog, entry points included, or as ``module:attribute``.

    Raises
    ------
    ConfigError
        When there is no such metric, or the attribute is no `MetricSpec`.
    """
    if ":" not in reference:
        return METRICS.get(reference)
    module, _, attribute = reference.partition(":")
    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        found = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise ConfigError(
            "a metric must be a name of the catalog or an importable module:attribute",
            received=f"{reference} ({error})",
            remedy="Run from the folder that holds the module, or see `gandiag list metrics`.",
        ) from error
    if not isinstance(found, MetricSpec):
        raise ConfigError(
            f"{reference} must be a MetricSpec", received=type(found).__name__, remedy="Name the constant METRIC."
        )
    return found


def simulate(piece: Piece) -> NDArray[np.float64]:
    """Draw the p-values of one piece."""
    spec = resolved(piece.metric)
    numbers = range(piece.first, piece.last)
    if piece.law:
        law = law_named(piece.law)
        sizes = _sizes(law.sizes[0], piece.rows)
        return simulated_p_values(spec, law.draw, law.draw, numbers, sizes=sizes, seed=piece.seed)
    fault = fault_named(piece.fault)
    # One stream for all severities of a fault: their powers differ by the fault, not by the draw.
    return simulated_p_values(
        spec,
        fault.real,
        fault.fake(piece.severity),
        numbers,
        sizes=_sizes((100, 100), piece.rows),
        seed=piece.seed,
        purpose=("power", piece.fault),
    )


def _sizes(usual: tuple[int, int], rows: int | None) -> tuple[int, int, int]:
    return (*usual, FIT_ROWS) if rows is None else (rows, rows, rows)


def calibrated(
    metric: str,
    *,
    laws: Sequence[str],
    repetitions: int | None = None,
    power: bool = True,
    power_repetitions: int | None = None,
    rows: int | None = None,
    workers: Workers | None = None,
    seed: int = 0,
    tell: Tell = lambda step, done, total: None,
) -> list[Record]:
    """Calibrate one metric.

    Parameters
    ----------
    metric : str
        A name of the catalog, or ``module:attribute``.
    laws : sequence of str
        Names of `gandiag.calibration.laws.LAWS`.
    repetitions : int, optional
        Per law; 2000 when absent, or 500 where one takes more than a quarter of a second.
    power : bool
        Whether the seven faults are tried as well.
    power_repetitions : int, optional
        Per severity; 100 when absent, or 50 where one takes more than a quarter of a second.
    rows : int, optional
        Of each side and set aside; what the law says, mostly 100, when absent. A level holds at every size, so that
        few rows are enough for a metric that takes long; its power is that of few rows.
    workers : Workers, optional
    seed : int
    tell : callable
        Told ``(step, done, total)``.

    Returns
    -------
    list of Record
        One per law; the power stands in the first.
    """
    spec, workers = resolved(metric), workers or Workers()
    seconds = _seconds_of_one(metric, laws[0], rows)
    count = repetitions or (FEWER_REPETITIONS if seconds > DEAR_SECONDS else REPETITIONS)
    tried = power_repetitions or (POWER_REPETITIONS // 2 if seconds > DEAR_SECONDS else POWER_REPETITIONS)
    width = max(1, min(200, round(_PIECE_SECONDS / seconds)))
    plan = _Plan(metric=metric, rows=rows, width=width, workers=workers, tell=tell)
    records = [_of_law(spec, law, count, seed, plan) for law in laws]
    if power:
        records[0].power, records[0].power_repetitions = _power(tried, seed, plan), tried
        records[0].falls = {name: round(falls(rates, tried), 2) for name, rates in records[0].power.items()}
    return records


def _seconds_of_one(metric: str, law: str, rows: int | None) -> float:
    simulate(Piece(metric=metric, law=law, first=0, last=1, rows=rows))  # imports are paid for once
    # Processor time: what else the machine does must not decide how much is run.
    start = time.process_time()
    simulate(Piece(metric=metric, law=law, first=0, last=3, rows=rows))
    return max((time.process_time() - start) / 3.0, 1e-6)


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """What all pieces of one metric's study share, and who works them off."""

    metric: str
    rows: int | None
    width: int
    workers: Workers
    tell: Tell

    def pieces(self, count: int, **question: Any) -> list[Piece]:
        """Cut ``count`` repetitions of one question."""
        shared = {"metric": self.metric, "rows": self.rows, **question}
        return [Piece(first=i, last=min(i + self.width, count), **shared) for i in range(0, count, self.width)]

    def p_values(self, pieces: Sequence[Piece]) -> list[NDArray[np.float64]]:
        """Work pieces off, in their order."""
        found = []
        for piece, values in zip(pieces, self.workers.map(simulate, pieces), strict=True):
            found.append(values)
            self.tell(piece.law or piece.fault, len(found), len(pieces))
        return found


def _of_law(spec: MetricSpec, law: str, count: int, seed: int, plan: _Plan) -> Record:
    """Judge the level under one law; a rate above its limit is run again once, four times as long, and that decides."""
    first = None
    p = np.concatenate(plan.p_values(plan.pieces(count, law=law, seed=seed)))
    permuted = _permuted(spec, law)
    if not _kept(p, permuted):
        first = {"repetitions": count, "rates": _rates(p)}
        count, seed = 4 * count, seed + 1
        p = np.concatenate(plan.p_values(plan.pieces(count, law=law, seed=seed)))
    n, m, fit = _sizes(law_named(law).sizes[0], plan.rows)
    shape = uniformity(p, draws=PERMUTATIONS, permuted=permuted)
    return Record(
        metric=spec.name,
        law=law,
        n=n,
        m=m,
        fit=fit,
        permutations=PERMUTATIONS,
        seed=seed,
        repetitions=count,
        rates=_rates(p),
        limits={str(alpha): level(p, alpha).high for alpha in ALPHAS},
        kept=_kept(p, permuted),
        uniformity={name: _rounded(value) for name, value in asdict(shape).items()} | {"valid": shape.valid},
        control=asdict(negative_controls(p, draws=PERMUTATIONS, permuted=permuted)),
        first=first,
        versions=versions(),
        digest=digest_of(spec),
    )


def _rounded(value: Any) -> Any:
    return float(f"{value:.4g}") if isinstance(value, float) else value


def _rates(p: NDArray[np.float64]) -> dict[str, float]:
    return {str(alpha): level(p, alpha).rate for alpha in ALPHAS}


def _kept(p: NDArray[np.float64], permuted: bool) -> bool:
    return all(level(p, alpha).kept for alpha in ALPHAS) and uniformity(p, permuted=permuted).valid


def _permuted(spec: MetricSpec, law: str) -> bool:
    """Tell whether a metric's p-values come from the permutation engine."""
    draw, rng = law_named(law).draw, stream(0, "null simulation", spec.name, "0")
    real, fake, fit, train = (draw(rng, 100) for _ in range(4))
    pair = suited(spec, Comparison(real=real, fake=fake, fit=fit, train=train))
    measurement = ready(spec).measure(pair, rng=stream(0, "metric", spec.name))
    return isinstance(measurement.null, Relabelling)


def _power(count: int, seed: int, plan: _Plan) -> dict[str, tuple[float, ...]]:
    """Rate of p <= 0.05 at each severity of each fault."""
    out = {}
    for fault in FAULTS.values():
        pieces = [
            piece
            for severity in fault.severities
            for piece in plan.pieces(count, fault=fault.name, severity=severity, seed=seed)
        ]
        found = plan.p_values(pieces)
        rates = []
        for severity in fault.severities:
            p = np.concatenate([v for v, at in zip(found, pieces, strict=True) if at.severity == severity])
            rates.append(level(p, ALPHAS[0]).rate)
        out[fault.name] = tuple(rates)
    return out
