"""The public functions behind `gandiag baseline`: keep what a sampler was, and see what has changed since."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import gandiag
from gandiag.asking import Asked, asked
from gandiag.core.protocols import Progress
from gandiag.device import placing_networks
from gandiag.errors import ConfigError
from gandiag.gate.baseline import Baseline
from gandiag.gate.baseline_files import read_baseline, write_baseline
from gandiag.gate.changes import Change, changed, measured_baseline, reported
from gandiag.gate.running import settings_of
from gandiag.settings import Settings, read_metrics


@placing_networks
def update_baseline(
    real: Any = None,
    fake: Any = None,
    *,
    out: str | Path | None = None,
    train: Any = None,
    labels: Any = None,
    config: str | Path | None = None,
    gate: str | None = None,
    metrics: Iterable[str] | None = None,
    n: int | None = None,
    seed: int | None = None,
    features: str | None = None,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    device: str | None = None,
    progress: Progress | None = None,
    **opening: Any,
) -> Baseline:
    """Measure a sampler, and keep the numbers and its rows as the baseline that later ones are held against.

    Parameters
    ----------
    real, fake, train, labels, config, gate, n, seed, features, options, device, progress
        As for `check`.
    out : path, optional
        The JSON file; the rows go into ``<stem>.safetensors`` beside it. The policy's ``baseline`` when absent.
    metrics : names, optional
        In the place of those of the policy's conditions.
    **opening
        Passed to `open_sampler` for the fake: ``latent="normal:128"``.

    Returns
    -------
    Baseline

    Raises
    ------
    GandiagError
        When samples cannot be drawn, or the files cannot be written; an earlier baseline is then untouched.
    """
    call = asked(
        config,
        gate,
        sources={"real": real, "fake": fake, "train": train},
        changes={"n": n, "seed": seed, "features": features, "options": options},
        labels=labels,
        opening=opening,
        of="update_baseline",
    )
    place = call.policy.baseline if out is None else out
    if place is None:
        raise ConfigError(
            "a baseline needs a place",
            received="none",
            remedy='Give out="baseline.json", or --out on the command line.',
        )
    sampler = call.open("fake")
    baseline = measured_baseline(
        call.open("real"),
        sampler,
        train=call.open_train(),
        settings=_settings(call, metrics, call.device(device)),
        name=call.name_of(sampler),
        version=gandiag.__version__,
        progress=progress,
    )
    write_baseline(baseline, place)
    return baseline


@placing_networks
def diff_baseline(
    before: str | Path,
    after: str | Path | None = None,
    *,
    real: Any = None,
    fake: Any = None,
    train: Any = None,
    labels: Any = None,
    config: str | Path | None = None,
    gate: str | None = None,
    device: str | None = None,
    progress: Progress | None = None,
    **opening: Any,
) -> tuple[Change, ...]:
    """Say metric by metric what has changed since a baseline.

    Parameters
    ----------
    before : path
    after : path, optional
        A later baseline. Without it the sampler is measured as it is now.
    real, fake, train, labels, config, gate, device, progress
        As for `check`. Two files are compared by what stands in them, without p-values, where nobody gives ``real``.
    **opening
        Passed to `open_sampler` for the fake.

    Returns
    -------
    tuple of Change
        In the order of the baseline's metrics.

    Raises
    ------
    IntegrityError
        When the two differ in more than the sampler; the message lists in what.
    ConfigError
        For a sampler beside two files.
    """
    first = read_baseline(before)
    last = None if after is None else read_baseline(after)
    if last is not None and real is None and config is None:
        return reported(first, last, name=str(before))
    if last is not None and (fake is not None or opening):
        raise ConfigError(
            "two baselines are compared by the rows that they keep",
            received="a sampler, or options for one, beside them",
            remedy="Leave it out, or the later baseline.",
        )
    # Two files need the real rows alone.
    needed = ("real", "fake") if last is None else ("real",)
    sources = {"real": real, "fake": fake, "train": train}
    call = asked(
        config, gate, sources=sources, changes={}, labels=labels, opening=opening, of="diff_baseline", needed=needed
    )
    settings = Settings(
        metrics=tuple(first.metrics),
        features=call.policy.features or first.features,
        n=first.fingerprints.get("n"),
        seed=int(first.fingerprints.get("seed", 0)),
        options=first.fingerprints.get("options") or None,
        device=call.device(device),
    )
    return changed(
        first,
        last,
        call.open("real"),
        None if last is not None else call.open("fake"),
        train=call.open_train(),
        settings=settings,
        name=str(before),
        progress=progress,
    )


def _settings(call: Asked, metrics: Iterable[str] | None, device: str | None) -> Settings:
    settings = settings_of(call.policy, with_train=call.sources["train"] is not None, device=device)
    return settings if metrics is None else replace(settings, metrics=read_metrics(metrics))
