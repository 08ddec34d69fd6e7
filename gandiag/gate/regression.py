"""Conditions on a baseline: whether a candidate is worse than the sampler that was accepted before it.

Two numbers are compared that share their real rows and, where both samplers drew from one stream, their latents. What
they share cancels; what is left is judged by exchanging rows of one with rows of the other, as `inference.swaps` says.
The number is the metric's estimate, without its null, from the same stream for every swap.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gandiag.core.comparison import Comparison
from gandiag.core.rng import stream
from gandiag.core.specs import METRICS, MetricSpec
from gandiag.errors import ConfigError, GandiagError
from gandiag.gate.baseline import Against
from gandiag.gate.bench import CONFIDENCE, DATA, INTERNAL, Bench, Unjudged, Weighed, rows_needed
from gandiag.gate.conditions import NotWorse
from gandiag.inference.swaps import Worsening, worsened
from gandiag.working import in_threads

# A pass without a stated margin: worse by at most this share of the baseline's value.
SHARE = 0.1
_SIGN = {"lower": 1.0, "higher": -1.0}


@dataclass(frozen=True, kw_only=True, eq=False)
class Compared:
    """One number of both samplers, and how far it moves when rows are exchanged.

    Parameters
    ----------
    now, before : float
    worsening : Worsening
        In units of ``unit``.
    unit : float
        The larger of both numbers' sizes: rounding then means the same in any unit of the metric.
    margin : float
        What was allowed, in the metric's unit.
    how : str
        What was exchanged, in words.
    """

    now: float
    before: float
    worsening: Worsening
    unit: float
    margin: float
    how: str

    @property
    def change(self) -> float:
        """By how much it is worse, in the metric's unit."""
        return self.worsening.change * self.unit

    @property
    def p_value(self) -> float:
        """The evidence against "worse by at most the margin"."""
        return self.worsening.p_value(self.margin / self.unit)

    @property
    def bound(self) -> float:
        """By how much it is worse at most, with 95 % confidence."""
        return self.worsening.bound(CONFIDENCE) * self.unit


def weigh_not_worse(condition: NotWorse, bench: Bench) -> Weighed:
    """Weigh "not worse than the baseline".

    Raises
    ------
    Unjudged
        When one of the two numbers cannot be had, or rows depend on each other.
    """
    if bench.against is None:
        raise ConfigError(
            "a condition on the baseline needs a baseline",
            received=condition.text,
            remedy=NO_BASELINE,
        )
    bench.result(condition.metric)
    found = compare(
        bench.against, condition.metric, margin=condition.margin, relative=condition.relative, level=bench.level
    )
    allowed = found.margin if found.margin > 0.0 else SHARE * abs(found.before)
    bound, sign = found.bound, _sign(METRICS.get(condition.metric))
    holds = bound <= allowed
    far = found.before + sign * bound if math.isfinite(bound) else None
    return Weighed(
        condition=condition,
        p_value=found.p_value,
        seen=_seen(condition.metric, found),
        by="bound" if holds else None,
        holds=_told(bound, allowed, found),
        open=f"it may be worse by {bound:.3g}, and {allowed:.3g} is allowed",
        observed=found.now,
        limit=found.before + sign * found.margin,
        high=far if sign > 0 else None,
        low=far if sign < 0 else None,
        margin=allowed,
        effect=f"{condition.metric} worse by {{}}",
        needed=_needed(bench, bound - found.change, abs(allowed - found.change)),
    )


NO_BASELINE = 'Make one with `gandiag baseline update`, and name it: baseline = "baseline.json", or --baseline.'


def _seen(metric: str, found: Compared) -> str:
    change = found.change
    word = "no change from" if change == 0.0 else f"{'worse' if change > 0.0 else 'better'} by {abs(change):.3g} than"
    return f"{metric} = {found.now:.4g}, {word} the baseline's {found.before:.4g} ({found.how})"


def _told(bound: float, allowed: float, found: Compared) -> str:
    if bound <= 0.0:
        return "better, or no worse at all, with 95 % confidence"
    stated = "" if found.margin > 0.0 else f", {SHARE:.0%} of the baseline's"
    return f"worse by at most {bound:.3g} with 95 % confidence, and {allowed:.3g}{stated} is allowed"


def _needed(bench: Bench, width: float, room: float) -> int | None:
    if room == 0.0 or not math.isfinite(width) or width <= room:
        return None
    return rows_needed(min(bench.real.n, bench.fake.n), width / room, 0.5)


