"""The public function behind `gandiag check`: the facade that joins policy, sources and gate."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import gandiag
from gandiag.api import OPENING, Report
from gandiag.core.options import refuse_unknown
from gandiag.core.protocols import Progress
from gandiag.core.verdict import Verdict
from gandiag.device import device_of
from gandiag.errors import ConfigError, GandiagError, ResourceLimitError, placed
from gandiag.gate import ledger
from gandiag.gate.policy import Policy, policy_for
from gandiag.gate.running import run_gate
from gandiag.gate.sequential import run_sequential
from gandiag.sources import open_sampler, shown


def check(
    real: Any = None,
    fake: Any = None,
    *,
    train: Any = None,
    labels: Any = None,
    config: str | Path | None = None,
    gate: str | None = None,
    require: Iterable[str] | None = None,
    alpha: float | None = None,
    n: int | None = None,
    seed: int | None = None,
    features: str | None = None,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    strict: bool | None = None,
    sequential: bool | None = None,
    block: int | None = None,
    baseline: str | Path | None = None,
    device: str | None = None,
    progress: Progress | None = None,
    **opening: Any,
) -> Verdict:
    """Judge whether a sampler may pass, with a declared rate of false alarms.

    Parameters
    ----------
    real, fake, train : array, sampler, path or address, optional
        As for `score`; those that the policy names when absent.
    labels : array of int, shape (n,), optional
        Classes of the real rows.
    config : path, optional
        A gandiag.toml or pyproject.toml with the policy. Without ``real`` and ``fake`` the nearest one upwards from the
        working folder is read.
    gate : str, optional
        Which gate of the file, where it holds several.
    require : list of str, optional
        Conditions, in the place of those of the policy: ``["coverage >= 0.9", "mmd.p >= alpha"]``.
    alpha : float, optional
        The chance that a sampler with nothing wrong fails, over all conditions together; 0.001 when nobody says.
    n : int, optional
        Rows per side; 2500 when nobody says.
    seed : int, optional
    features : str, optional
    options : mapping, optional
        Options per metric.
    strict : bool, optional
        Whether an inconclusive run counts as failed.
    sequential : bool, optional
        Draw the fake in blocks and stop once laws are seen to differ; ``n`` is then the most rows that are drawn. The
        policy must ask for equal laws by a test, and a pass is given at the end alone.
    block : int, optional
        Rows per block; 50 when nobody says.
    baseline : path, optional
        What `update_baseline` wrote: conditions such as "recall not worse than baseline" are held against it.
    device : str, optional
    progress : callable, optional
        Called as ``progress(step, done, total)``.
    **opening
        Passed to `open_sampler` for the fake: ``latent="normal:128"``.

    Returns
    -------
    Verdict
        True as a condition when it passed, or was inconclusive and not strict. What prevented a verdict (data that
        cannot be read, a sampler that broke) stands in it: `Verdict.raise_for_status` raises it.

    Raises
    ------
    ConfigError
        For a policy or an option that makes no sense.

    Examples
    --------
    >>> verdict = check("toy:ring8", "toy:ring8!drop_modes=2", n=500)
    >>> verdict.outcome, bool(verdict)
    ('fail', False)
    """
    refuse_unknown(opening, OPENING, of="check")
    asked = {"alpha": alpha, "n": n, "seed": seed, "features": features, "options": options, "strict": strict}
    asked |= {"sequential": sequential, "block": block}
    asked["baseline"] = None if baseline is None else str(baseline)
    policy = policy_for(
        config,
        gate,
        sources={"real": real, "fake": fake, "train": train},
        require=None if require is None else list(require),
        changes={key: value for key, value in asked.items() if value is not None},
    )
    if block is not None and not policy.sequential:
        raise ConfigError(
            "blocks are for drawing in blocks", received=f"block={block}", remedy="Ask for sequential=True too."
        )
    sources = {
        side: getattr(policy, side) if given is None else given
        for side, given in (("real", real), ("fake", fake), ("train", train))
    }
    verdict = _checked(
        policy.completed(with_train=sources["train"] is not None), sources, labels, device, progress, opening
    )
    ledger.record(verdict)
    return verdict


def _checked(
    policy: Policy,
    sources: Mapping[str, Any],
    labels: Any,
    device: str | None,
    progress: Progress | None,
    opening: Mapping[str, Any],
) -> Verdict:
    """Open the sources and run the gate; what is wrong with them is an outcome, not an exception."""
    try:
        with placed("real"):
            real = open_sampler(sources["real"], **({} if labels is None else {"labels": labels}))
        with placed("fake"):
            fake = open_sampler(sources["fake"], **opening)
        with placed("train"):
            train = None if sources["train"] is None else open_sampler(sources["train"])
        name = _told(sources["fake"]) if isinstance(sources["fake"], str) else fake.name
        run = partial(run_sequential, deadline=opening.get("timeout")) if policy.sequential else run_gate
        verdict = run(
            policy,
            real,
            (name, fake),
            train=train,
            device=device_of([sources["real"], sources["fake"]], device),
            version=gandiag.__version__,
            progress=progress,
        )
    except ConfigError:
        raise
    except MemoryError as error:
        limit = ResourceLimitError("the run must fit into memory", received=str(error), remedy="Ask for fewer rows: n.")
        return _unreached(policy, sources, limit)
    except GandiagError as error:
        return _unreached(policy, sources, error)
    return verdict if verdict.report is None else replace(verdict, report=Report.of(verdict.report))


def _unreached(policy: Policy, sources: Mapping[str, Any], error: GandiagError) -> Verdict:
    """Say that no comparison could be made."""
    return Verdict(
        outcome="error",
        error=error,
        gate=policy.name,
        real=_told(sources["real"]),
        fake=_told(sources["fake"]),
        alpha=policy.alpha,
        strict=policy.strict,
        gandiag_version=gandiag.__version__,
    )


def _told(source: Any) -> str:
    return shown(source) if isinstance(source, str) else type(source).__name__
