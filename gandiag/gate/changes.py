"""What has changed since a baseline, metric by metric: a table to read, and no verdict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gandiag.core.protocols import Progress, Sampler
from gandiag.core.specs import METRICS
from gandiag.evaluate import evaluate
from gandiag.gate.baseline import Against, Baseline, baseline_of, fingerprints, require_same
from gandiag.gate.bench import Unjudged
from gandiag.gate.regression import compare
from gandiag.preparation import prepare
from gandiag.prepared import Prepared
from gandiag.settings import Settings

Word = Literal["worse", "better", "same", "differs", "unknown"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Change:
    """One metric, then and now.

    Parameters
    ----------
    metric : str
    before, now : float, optional
        None where there is no number.
    word : {"worse", "better", "same", "differs", "unknown"}
        "differs" where the metric has no better direction, "unknown" where a number is lacking.
    p_value : float, optional
        Two-sided, of "rows of both may be exchanged"; None where nothing was exchanged.
    why : str
        Why something is lacking.
    """

    metric: str
    before: float | None
    now: float | None
    word: Word
    p_value: float | None = None
    why: str = ""

    @property
    def change(self) -> float | None:
        """The difference, now less before."""
        return None if self.before is None or self.now is None else self.now - self.before


def word_for(metric: str, before: float | None, now: float | None) -> Word:
    """Say whether a number has become better.

    Examples
    --------
    >>> word_for("recall", 0.9, 0.8), word_for("energy", 0.9, 0.8)
    ('worse', 'better')
    """
    if before is None or now is None:
        return "unknown"
    if before == now:
        return "same"
    direction = METRICS.get(metric).direction
    if direction == "target":
        return "differs"
    return "better" if (now > before) == (direction == "higher") else "worse"


def measured_baseline(
    real: Sampler,
    fake: Sampler,
    *,
    train: Sampler | None,
    settings: Settings,
    name: str,
    version: str,
    progress: Progress | None = None,
) -> Baseline:
    """Measure a sampler as a baseline; the file is for the caller to write."""
    found = evaluate(real, [(name, fake)], train=train, settings=settings, version=version, progress=progress)
    return baseline_of(found, fake, settings, fake=name, drawn_as=name, version=version)


def reported(before: Baseline, after: Baseline, *, name: str) -> tuple[Change, ...]:
    """Compare two baselines by the numbers that stand in them.

    Raises
    ------
    IntegrityError
        When they differ in more than the sampler.
    """
    require_same(before.fingerprints, after.fingerprints, name=name)
    out = []
    for metric in [*before.metrics, *(m for m in after.metrics if m not in before.metrics)]:
        then, now = (each.metrics.get(metric, {}).get("estimate") for each in (before, after))
        out.append(
            Change(
                metric=metric,
                before=then,
                now=now,
                word=word_for(metric, then, now),
                why="p-values need the real rows: give real",
            )
        )
    return tuple(out)


def changed(
    before: Baseline,
    after: Baseline | None,
    real: Sampler,
    fake: Sampler | None,
    *,
    train: Sampler | None,
    settings: Settings,
    name: str,
    progress: Progress | None = None,
) -> tuple[Change, ...]:
    """Compare a baseline with a later one, or with a sampler as it is now (``fake``), by exchanging rows.

    Raises
    ------
    IntegrityError
        When they differ in more than the sampler.
    """
    tell = progress or (lambda step, done, total: None)
    tell("drawing samples", 0, 1)
    # The rows of a later baseline take the place of whatever is drawn.
    drawn = real if fake is None else fake
    fakes = [(before.drawn_as, drawn)]
    prepared = prepare(real, fakes, train=train, features=settings.features, n=settings.n, seed=settings.seed)
    now = fingerprints(prepared, settings)
    require_same(before.fingerprints, now, name=name)
    if after is not None:
        require_same(after.fingerprints, now, name="the later baseline")
    against = _against(before, after, prepared, drawn, settings)
    out: list[Change] = []
    for metric in before.metrics:
        tell(METRICS.get(metric).title, len(out), len(before.metrics))
        out.append(_change(metric, before, against))
    return tuple(out)


def _against(
    before: Baseline, after: Baseline | None, prepared: Prepared, fake: Sampler, settings: Settings
) -> Against:
    comparison = prepared.comparison(0, seed=settings.seed, device=settings.device)
    if after is not None:
        comparison = comparison.with_fake(after.rows, labels=after.labels, outside=after.outside)
    return Against(
        comparison=comparison,
        baseline=before,
        endless=fake.size is None if after is None else after.endless and after.drawn_as == before.drawn_as,
        dependence=prepared.dependence(0) if after is None else after.dependence,
        settings=settings,
    )


def _change(metric: str, before: Baseline, against: Against) -> Change:
    try:
        found = compare(against, metric)
    except Unjudged as why:
        then = before.metrics[metric].get("estimate")
        return Change(metric=metric, before=then, now=None, word="unknown", why=str(why))
    return Change(
        metric=metric,
        before=found.before,
        now=found.now,
        word=word_for(metric, found.before, found.now),
        p_value=found.worsening.two_sided,
    )
