"""The gate while the sampler draws: stop as soon as laws are seen to differ, or judge everything at the end.

The error budget is split before anything is drawn. Half of alpha goes to one e-process against "real and fake follow
one law", fed pair by pair: it fails the sampler at the first block at which it has reached ``2 / alpha``, which under
equal laws ever happens with a chance of at most ``alpha / 2`` (Ville 1939). Half goes to the ordinary gate, on all rows
that the budget allows, when nothing was seen till then. A sampler with nothing wrong fails in at most a share alpha of
runs, however both depend on each other.

A fault can be seen early, a pass cannot: that no difference was seen in a few rows says nothing, and what a pass rests
on (a bound within a limit, a test that would have seen the margin) needs the rows that the margin asks for. So a pass
is given at the end, at half of alpha. Stopping early saves rows of samplers that are wrong. An early failure has no
report: its rows were chosen by stopping, and numbers of them would be worse than those of the sampler.

Real rows are consumed in pairs with fake rows; scales, modes and thresholds are fitted on rows set aside.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from gandiag.core.dependence import FEWEST_ROWS
from gandiag.core.names import side_of_fake
from gandiag.core.protocols import Progress, Sampler
from gandiag.core.rng import stream
from gandiag.core.verdict import Judgement, Verdict
from gandiag.errors import ConfigError, GandiagError, placed
from gandiag.gate.blocks import Blocks
from gandiag.gate.conditions import Limit, NoDiagnosis
from gandiag.gate.policy import Policy
from gandiag.gate.running import run_gate, settings_of
from gandiag.inference.panel_of_bets import Panel, default_panel
from gandiag.numerics.betting import MOST_LOG
from gandiag.preparation import prepare
from gandiag.prepared import Prepared

BLOCK = 50
# The share of alpha that the e-process spends.
SHARE = 0.5
CONDITION = "equal laws while drawing"
# Bets that a judgement names.
_NAMED = 3


def run_sequential(
    policy: Policy,
    real: Sampler,
    fake: tuple[str, Sampler],
    *,
    train: Sampler | None = None,
    device: str | None = None,
    version: str,
    progress: Progress | None = None,
    deadline: float | None = None,
) -> Verdict:
    """Judge one sampler by a policy, drawing it in blocks.

    Parameters
    ----------
    policy : Policy
        With its conditions. ``n`` is the most rows that are drawn, ``block`` the rows per block.
    real, fake, train, device, version, progress
        As for `run_gate`.
    deadline : float, optional
        Seconds that drawing may take in all.

    Returns
    -------
    Verdict
        Its sentence says where the drawing stopped and why; ``provenance["samples_used"]`` counts the fake rows.

    Raises
    ------
    ConfigError
        As for `run_gate`, and where no condition of the policy is a test of "same law".
    """
    require_test(policy)
    budget = settings_of(policy, with_train=train is not None).n or 0
    blocks = Blocks(fake[1], fake[0], block=policy.block or BLOCK, budget=budget, seed=policy.seed, deadline=deadline)
    run = _Run(policy, real, blocks, version)
    try:
        prepared = prepare(real, [], train=train, features=policy.features, n=budget, seed=policy.seed)
        stopped = run.drawn(prepared, progress)
    except ConfigError:
        raise
    except GandiagError as error:
        return run.broken(error)
    if stopped is not None:
        return run.decided(stopped, prepared)
    half, held = replace(policy, alpha=(1.0 - SHARE) * policy.alpha), (fake[0], blocks.held())
    return run.finished(run_gate(half, real, held, train=train, device=device, version=version, progress=progress))


def require_test(policy: Policy) -> None:
    """Refuse a policy that does not ask whether laws are equal: unequal laws would then be no reason to fail."""
    if any(isinstance(c, NoDiagnosis) or (isinstance(c, Limit) and c.is_test) for c in policy.require):
        return
    raise ConfigError(
        "drawing in blocks stops when laws differ, so the policy must ask for equal laws by a test",
        received="; ".join(condition.text for condition in policy.require),
        remedy="Add a condition such as 'mmd.p >= alpha', or leave `sequential` out.",
    )


class _Run:
    """One game between the blocks of a sampler and the real rows, and the verdicts that it can end with."""

    def __init__(self, policy: Policy, real: Sampler, blocks: Blocks, version: str) -> None:
        self._level = SHARE * policy.alpha
        self._policy, self._blocks = policy, blocks
        self._panel = Panel()
        self._pairs = 0
        # Rows drawn, and the logarithm of the evidence, at the end of each block.
        self._path: list[tuple[int, float]] = []
        self._warnings: tuple[str, ...] = ()
        self._told: dict[str, Any] = {
            "gate": policy.name,
            "real": real.name,
            "fake": blocks.name,
            "alpha": policy.alpha,
            "strict": policy.strict,
            "gandiag_version": version,
        }

    def drawn(self, prepared: Prepared, progress: Progress | None) -> Judgement | None:
        """Draw until it is decided, or to the end of the budget: then None."""
        rng = stream(self._policy.seed, "gate", "sequential")
        self._panel = default_panel(prepared.matrix("fit", prepared.fit), known=prepared.modes(), rng=rng)
        real = prepared.matrix("real", prepared.real)
        blocks = iter(self._blocks)
        for samples in blocks:
            with placed(side_of_fake(self._blocks.name)):
                rows = prepared.with_fakes(samples).matrix("fake 0", samples)
            pairs = real[self._pairs : self._pairs + len(rows)]
            self._panel.update(pairs, rows[: len(pairs)])
            self._pairs += len(pairs)
            self._path.append((self._blocks.used, self._panel.process.log_value))
            if progress is not None:
                progress("drawing samples", self._blocks.used, self._blocks.budget)
            if not self._panel.process.rejects(self._level) or self._blocks.used < FEWEST_ROWS:
                continue
            why = prepared.with_fakes(self._blocks.held().all).dependence(0)
            if why is None:
                return self._judgement()
            # Rows are no independent draws: the e-process says nothing, now and later.
            self._warnings = (f"nothing was decided while drawing: {why}",)
            for _ in blocks:
                continue
        return None

    def _judgement(self) -> Judgement:
        p = self._panel.process.p_value
        return Judgement(
            condition=CONDITION,
            outcome="fail",
            says=f"evidence of {1.0 / p:.3g} to 1 against equal laws at row {self._blocks.used}, where "
            f"{1.0 / self._level:.4g} to 1 decides; most of it by the bet on {self._panel.richest} "
            f"({self._told_bets()})",
            observed=1.0 / p,
            limit=1.0 / self._level,
            p_value=p,
            adjusted=min(1.0, p / SHARE),
        )

    def _told_bets(self) -> str:
        """Say what the bets that gained have made of their shares, the richest first."""
        gains = sorted(((log, name) for name, log in self._panel.earned.items() if log > 0.0), reverse=True)
        told = [f"{name}: {math.exp(min(log, MOST_LOG)):.3g} to 1" for log, name in gains[:_NAMED]]
        more = len(gains) - _NAMED
        return "; ".join(told) + (f"; and {more} more that gained" if more > 0 else "")

    def broken(self, error: GandiagError) -> Verdict:
        """Say that no verdict was reached."""
        return Verdict(outcome="error", error=error, provenance=self._provenance("error"), **self._told)

    def decided(self, judgement: Judgement, prepared: Prepared) -> Verdict:
        """Fail a sampler before all of it was drawn; the conditions of the policy were not looked at."""
        return Verdict(
            outcome="fail",
            judgements=(judgement,),
            warnings=(*prepared.real.notes, *self._blocks.held().all.notes),
            ended=f"Drawing stopped after {self._blocks.used} of at most {self._blocks.budget} rows.",
            provenance=self._provenance("decided") | {"features": prepared.fingerprint},
            **self._told,
        )

    def finished(self, verdict: Verdict) -> Verdict:
        """Complete the verdict on all rows."""
        return replace(
            verdict,
            alpha=self._policy.alpha,
            ended=f"All {self._blocks.used} rows were drawn: the e-process, with alpha = {self._level:g}, decided "
            f"nothing; the conditions share the other {self._policy.alpha - self._level:g}.",
            warnings=(*verdict.warnings, *self._warnings),
            provenance={**verdict.provenance, **self._provenance("budget")},
        )

    def _provenance(self, stopped: str) -> dict[str, Any]:
        """Say what was drawn and how alpha was spent."""
        policy, panel = self._policy, self._panel
        return {
            "require": [condition.text for condition in policy.require],
            "seed": policy.seed,
            "samples_used": self._blocks.used,
            "stopped": stopped,
            "sequential": {
                "block": policy.block or BLOCK,
                "budget": self._blocks.budget,
                "pairs": self._pairs,
                "alpha_while_drawing": self._level,
                "alpha_at_the_end": policy.alpha - self._level,
                "weights": panel.weights,
                "log_e": panel.process.log_value,
                "log_e_peak": panel.process.log_peak,
                "log_earned": dict(panel.earned),
                "log_e_by_block": [list(point) for point in self._path],
            },
        }
