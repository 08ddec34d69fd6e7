"""The gate's own false alarms, measured on the user's data: real against real, run after run.

Every run measures once and is judged at each alpha. The smallest alpha sets the number of relabellings, so that each
p-value can fall to its share of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from gandiag.core.protocols import Progress, Sampler
from gandiag.core.rng import stream
from gandiag.core.selftest import AlarmRate, SelfTest
from gandiag.core.verdict import Outcome
from gandiag.errors import ConfigError, GandiagError
from gandiag.evaluate import evaluate
from gandiag.gate.decision import judge, overall
from gandiag.gate.policy import Policy
from gandiag.gate.running import bench_of, settings_of
from gandiag.gate.splitting import against_itself, most_per_side
from gandiag.numerics.binomial import clopper_pearson

ALPHAS = (0.05, 0.01)
# A gate with nothing wrong is called broken in at most one of 200 self-tests for each alpha.
CONFIDENCE = 0.99
# About two minutes of the default gate on two cores.
DEFAULT_RUNS, DEFAULT_N = 150, 200

Map = Callable[[Callable[[int], "Ran"], Sequence[int]], Iterable["Ran"]]


@dataclass(frozen=True, kw_only=True)
class Ran:
    """One run: for each alpha its outcome and the conditions that failed; or why there was none."""

    outcomes: tuple[Outcome, ...] = ()
    failed: tuple[tuple[str, ...], ...] = ()
    unjudged: dict[str, str] = field(default_factory=dict)
    error: str = ""


@dataclass(frozen=True, kw_only=True, eq=False)
class Trial:
    """What is run: called with the number of the run, also in another process."""

    policy: Policy
    real: Sampler
    train: Sampler | None
    n: int
    device: str | None = None

    def __call__(self, run: int) -> Ran:
        """Hold the source against itself once, by streams that belong to this run."""
        rng = stream(self.policy.seed, "self-test", str(run))
        policy = replace(self.policy, n=self.n, alpha=min(ALPHAS), seed=int(rng.integers(2**31)))
        settings = settings_of(policy, with_train=self.train is not None, device=self.device)
        try:
            real, fake = against_itself(self.real, self.n, rng=rng)
            report = evaluate(real, [("itself", fake)], train=self.train, settings=settings, version="").report
        except ConfigError:
            raise
        except GandiagError as error:
            return Ran(error=str(error))
        judged = [
            judge(policy.require, bench_of(replace(policy, alpha=alpha), report, settings.permutations))
            for alpha in ALPHAS
        ]
        unjudged = {j.condition: j.says for j in judged[0] if j.outcome == "error"}
        if len(unjudged) == len(policy.require):
            return Ran(error=f"no condition could be judged: {judged[0][0].says}")
        return Ran(
            outcomes=tuple(overall(judgements) for judgements in judged),
            failed=tuple(tuple(j.condition for j in judgements if j.outcome == "fail") for judgements in judged),
            unjudged=unjudged,
        )


def self_test_gate(
    policy: Policy,
    real: Sampler,
    *,
    runs: int,
    n: int = DEFAULT_N,
    train: Sampler | None = None,
    device: str | None = None,
    version: str,
    progress: Progress | None = None,
    workers: Map = map,
) -> SelfTest:
    """Measure how often a gate fails a source held against itself, at alpha 0.05 and 0.01.

    Parameters
    ----------
    policy : Policy
        With its conditions. Its alpha and its rows per side do not matter.
    real : Sampler
    runs, n : int
        How often, and rows per side.
    train : Sampler, optional
    device : str, optional
    version : str
    progress : callable, optional
    workers : callable
        Like ``map``; may work in other processes.
    """
    most = most_per_side(real, n)
    trial = Trial(policy=policy, real=real, train=train, n=most, device=device)
    done: list[Ran] = []
    for ran in workers(trial, range(runs)):
        done.append(ran)
        if progress is not None:
            progress("real against real", len(done), runs)
    judged = [ran for ran in done if not ran.error]
    errors = [ran.error for ran in done if ran.error]
    unjudged = {condition: why for ran in judged for condition, why in ran.unjudged.items()}
    return SelfTest(
        real=real.name,
        n=most,
        asked=runs,
        errors=len(errors),
        confidence=CONFIDENCE,
        rates=tuple(_rate(alpha, i, judged) for i, alpha in enumerate(ALPHAS)),
        unjudged=unjudged,
        notes=(*_notes(real, most, n), *(f"a run ended with: {error}" for error in errors[:1])),
        seed=policy.seed,
        gandiag_version=version,
    )


def _rate(alpha: float, i: int, judged: Sequence[Ran]) -> AlarmRate:
    outcomes = Counter(ran.outcomes[i] for ran in judged)
    alarms, runs = outcomes["fail"], len(judged)
    low, high = clopper_pearson(alarms, runs, level=CONFIDENCE) if runs else (0.0, 1.0)
    by = Counter(condition for ran in judged for condition in ran.failed[i])
    return AlarmRate(
        alpha=alpha,
        alarms=alarms,
        runs=runs,
        low=low,
        high=high,
        passes=outcomes["pass"],
        by_condition=dict(by.most_common()),
    )


def _notes(real: Sampler, n: int, asked: int) -> tuple[str, ...]:
    notes = []
    if n < asked:
        notes.append(f"{real.name} holds {real.size} rows: {n} per side are left of the {asked} asked for")
    if real.size is not None:
        notes.append(
            f"every run cuts the same {real.size} rows anew: runs share rows, so this tests the gate on these rows. "
            "What neighbours in the file have to do with each other does not show"
        )
    return tuple(notes)
