"""The public functions behind `gandiag baseline`: keep what a sampler was, and see what has changed since."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import gandiag
from gandiag.api import OPENING
from gandiag.core.options import refuse_unknown
from gandiag.core.protocols import Progress, Sampler
from gandiag.device import device_of
from gandiag.errors import ConfigError, placed
from gandiag.gate.baseline import Baseline
from gandiag.gate.baseline_files import read_baseline, write_baseline
from gandiag.gate.changes import Change, changed, measured_baseline, reported
from gandiag.gate.policy import Policy, policy_for
from gandiag.gate.running import settings_of
from gandiag.measuring import Settings
from gandiag.sources import open_sampler, shown


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
    refuse_unknown(opening, OPENING, of="update_baseline")
    asked = {"n": n, "seed": seed, "features": features, "options": options}
    policy, sources = _policy(config, gate, {"real": real, "fake": fake, "train": train}, asked)
    place = policy.baseline if out is None else out
    if place is None:
        raise ConfigError(
            "a baseline needs a place",
            received="none",
            remedy='Give out="baseline.json", or --out on the command line.',
        )
    opened = _Opened(sources, labels, opening)
    settings = _settings(policy, metrics, opened, device_of([sources["real"], sources["fake"]], device))
    baseline = measured_baseline(
        opened.real,
        opened.fake,
        train=opened.train,
        settings=settings,
        name=opened.name,
        version=gandiag.__version__,
        progress=progress,
    )
    write_baseline(baseline, place)
    return baseline


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
    """
    refuse_unknown(opening, OPENING, of="diff_baseline")
    first = read_baseline(before)
    last = None if after is None else read_baseline(after)
    if last is not None and real is None and config is None:
        return reported(first, last, name=str(before))
    # Two files need the real rows alone; the place of a sampler is then taken by the real source.
    given = {"real": real, "fake": real if last is not None and fake is None else fake, "train": train}
    policy, sources = _policy(config, gate, given, {})
    opened = _Opened(sources, labels, opening)
    settings = Settings(
        metrics=tuple(first.metrics),
        features=policy.features or first.features,
        n=first.fingerprints.get("n"),
        seed=int(first.fingerprints.get("seed", 0)),
        options=first.fingerprints.get("options") or None,
        device=device_of([sources["real"], sources["fake"]], device),
    )
    return changed(
        first,
        last,
        opened.real,
        opened.fake,
        train=opened.train,
        settings=settings,
        name=str(before),
        progress=progress,
    )


def _policy(
    config: str | Path | None, gate: str | None, given: Mapping[str, Any], asked: Mapping[str, Any]
) -> tuple[Policy, dict[str, Any]]:
    changes = {key: value for key, value in asked.items() if value is not None}
    policy = policy_for(config, gate, sources=given, require=None, changes=changes)
    sources = {side: getattr(policy, side) if value is None else value for side, value in given.items()}
    return policy.completed(with_train=sources["train"] is not None), sources


def _settings(policy: Policy, metrics: Iterable[str] | None, opened: _Opened, device: str | None) -> Settings:
    settings = settings_of(policy, with_train=opened.train is not None, device=device)
    if metrics is None:
        return settings
    if isinstance(metrics, str):
        raise ConfigError("`metrics` must be a list of names", received=metrics, remedy='Pass metrics=["energy"].')
    return replace(settings, metrics=tuple(metrics))


class _Opened:
    """The sources of a run, opened."""

    def __init__(self, sources: Mapping[str, Any], labels: Any, opening: Mapping[str, Any]) -> None:
        with placed("real"):
            self.real: Sampler = open_sampler(sources["real"], **({} if labels is None else {"labels": labels}))
        with placed("fake"):
            self.fake: Sampler = open_sampler(sources["fake"], **opening)
        with placed("train"):
            self.train: Sampler | None = None if sources["train"] is None else open_sampler(sources["train"])
        fake = sources["fake"]
        self.name = shown(fake) if isinstance(fake, str) else self.fake.name
