"""Variety that was there is gone: modes, recall, or distinct samples."""

from __future__ import annotations

import math

from gandiag.monitor.alarm import AlarmSpec, Finding
from gandiag.monitor.alarms._reading import covered, last_values, listed, looks_with_modes
from gandiag.monitor.history import History

LOOKS = 2
STUCK = 5
FALL = 0.25
HAD = 0.25  # a recall below this is no variety that could be lost
SDS = 5.0


def ask(history: History) -> Finding | None:
    """Ask for lost modes, lost recall, new duplicates, and a sampler that has never had variety."""
    for question in (_modes, _recall, _duplicates, _stuck):
        finding = question(history)
        if finding is not None:
            return finding
    return None


def _modes(history: History) -> Finding | None:
    """Find modes that the best earlier look held, and that the last two looks both miss by their exact tests."""
    looks = looks_with_modes(history, judged=True)
    if len(looks) <= LOOKS:
        return None
    before = max(looks[:-LOOKS], key=lambda look: covered(look) or 0.0)
    recent = looks[-LOOKS:]
    had, have = covered(before) or 0.0, max(covered(look) or 0.0 for look in recent)
    gone = set.intersection(*(set(look["occupancy"]["missing"]) for look in recent)) - {*before["occupancy"]["missing"]}
    if not gone or had - have < FALL:
        return None
    return Finding(
        sentence=f"{have:.0%} of the modes are covered, after {had:.0%} at step {before['step']}; "
        f"gone: {listed(sorted(gone))}",
        evidence={"coverage": have, "best": had, "best_step": before["step"], "gone": sorted(gone)},
    )


def _recall(history: History) -> Finding | None:
    values, noise = history.series("score/recall"), last_values(history, "score/recall.floor_sd", LOOKS)
    if len(values) <= LOOKS or len(noise) < LOOKS:
        return None
    best_step, best = max(values[:-LOOKS], key=lambda pair: pair[1])
    now = max(value for _, value in values[-LOOKS:])
    if best >= HAD and now < 0.5 * best and best - now > SDS * max(noise):
        return Finding(
            sentence=f"recall is {now:.2f}, less than half of the {best:.2f} at step {best_step}",
            evidence={"recall": now, "best": best, "best_step": best_step, "floor_sd": max(noise)},
        )
    return None


def _duplicates(history: History) -> Finding | None:
    name = "score/near_duplicates"
    values = history.series(name)
    floors, noise = (last_values(history, f"{name}.{part}", LOOKS) for part in ("floor", "floor_sd"))
    if len(values) <= LOOKS or len(floors) < LOOKS:
        return None
    least, now = min(v for _, v in values[:-LOOKS]), min(v for _, v in values[-LOOKS:])
    if now - max(least, *floors) > max(FALL, SDS * max(noise)):
        return Finding(
            sentence=f"{now:.0%} of the samples nearly repeat another one, where {max(floors):.0%} is chance",
            evidence={"near_duplicates": now, "floor": max(floors), "least_before": least},
        )
    return None


def _stuck(history: History) -> Finding | None:
    """Find less than half of the modes, or no tenth of the real rows, covered at five looks that gained nothing."""
    coverage = last_values(history, "score/mode_coverage", STUCK)
    missing = all(look["occupancy"]["missing"] for look in looks_with_modes(history, STUCK, judged=True))
    if len(coverage) == STUCK and max(coverage) < 0.5 and coverage[-1] <= coverage[0] and missing:
        return _never("mode coverage", max(coverage))
    recall = last_values(history, "score/recall", STUCK)
    if len(recall) == STUCK and max(recall) < 0.1 and recall[-1] <= recall[0]:
        return _never("recall", max(recall))
    return None


def _never(what: str, most: float) -> Finding:
    return Finding(
        sentence=f"{what} has been at most {most:.2f} for {STUCK} looks in a row",
        evidence={"what": what, "most": most, "looks": STUCK},
    )


ALARM = AlarmSpec(
    name="collapse",
    meaning="The samples have lost variety that they had: modes are gone, recall has halved, or samples repeat.",
    ask=ask,
    after=frozenset({"score"}),
    false_alarms=f"modes: the exact tests of one look call a held mode missing with probability 0.01 at most, and two "
    f"looks must name the same one; recall and duplicates: {SDS:g} standard deviations of the floor at two looks "
    f"(under {2 * math.erfc(SDS / math.sqrt(2.0)):.0e} for normal noise)",
    wrong_when="the learning rate or the truncation of the latents was changed on purpose, or training has just begun "
    "(a sampler that has never had variety is told from the fifth look on)",
)
