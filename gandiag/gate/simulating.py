"""Simulation of a plan: the claimed smallest effect is planted, and the gate itself says how often it finds it.

Each condition stands alone at its Bonferroni share of alpha, the least that Holm's rule leaves it: the rest of the gate
can only help. The metric is measured alone too, on streams of its own, so that the number of runs costs little.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from gandiag.core.plan import Plan, Planned, Simulated
from gandiag.core.protocols import Progress, Sampler
from gandiag.core.results import Result
from gandiag.core.rng import stream
from gandiag.errors import ConfigError
from gandiag.evaluate import evaluate
from gandiag.gate.bench import Bench
from gandiag.gate.conditions import Limit
from gandiag.gate.decision import judge
from gandiag.gate.planting import PLANTS, Plant, dial_for
from gandiag.gate.policy import Policy
from gandiag.gate.running import bench_of, settings_of
from gandiag.gate.splitting import against_itself
from gandiag.numerics.binomial import clopper_pearson

# Runs whose mean excess is looked at for one turn of the dial, and relabellings that tell their floor.
_LOOKS, _FEW = 8, 199


@dataclass(frozen=True, kw_only=True, eq=False)
class Scene:
    """One condition, one fault, so many rows."""

    policy: Policy
    condition: Limit
    real: Sampler
    plant: Plant
    n: int
    device: str | None = None

    def bench(self, dial: float, *names: str, permutations: int | None = None) -> Bench:
        """Plant the fault and measure it, on streams of that name."""
        rng = stream(self.policy.seed, "simulate", self.condition.text, *names)
        policy = replace(self.policy, n=self.n, seed=int(rng.integers(2**31)))
        settings = settings_of(policy, with_train=False, device=self.device)
        if permutations is not None:
            settings = replace(settings, permutations=permutations)
        real, fake = self.plant.put(*against_itself(self.real, self.n, rng=rng), dial)
        report = evaluate(real, [("planted", fake)], settings=settings, version="").report
        return bench_of(policy, report, settings.permutations)

    def mean_excess(self, dial: float) -> float:
        """Look at the mean excess of the estimate over its floor, in the direction that is worse."""
        looks = [self.bench(dial, "look", str(i), permutations=_FEW) for i in range(_LOOKS)]
        return float(np.mean([excess_of(bench, self.condition.metric) for bench in looks]))


def excess_of(bench: Bench, metric: str) -> float:
    """Give how far an estimate lies from its floor, in the direction that is worse."""
    found: Result = bench.fake[metric]
    if found.excess is None:
        raise ConfigError("a fault is looked for by an excess", received=metric, remedy="Leave the simulation out.")
    worse = bench.worse(metric)
    return abs(found.excess) if worse == "two-sided" else found.excess * (1.0 if worse == "greater" else -1.0)


def simulated(
    plan: Plan,
    policy: Policy,
    real: Sampler,
    *,
    runs: int,
    device: str | None = None,
    progress: Progress | None = None,
) -> Plan:
    """Plant what each test claims to see, and count how often the gate finds it.

    Parameters
    ----------
    plan : Plan
        Of this policy on this source.
    policy : Policy
    real : Sampler
    runs : int
        Of each condition.
    device : str, optional
    progress : callable, optional

    Returns
    -------
    Plan
        With `Planned.simulated` where a known fault corresponds to the effect, and a reason elsewhere.
    """
    lines = []
    for i, (line, condition) in enumerate(zip(plan.lines, policy.require, strict=True)):
        if progress is not None:
            progress(f"planting: {line.condition}", i, len(plan.lines))
        lines.append(_line(line, condition, plan, policy, real, runs, device))
    return replace(plan, lines=tuple(lines))


def _line(
    line: Planned, condition: object, plan: Plan, policy: Policy, real: Sampler, runs: int, device: str | None
) -> Planned:
    if line.kind != "test" or not isinstance(condition, Limit) or line.smallest is None:
        return line
    plant = PLANTS.get((condition.metric, condition.quantity))
    if plant is None:
        return _untold(line, "no known fault of a given size corresponds to its effect")
    if line.extrapolated or plan.n > plan.measured_up_to:
        return _untold(line, "there are not rows enough to simulate it")
    alone = replace(policy, require=(condition,), alpha=plan.level)
    scene = Scene(policy=alone, condition=condition, real=real, plant=plant, n=plan.n, device=device)
    try:
        dial = line.smallest if plant.exact else dial_for(line.smallest, plant.most, scene.mean_excess)
        if math.isinf(dial):
            return _untold(line, f"{plant.fault} of that size cannot be planted")
        return replace(line, simulated=_counted(scene, dial, runs))
    except ConfigError as why:
        return _untold(line, str(why))


def _counted(scene: Scene, dial: float, runs: int) -> Simulated:
    found, sizes = 0, []
    for run in range(runs):
        bench = scene.bench(dial, "run", str(run))
        found += judge((scene.condition,), bench)[0].outcome == "fail"
        sizes.append(dial if scene.plant.exact else excess_of(bench, scene.condition.metric))
    low, high = clopper_pearson(found, runs)
    return Simulated(fault=scene.plant.fault, planted=float(np.mean(sizes)), found=found, runs=runs, low=low, high=high)


def _untold(line: Planned, why: str) -> Planned:
    return replace(line, why="; ".join(part for part in (line.why, f"not simulated: {why}") if part))
