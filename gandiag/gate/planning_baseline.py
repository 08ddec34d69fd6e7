"""Planning of conditions on a baseline: how far a number scatters between two samplers that are both as good as real.

The candidate and the sampler that was accepted are not there yet, so two further parts of the real data stand for them,
held against the real side as `regression` holds a candidate against its baseline. They share no latents, since real
data have none: samplers that do share them are seen sooner, by how much only they can tell.
"""

from __future__ import annotations

import math
from dataclasses import replace

from scipy.special import ndtri, stdtrit

from gandiag.core.plan import Planned
from gandiag.core.protocols import Sampler
from gandiag.core.rng import stream
from gandiag.core.specs import METRICS
from gandiag.gate.baseline import Against, Baseline
from gandiag.gate.bench import CONFIDENCE, HALF_WIDTHS, Unjudged
from gandiag.gate.conditions import NotWorse
from gandiag.gate.growth import Growth, grown
from gandiag.gate.policy import Policy
from gandiag.gate.regression import SHARE, Compared, compare
from gandiag.gate.running import settings_of
from gandiag.gate.splitting import cut, most_per_side
from gandiag.inference.swaps import MOST
from gandiag.preparation import prepare

# The sides of a comparison with a baseline, beside the real one.
SIDES = 2
_ASSUMED = "of samplers that share no latents, and a baseline as good as real data"


def stand_ins(
    policy: Policy, real: Sampler, train: Sampler | None, sizes: tuple[int, ...], device: str | None
) -> tuple[tuple[int, Against], ...]:
    """Let real data stand for a candidate and for its baseline, at each of several sizes.

    Parameters
    ----------
    policy : Policy
    real : Sampler
    train : Sampler, optional
    sizes : tuple of int
        Rows per side, the largest first; fewer where the source holds fewer.
    device : str, optional
    """
    most = most_per_side(real, sizes[0], fakes=SIDES)
    return tuple(
        (rows, _stand_in(replace(policy, n=rows), real, train, rows, device))
        for rows in dict.fromkeys(round(most * size / sizes[0]) for size in sizes)
    )


def _stand_in(policy: Policy, real: Sampler, train: Sampler | None, rows: int, device: str | None) -> Against:
    settings = settings_of(policy, with_train=train is not None, device=device)
    side, parts = cut(real, rows, fakes=SIDES, rng=stream(policy.seed, "plan baseline", str(rows)))
    named = list(zip(("the candidate", "the baseline"), parts, strict=True))
    prepared = prepare(side, named, train=train, features=policy.features, n=rows, seed=policy.seed)
    candidate, accepted = (prepared.comparison(i, seed=policy.seed, device=device) for i in range(SIDES))
    baseline = Baseline(
        gandiag_version="",
        fake=real.name,
        drawn_as="",
        endless=False,
        fingerprints={},
        metrics={},
        rows=accepted.fake,
        labels=accepted.fake_labels,
        outside=accepted.outside,
    )
    return Against(comparison=candidate, baseline=baseline, endless=False, dependence=None, settings=settings)


def plan_not_worse(
    condition: NotWorse, against: tuple[tuple[int, Against], ...], *, n: int, level: float, wished: float | None
) -> Planned:
    """Foresee a condition on a baseline.

    Parameters
    ----------
    condition : NotWorse
    against : tuple of (int, Against)
        See `stand_ins`.
    n : int
        Rows per side that are asked about.
    level : float
        Of the condition.
    wished : float, optional
        A distance of the bound from the difference.

    Returns
    -------
    Planned
        ``smallest`` is how far the bound lies from the difference, ``margin`` what is allowed; a sampler as good as the
        baseline passes with a chance of 0.95 from ``needed`` rows on.
    """
    line = Planned(
        condition=condition.text, kind="baseline", metric=condition.metric, effect=f"{condition.metric} worse by {{}}"
    )
    try:
        found = [
            (rows, compare(each, condition.metric, margin=condition.margin, relative=condition.relative, level=level))
            for rows, each in against
        ]
    except Unjudged as reason:
        return replace(line, kind="unknown", wished=wished, why=str(reason))
    first = found[0][1]
    allowed = first.margin if first.margin > 0.0 else SHARE * abs(first.before)
    law = grown(
        [(rows, _scatter(each)) for rows, each in found],
        declared=0.5,
        most=METRICS.get(condition.metric).most_rows,
    )
    if law is None:
        # Equals then differ by nothing, and are worse by at most that.
        why = "its number does not move when real rows are exchanged: what is seen cannot be foreseen, but equals pass"
        return replace(line, margin=allowed, wished=wished, can_pass=True, healthy=first.before, why=why)
    return _foreseen(line, law, first, allowed=allowed, n=n, level=level, wished=wished)


def _scatter(found: Compared) -> float:
    """Give the standard deviation of the difference under exchanges, in the metric's unit."""
    return math.sqrt(float((found.worsening.draws**2).mean())) * found.unit


def _foreseen(
    line: Planned, law: Growth, found: Compared, *, allowed: float, n: int, level: float, wished: float | None
) -> Planned:
    quantile, scatter = float(ndtri(CONFIDENCE)), law.at(n)
    # Two samplers that differ scatter more than two that do not, so that a failure is told from below alone.
    fails = found.margin + float(stdtrit(MOST, 1.0 - level)) * scatter
    stated = "" if found.margin > 0.0 else f"allowed are {SHARE:.0%} of the baseline's number; "
    return replace(
        line,
        smallest=quantile * scatter,
        margin=allowed,
        # The bound lies one half-width off the difference, and the difference of equals as far off 0.
        can_pass=HALF_WIDTHS * quantile * scatter <= allowed,
        needed=law.rows_for(allowed / (HALF_WIDTHS * quantile)) if allowed > 0.0 else None,
        wished=wished,
        for_wished=None if wished is None else law.rows_for(wished / quantile),
        healthy=found.before,
        why=f"{stated}fails nothing that is worse by less than {fails:.3g}; {_ASSUMED} ({found.before:.4g})",
        measured=tuple((rows, quantile * value) for rows, value in law.points),
        rate=law.rate,
        fitted=law.fitted,
        extrapolated=min(n, law.most) > law.points[-1][0],
    )
