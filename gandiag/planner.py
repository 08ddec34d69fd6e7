"""The public functions behind `gandiag plan` and `gandiag check --self-test`."""

from __future__ import annotations

import pickle
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import gandiag
from gandiag.asking import Asked, asked
from gandiag.calibration.workers import Workers
from gandiag.core.names import nearest
from gandiag.core.options import number, whole
from gandiag.core.plan import Plan
from gandiag.core.protocols import Progress, Sampler
from gandiag.core.selftest import SelfTest
from gandiag.device import placing_networks
from gandiag.errors import ConfigError
from gandiag.gate.planning import plan_gate
from gandiag.gate.policy import Policy
from gandiag.gate.self_testing import DEFAULT_N, DEFAULT_RUNS, self_test_gate
from gandiag.gate.simulating import simulated


@placing_networks
def plan(
    real: Any = None,
    *,
    train: Any = None,
    labels: Any = None,
    config: str | Path | None = None,
    gate: str | None = None,
    require: Iterable[str] | None = None,
    alpha: float | None = None,
    n: int | None = None,
    effects: Mapping[str, float] | None = None,
    simulate: int = 0,
    seed: int | None = None,
    features: str | None = None,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    device: str | None = None,
    progress: Progress | None = None,
    **opening: Any,
) -> Plan:
    """Say what a gate sees on real data, whether a sampler with nothing wrong can pass it, and what rows it needs.

    Parameters
    ----------
    real, train : array, sampler, path or address, optional
        As for `check`; those that the policy names when absent.
    labels : array of int, shape (n,), optional
    config, gate, require, alpha, n
        As for `check`.
    effects : mapping, optional
        Condition -> an effect to be seen, in the condition's own unit: ``{"mmd.p": 0.01}``.
    simulate : int
        Runs in which each claim is tried on a planted fault of that size; 0 for none.
    seed : int, optional
    features : str, optional
    options : mapping, optional
    device : str, optional
    progress : callable, optional
    **opening
        Passed to `open_sampler` for the real source: ``lag=1``.

    Returns
    -------
    Plan

    Raises
    ------
    GandiagError
        When the sources cannot be read, or the policy makes no sense.

    Examples
    --------
    >>> found = plan("toy:ring8", n=200, require=["collisions.p >= alpha"])
    >>> found.can_pass, found.lines[0].needed
    (False, 1100)
    """
    changes = {"alpha": alpha, "n": n, "seed": seed, "features": features, "options": options}
    call = _asked(config, gate, real, train, require, changes, labels, opening)
    wished, runs = _wished(call.policy, effects or {}), whole(simulate, "simulate", at_least=0)
    source, used = call.open("real"), call.device(device)
    found = plan_gate(
        call.policy,
        source,
        train=call.open_train(),
        wished=wished,
        device=used,
        version=gandiag.__version__,
        progress=progress,
    )
    return found if runs == 0 else simulated(found, call.policy, source, runs=runs, device=used, progress=progress)


def _wished(policy: Policy, effects: Mapping[str, float]) -> dict[str, float]:
    """Find the condition that each effect is wished for: by its text, or by what stands before the sign."""
    names: dict[str, str] = {}
    for condition in policy.require:
        names[condition.text] = condition.text
        names[_before_the_sign(condition.text)] = condition.text
    found = {}
    for key, size in effects.items():
        name = " ".join(key.split())
        if name not in names:
            listing = f"The conditions are: {'; '.join(condition.text for condition in policy.require)}."
            remedy = nearest(name, list(names), listing)
            raise ConfigError("an effect belongs to a condition of the gate", received=key, remedy=remedy)
        found[names[name]] = number(size, "effect", above=0)
    return found


def _before_the_sign(text: str) -> str:
    return re.split(r"\s*[<>=]", text, maxsplit=1)[0]


@placing_networks
def self_test(
    real: Any = None,
    *,
    runs: int = DEFAULT_RUNS,
    train: Any = None,
    labels: Any = None,
    config: str | Path | None = None,
    gate: str | None = None,
    require: Iterable[str] | None = None,
    n: int | None = None,
    seed: int | None = None,
    features: str | None = None,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    jobs: int = 1,
    device: str | None = None,
    progress: Progress | None = None,
    **opening: Any,
) -> SelfTest:
    """Measure how often the gate fails real data held against themselves, at alpha 0.05 and 0.01.

    Parameters
    ----------
    real, train : array, sampler, path or address, optional
        As for `check`; those that the policy names when absent.
    runs : int
    labels : array of int, shape (n,), optional
    config, gate, require
        As for `check`.
    n : int, optional
        Rows per side; 200 when nobody says.
    seed : int, optional
    features : str, optional
    options : mapping, optional
    jobs : int
        Processes that share the runs.
    device : str, optional
    progress : callable, optional
    **opening
        Passed to `open_sampler` for the real source: ``lag=1``.

    Returns
    -------
    SelfTest
        True as a condition when no alpha is exceeded beyond doubt.

    Raises
    ------
    GandiagError
        When the sources cannot be read, or the policy makes no sense.

    Examples
    --------
    >>> found = self_test("toy:ring8", runs=20, n=60, require=["c2st.p >= alpha"])
    >>> bool(found), found.rates[0].runs
    (True, 20)
    """
    whole(runs, "runs", at_least=1)
    whole(jobs, "jobs", at_least=1)
    changes = {"seed": seed, "features": features, "options": options}
    call = _asked(config, gate, real, train, require, changes, labels, opening)
    source, trained = call.open("real"), call.open_train()
    if jobs > 1:
        _require_portable(source, trained)
    with Workers(jobs).running() as workers:
        return self_test_gate(
            call.policy,
            source,
            runs=runs,
            n=DEFAULT_N if n is None else whole(n, "n", at_least=20),
            train=trained,
            device=call.device(device),
            version=gandiag.__version__,
            progress=progress,
            workers=workers.map,
        )


def _asked(
    config: str | Path | None,
    gate: str | None,
    real: Any,
    train: Any,
    require: Iterable[str] | None,
    changes: Mapping[str, Any],
    labels: Any,
    opening: Mapping[str, Any],
) -> Asked:
    """Resolve a call that judges nothing, so that it needs no fake, not even to look for its device."""
    call = asked(
        config,
        gate,
        sources={"real": real, "train": train},
        changes=changes,
        require=require,
        labels=labels,
        opening=opening,
        of="the real source",
        needed=("real",),
    )
    return replace(call, sources={**call.sources, "fake": None})


def _require_portable(*samplers: Sampler | None) -> None:
    """Refuse sources that cannot go to another process, before any work is done."""
    try:
        pickle.dumps(samplers)
    except Exception as error:
        raise ConfigError(
            "with several jobs a source must be one that can be sent to another process",
            received=f"{type(error).__name__}: {error}",
            remedy="Use one job, or give the source as an address or a file.",
        ) from error
