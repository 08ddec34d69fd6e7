"""One run of a gate: draw, measure with as many relabellings as alpha asks for, judge."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gandiag.core.protocols import Progress, Sampler
from gandiag.core.report import Report
from gandiag.core.specs import METRICS
from gandiag.core.verdict import Verdict
from gandiag.errors import ConfigError, GandiagError
from gandiag.evaluate import Evaluated, evaluate
from gandiag.findings import LEVEL
from gandiag.gate.baseline import Against, Baseline, fingerprints, require_same
from gandiag.gate.baseline_files import read_baseline
from gandiag.gate.bench import Bench
from gandiag.gate.blocks import Held
from gandiag.gate.conditions import NoDiagnosis, NotWorse, metrics_of
from gandiag.gate.decision import judge, overall
from gandiag.gate.policy import Policy
from gandiag.gate.regression import NO_BASELINE
from gandiag.settings import Settings

DEFAULT_N = 2500
# More cost minutes; a level that these do not reach leaves its condition open, with the reason.
FEWEST_PERMUTATIONS, MOST_PERMUTATIONS = 999, 99_999
# A gate looks at small p-values alone: one of which so many draws are as extreme as the data is known well enough.
ENOUGH = 20


def run_gate(
    policy: Policy,
    real: Sampler,
    fake: tuple[str, Sampler],
    *,
    train: Sampler | None = None,
    device: str | None = None,
    version: str,
    progress: Progress | None = None,
) -> Verdict:
    """Judge one sampler by a policy.

    Parameters
    ----------
    policy : Policy
        With its conditions: see `Policy.completed`.
    real : Sampler
    fake : (name, Sampler)
    train : Sampler, optional
    device : str, optional
    version : str
    progress : callable, optional

    Returns
    -------
    Verdict
        With outcome "error", and the error, where the sources cannot be drawn or compared.

    Raises
    ------
    ConfigError
        For a policy that cannot be carried out: a mistake of the person who wrote it, and no verdict on a sampler.
    """
    settings = settings_of(policy, device=device, with_train=train is not None)
    told: dict[str, Any] = {
        "gate": policy.name,
        "real": real.name,
        "fake": fake[0],
        "alpha": policy.alpha,
        "strict": policy.strict,
        "gandiag_version": version,
    }
    try:
        before = baseline_for(policy)
        # Rows of one stream come from the same latents, whatever the sampler is called.
        name = fake[0] if before is None else before.drawn_as
        found = evaluate(real, [(name, fake[1])], train=train, settings=settings, version=version, progress=progress)
        against = None if before is None else held_against(before, found, fake[1], name=str(policy.baseline))
    except ConfigError:
        raise
    except GandiagError as error:
        return Verdict(outcome="error", error=error, provenance=_provenance(policy, settings), **told)
    report = replace(found.report, fakes=(replace(found.report.fakes[0], name=fake[0]),))
    bench = replace(bench_of(policy, report, settings.permutations), against=against)
    judgements = judge(policy.require, bench)
    return Verdict(
        outcome=overall(judgements),
        judgements=judgements,
        report=report,
        warnings=(*report.real.notes, *report.fakes[0].notes),
        provenance=_provenance(policy, settings) | {"features": report.real.features},
        **told,
    )


def require_named_baseline(policy: Policy) -> None:
    """Refuse a baseline that a condition asks for and nobody names, or that is named and not asked for."""
    asking = [condition.text for condition in policy.require if isinstance(condition, NotWorse)]
    if asking and policy.baseline is None:
        raise ConfigError("a condition on the baseline needs a baseline", received=asking[0], remedy=NO_BASELINE)
    if policy.baseline is not None and not asking:
        raise ConfigError(
            "a baseline is named, and no condition looks at it",
            received=policy.baseline,
            remedy="Write 'recall not worse than baseline', or leave the baseline out.",
        )


def baseline_for(policy: Policy) -> Baseline | None:
    """Read the baseline that conditions ask for; None where none does.

    Raises
    ------
    ConfigError
        See `require_named_baseline`.
    GandiagError
        When it cannot be read.
    """
    require_named_baseline(policy)
    return None if policy.baseline is None else read_baseline(policy.baseline)


def held_against(before: Baseline, found: Evaluated, sampler: Sampler, *, name: str) -> Against:
    """Lay a run beside the baseline.

    Raises
    ------
    IntegrityError
        When they differ in more than the sampler.
    """
    require_same(before.fingerprints, fingerprints(found.prepared, found.settings), name=name)
    return Against(
        comparison=found.comparison(0),
        baseline=before,
        # Blocks have streams of their own: their rows share no latents with a baseline's, which were drawn at once.
        endless=sampler.size is None and not isinstance(sampler, Held),
        dependence=found.prepared.dependence(0),
        settings=found.settings,
    )


def bench_of(policy: Policy, report: Report, permutations: int) -> Bench:
    """Lay the results of the first sampler of a report out for judging."""
    nulls: dict[str, NDArray[np.float64]] = {}
    for key, values in report.arrays.items():
        parts = key.split("/")
        if parts[0] == "0" and parts[-1] == "null":
            nulls[parts[1]] = np.asarray(values, dtype=np.float64)
    return Bench(
        fake=report.fakes[0],
        real=report.real,
        nulls=nulls,
        alpha=policy.alpha,
        conditions=len(policy.require),
        permutations=permutations,
        accept_degraded=policy.accept_degraded,
    )


def settings_of(policy: Policy, *, with_train: bool, device: str | None = None) -> Settings:
    """Say how a policy is measured."""
    asked, shares, level = metrics_of(policy.require), len(policy.require), policy.alpha
    if any(isinstance(condition, NoDiagnosis) for condition in policy.require):
        # A diagnosis reads the whole default suite.
        # What lacks its input is left out: nothing asked for it.
        given = {"range", "train"} if with_train else {"range"}
        asked = tuple(dict.fromkeys((*asked, *(s.name for s in METRICS if s.default and s.needs <= given))))
        # The panel shares the condition's part of alpha once more.
        shares *= len(asked)
        # Diagnoses have a level of their own, which their tests must reach under a laxer gate as well.
        level = min(level, LEVEL)
    return Settings(
        metrics=asked,
        features=policy.features,
        n=policy.n or DEFAULT_N,
        seed=policy.seed,
        permutations=min(MOST_PERMUTATIONS, permutations_for(level, shares)),
        options=policy.options or None,
        device=device,
        enough=ENOUGH,
    )


def permutations_for(alpha: float, conditions: int) -> int:
    """Say how many relabellings let a p-value fall to each condition's share of alpha.

    Examples
    --------
    >>> permutations_for(0.001, 10)
    9999
    """
    return max(FEWEST_PERMUTATIONS, math.ceil(round(max(conditions, 1) / alpha, 6)) - 1)


def _provenance(policy: Policy, settings: Settings) -> dict[str, Any]:
    return {
        "require": [condition.text for condition in policy.require],
        "seed": policy.seed,
        "n": settings.n,
        "permutations": settings.permutations,
        "options": {name: dict(given) for name, given in (policy.options or {}).items()},
    }
