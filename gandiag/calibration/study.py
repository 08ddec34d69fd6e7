"""One metric's calibration: its level under some laws, its power against seven faults, and its negative controls.

The work is cut into numbered pieces of about a second, which run in any number of processes with one result.
"""

from __future__ import annotations

import importlib
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from multiprocessing import get_context
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
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

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


class Workers:
    """Processes that share the pieces, or none: with one job everything runs here."""

    def __init__(self, jobs: int = 1) -> None:
        self.jobs = jobs
        self._pool: ProcessPoolExecutor | None = None

    @contextmanager
    def running(self) -> Iterator[Workers]:
        """Keep the processes while the block runs."""
        if self.jobs == 1:
            yield self
            return
        with _one_thread_each(), ProcessPoolExecutor(self.jobs, mp_context=get_context("spawn")) as pool:
            self._pool = pool
            try:
                yield self
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
            finally:
                self._pool = None

    def p_values(self, pieces: Sequence[Piece], tell: Tell) -> list[NDArray[np.float64]]:
        """Work all pieces off, in their order."""
        found = []
        done = map(simulate, pieces) if self._pool is None else self._pool.map(simulate, pieces)
        for i, values in enumerate(done):
            found.append(values)
            tell(pieces[i].law or pieces[i].fault, i + 1, len(pieces))
        return found


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Start processes with one BLAS thread each: more would wait for each other."""
    before = {name: os.environ.get(name) for name in _ONE_THREAD}
    os.environ.update(dict.fromkeys(_ONE_THREAD, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


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
        sizes = (*law.sizes[0], FIT_ROWS)
        return simulated_p_values(spec, law.draw, law.draw, numbers, sizes=sizes, seed=piece.seed)
    fault = fault_named(piece.fault)
    # One stream for all severities of a fault: their powers differ by the fault, not by the draw.
    return simulated_p_values(
        spec,
        fault.real,
        fault.fake(piece.severity),
        numbers,
        sizes=(100, 100, FIT_ROWS),
        seed=piece.seed,
        purpose=("power", piece.fault),
    )


def calibrated(
    metric: str,
    *,
    laws: Sequence[str],
    repetitions: int | None = None,
    power: bool = True,
    power_repetitions: int | None = None,
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
    seconds = _seconds_of_one(metric, laws[0])
    count = repetitions or (FEWER_REPETITIONS if seconds > DEAR_SECONDS else REPETITIONS)
    tried = power_repetitions or (POWER_REPETITIONS // 2 if seconds > DEAR_SECONDS else POWER_REPETITIONS)
    width = max(1, min(200, round(_PIECE_SECONDS / seconds)))
    records = [_of_law(spec, metric, law, count, width, workers, seed, tell) for law in laws]
    if power:
        records[0].power, records[0].power_repetitions = _power(metric, tried, width, workers, seed, tell), tried
        records[0].falls = {name: round(falls(rates, tried), 2) for name, rates in records[0].power.items()}
    return records


def _seconds_of_one(metric: str, law: str) -> float:
    simulate(Piece(metric=metric, law=law, first=0, last=1))  # imports are paid for once
    start = time.perf_counter()
    simulate(Piece(metric=metric, law=law, first=0, last=3))
    return (time.perf_counter() - start) / 3.0


def _pieces(count: int, width: int, **question: Any) -> list[Piece]:
    return [Piece(first=i, last=min(i + width, count), **question) for i in range(0, count, width)]


def _of_law(
    spec: MetricSpec, metric: str, law: str, count: int, width: int, workers: Workers, seed: int, tell: Tell
) -> Record:
    """Judge the level under one law; a rate above its limit is run again once, four times as long, and that decides."""
    first = None
    p = np.concatenate(workers.p_values(_pieces(count, width, metric=metric, law=law, seed=seed), tell))
    permuted = _permuted(spec, law)
    if not _kept(p, permuted):
        first = {"repetitions": count, "rates": _rates(p)}
        count, seed = 4 * count, seed + 1
        p = np.concatenate(workers.p_values(_pieces(count, width, metric=metric, law=law, seed=seed), tell))
    found = law_named(law)
    shape = uniformity(p, draws=PERMUTATIONS, permuted=permuted)
    return Record(
        metric=spec.name,
        law=law,
        n=found.sizes[0][0],
        m=found.sizes[0][1],
        fit=FIT_ROWS,
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


def _power(
    metric: str, count: int, width: int, workers: Workers, seed: int, tell: Tell
) -> dict[str, tuple[float, ...]]:
    """Rate of p <= 0.05 at each severity of each fault."""
    out = {}
    for fault in FAULTS.values():
        pieces = [
            piece
            for severity in fault.severities
            for piece in _pieces(count, width, metric=metric, fault=fault.name, severity=severity, seed=seed)
        ]
        found = workers.p_values(pieces, tell)
        rates = []
        for severity in fault.severities:
            p = np.concatenate([v for v, at in zip(found, pieces, strict=True) if at.severity == severity])
            rates.append(level(p, ALPHAS[0]).rate)
        out[fault.name] = tuple(rates)
    return out