def compare(
    against: Against, metric: str, *, margin: float = 0.0, relative: bool = False, level: float = 0.005
) -> Compared:
    """Compare one metric of a candidate with that of the baseline.

    Parameters
    ----------
    against : Against
    metric : str
    margin : float
        By how much it may be worse.
    relative : bool
        Whether that is a share of the baseline's value.
    level : float
        At which the test must be able to reject.

    Raises
    ------
    Unjudged
        When a number cannot be had for either, or under a swap.
    """
    spec = METRICS.get(metric)
    for side, why in (("candidate", against.dependence), ("baseline", against.baseline.dependence)):
        if why is not None:
            raise Unjudged(f"{side}: {why}", DATA)
    sides = _Sides.of(against, spec)
    now, before = sides.number(sides.first, "candidate"), sides.number(sides.last, "baseline")
    unit = max(abs(now), abs(before)) or 1.0
    allowed = margin * abs(before) if relative else margin
    sign = _sign(spec)

    def drawn(start: int, stop: int) -> NDArray[np.float64]:
        jobs = [order for k in range(start, stop) for order in sides.exchanged(k)]
        values = np.array(list(in_threads(lambda rows: sides.number(rows, "exchange of rows"), jobs)))
        sizes: NDArray[np.float64] = np.abs(values[0::2] - values[1::2]) / unit
        return sizes

    change = sign * (now - before) / unit
    # Rows that are all the same make every swap the same.
    same = sides.all_equal()
    draws = worsened(change, (lambda a, b: np.zeros(b - a)) if same else drawn, margin=allowed / unit, level=level)
    return Compared(now=now, before=before, worsening=draws, unit=unit, margin=allowed, how=sides.how)


def _sign(spec: MetricSpec) -> float:
    """Turn the metric so that more is worse; what has a target is told as it is."""
    return _SIGN.get(spec.direction, 1.0)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Sides:
    """Rows of candidate and baseline, one over the other, and the ways to exchange them."""

    pool: Comparison
    rows: int
    seed: int
    metric: str
    paired: bool
    how: str
    measure: Callable[[Comparison], float | None]

    @classmethod
    def of(cls, against: Against, spec: MetricSpec) -> _Sides:
        now, before, settings = against.comparison, against.baseline, against.settings
        rows = min(now.m, len(before.rows))
        pool = now.with_fake(
            np.concatenate([now.fake[:rows], before.rows[:rows]]),
            labels=_joined(now.fake_labels, before.labels, rows),
            outside=_joined(now.outside, before.outside, rows),
        )
        how = "rows of one latent exchanged" if against.paired else "all rows dealt out again: they share no latents"
        if max(now.m, len(before.rows)) > rows:
            how += f"; the first {rows} of each"
        return cls(
            pool=pool,
            rows=rows,
            seed=settings.seed,
            metric=spec.name,
            paired=against.paired,
            how=how,
            measure=lambda c: _number(spec, c, dict((settings.options or {}).get(spec.name, {})), settings.seed),
        )

    @property
    def first(self) -> NDArray[np.int64]:
        """The candidate's rows."""
        return np.arange(self.rows)

    @property
    def last(self) -> NDArray[np.int64]:
        """The baseline's rows."""
        return self.first + self.rows

    def exchanged(self, k: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Give both sides under the k-th exchange: the second is the first under the opposite one."""
        rng = stream(self.seed, "baseline", self.metric, str(k))
        if not self.paired:
            order = rng.permutation(2 * self.rows)
            return order[: self.rows], order[self.rows :]
        swapped = rng.random(self.rows) < 0.5
        return np.where(swapped, self.last, self.first), np.where(swapped, self.first, self.last)

    def all_equal(self) -> bool:
        """Tell whether both samples are one."""
        fake, labels, outside = self.pool.fake, self.pool.fake_labels, self.pool.outside
        parts = [fake, *(each for each in (labels, outside) if each is not None)]
        return self.paired and all(np.array_equal(part[self.first], part[self.last]) for part in parts)

    def number(self, rows: NDArray[np.int64], what: str) -> float:
        """Measure chosen rows.

        Raises
        ------
        Unjudged
            When there is no number.
        """
        labels, outside = self.pool.fake_labels, self.pool.outside
        comparison = self.pool.with_fake(
            self.pool.fake[rows],
            labels=None if labels is None else labels[rows],
            outside=None if outside is None else outside[rows],
        )
        try:
            value = self.measure(comparison)
        except GandiagError as error:
            raise Unjudged(f"{what}: {error}", DATA) from error
        except Exception as error:  # a metric that breaks is an error of the gate's, and never a pass
            raise Unjudged(f"{what}: {type(error).__name__}: {error}", INTERNAL) from error
        if value is None or not math.isfinite(value):
            raise Unjudged(f"{what}: the metric gives no number", DATA)
        return value


def _joined(now: NDArray[Any] | None, before: NDArray[Any] | None, rows: int) -> NDArray[Any] | None:
    return None if now is None or before is None else np.concatenate([now[:rows], before[:rows]])


def _number(spec: MetricSpec, comparison: Comparison, options: dict[str, Any], seed: int) -> float | None:
    """Measure the estimate alone, from the stream that the report measures it from."""
    used, rng = comparison.at_most(spec.most_rows), stream(seed, "metric", spec.name)
    if spec.number is not None:
        return spec.number(used, rng=rng, **options)
    lacks = spec.needs - used.given
    if lacks or used.n < spec.min_real or used.m < spec.min_fake:
        return None
    return spec.measure(used, rng=rng, **options).estimate
