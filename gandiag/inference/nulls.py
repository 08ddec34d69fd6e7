"""From a measurement to a result: the floor, the p-value, the excess, and a reason for what is absent."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gandiag.core.results import Floor, KnownNull, Measurement, PValue, Relabelling
from gandiag.inference.effects import normal_effect, smallest_effect
from gandiag.inference.permutation import ENOUGH, PermutationNull, permutation_null

# The smallest effect is stated for one test at this level and power.
MDE_LEVEL, MDE_POWER = 0.05, 0.8


@dataclass(frozen=True, kw_only=True, eq=False)
class NullSummary:
    """What the null says about one estimate."""

    floor: Floor | None
    p_value: PValue | None
    excess: float | None
    z: float | None
    mde: float | None
    reasons: dict[str, str]
    draws: NDArray[np.float64] | None


def summarise_null(
    measurement: Measurement, *, draws: int, rng: np.random.Generator, enough: int = ENOUGH
) -> NullSummary:
    """Bring a measurement and its null together.

    Parameters
    ----------
    measurement : Measurement
        With a finite estimate.
    draws : int
        Permutations, unless the measurement asks for fewer.
    rng : numpy.random.Generator
    enough : int
        Draws as extreme as the data at which drawing stops.
    """
    if isinstance(measurement.null, Relabelling):
        limit, two_sided = measurement.null.draws, measurement.null.alternative == "two-sided"
        # A two-sided p-value is twice that of a tail: it takes twice the draws to be as small.
        draws = 2 * draws + 1 if two_sided else draws
        draws = draws if limit is None else min(draws, limit)
        null = permutation_null(measurement.null, draws=draws, rng=rng, enough=enough)
        return _from_permutations(measurement, measurement.null, null, draws)
    if isinstance(measurement.null, KnownNull):
        return _from_known(measurement, measurement.null)
    reasons = {name: measurement.reasons[name] for name in ("floor", "p_value")}
    reasons |= {name: "no floor" for name in ("excess", "z", "mde")}
    return NullSummary(floor=None, p_value=None, excess=None, z=None, mde=None, reasons=reasons, draws=None)


def _from_permutations(
    measurement: Measurement, problem: Relabelling, null: PermutationNull, draws: int
) -> NullSummary:
    sd = float(null.estimates.std(ddof=1)) if len(null.estimates) > 1 else 0.0
    floor = Floor(mean=float(null.estimates.mean()), sd=sd, source="permutation")
    floor = replace(floor, sd=0.0) if no_spread(floor) else floor
    calibration = "exact (all relabellings)" if null.exact else "permutation"
    # Drawing may have stopped early; a sampler that is worse would have been given all of the draws.
    least = (2.0 if problem.alternative == "two-sided" else 1.0) / (len(null.estimates) if null.exact else draws + 1)
    value = PValue(value=null.p_value, calibration=calibration, draws=len(null.estimates), least=min(1.0, least))
    mde = (
        None
        if no_spread(floor)
        else smallest_effect(null.estimates, problem.worse or problem.alternative, level=MDE_LEVEL, power=MDE_POWER)
    )
    excess, z, reasons = _excess(measurement, floor)
    if mde is None:
        reasons["mde"] = "the null has no spread"
    return NullSummary(floor=floor, p_value=value, excess=excess, z=z, mde=mde, reasons=reasons, draws=null.estimates)


def _from_known(measurement: Measurement, null: KnownNull) -> NullSummary:
    excess, z, reasons = _excess(measurement, null.floor)
    if null.p_value is None:
        reasons["p_value"] = measurement.reasons["p_value"]
    if null.floor is None:
        reasons["floor"] = measurement.reasons["floor"]
    mde = None
    if null.floor is not None and not no_spread(null.floor):
        mde = normal_effect(null.floor.sd, level=MDE_LEVEL, power=MDE_POWER)
    else:
        reasons["mde"] = "the null has no spread" if null.floor is not None else "no floor"
    return NullSummary(floor=null.floor, p_value=null.p_value, excess=excess, z=z, mde=mde, reasons=reasons, draws=None)


def no_spread(floor: Floor) -> bool:
    """Tell a floor whose spread is rounding: a z-value over it would be a number about nothing."""
    return floor.sd <= 1e-9 * abs(floor.mean)


def _excess(measurement: Measurement, floor: Floor | None) -> tuple[float | None, float | None, dict[str, str]]:
    if measurement.estimate is None or floor is None:
        return None, None, {"excess": "no floor", "z": "no floor"}
    excess = measurement.estimate - floor.mean
    if no_spread(floor):
        return excess, None, {"z": "the null has no spread"}
    return excess, excess / floor.sd, {}
