"""The public function behind `gandiag check`: the facade that joins policy, sources and gate."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import gandiag
from gandiag.api import Report
from gandiag.asking import Asked, asked
from gandiag.core.protocols import Progress
from gandiag.core.verdict import Verdict
from gandiag.device import placing_networks
from gandiag.errors import ConfigError, GandiagError, ResourceLimitError
from gandiag.gate import ledger
from gandiag.gate.running import run_gate
from gandiag.gate.sequential import run_sequential


@placing_networks
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
    changes = {"alpha": alpha, "n": n, "seed": seed, "features": features, "options": options, "strict": strict}
    changes |= {"sequential": sequential, "block": block}
    changes["baseline"] = None if baseline is None else str(baseline)
    call = asked(
        config,
        gate,
        sources={"real": real, "fake": fake, "train": train},
        changes=changes,
        require=require,
        labels=labels,
        opening=opening,
        of="check",
    )
    if block is not None and not call.policy.sequential:
        raise ConfigError(
            "blocks are for drawing in blocks", received=f"block={block}", remedy="Ask for sequential=True too."
        )
    verdict = _checked(call, device, progress)
    ledger.record(verdict)
    return verdict


def _checked(call: Asked, device: str | None, progress: Progress | None) -> Verdict:
    """Open the sources and run the gate; what is wrong with them is an outcome, not an exception."""
    sequential = call.policy.sequential
    try:
        real, fake, train = call.open("real"), call.open("fake"), call.open_train()
        run = partial(run_sequential, deadline=call.opening.get("timeout")) if sequential else run_gate
        verdict = run(
            call.policy,
            real,
            (call.name_of(fake), fake),
            train=train,
            device=call.device(device),
            version=gandiag.__version__,
            progress=progress,
        )
    except ConfigError:
        raise
    except MemoryError as error:
        limit = ResourceLimitError("the run must fit into memory", received=str(error), remedy="Ask for fewer rows: n.")
        return _unreached(call, limit)
    except GandiagError as error:
        return _unreached(call, error)
    return verdict if verdict.report is None else replace(verdict, report=Report.of(verdict.report))


def _unreached(call: Asked, error: GandiagError) -> Verdict:
    """Say that no comparison could be made."""
    return Verdict(
        outcome="error",
        error=error,
        gate=call.policy.name,
        real=call.told("real"),
        fake=call.told("fake"),
        alpha=call.policy.alpha,
        strict=call.policy.strict,
        gandiag_version=gandiag.__version__,
    )
