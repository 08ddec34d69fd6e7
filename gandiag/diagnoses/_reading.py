"""How diagnoses read results: significance after adjustment, and numbers out of details."""

from __future__ import annotations

from typing import Any

from gandiag.core.report import Evidence, FakeReport, Severity
from gandiag.core.results import Result

# A finding needs an adjusted p-value at or below this; a healthy sampler is then accused in 1 % of reports.
ALPHA = 0.01

MOST_NAMED = 8

# Share of the moment difference that the mean must carry for the word "shifted".
MOSTLY_MEAN = 0.5


def result_of(fake: FakeReport, metric: str) -> Result | None:
    """Find one metric's result with an estimate, or None where it was not measured."""
    for result in fake.results:
        if result.metric == metric and result.estimate is not None:
            return result
    return None


def significant(result: Result | None) -> bool:
    """Tell whether a result's adjusted p-value speaks against equal laws."""
    if result is None or result.p_value is None:
        return False
    adjusted = result.p_value.adjusted
    return adjusted is not None and adjusted <= ALPHA


def estimate_of(result: Result) -> float:
    """Read the estimate of a result that has one."""
    return 0.0 if result.estimate is None else result.estimate


def number(result: Result, key: str, default: float = 0.0) -> float:
    """Read a number from the details, where it may be absent."""
    value = result.details.get(key)
    return default if value is None or isinstance(value, str) else float(value)


def names(result: Result, key: str) -> list[Any]:
    """Read a list from the details."""
    return list(result.details.get(key) or [])


def graded(value: float, *, major: float, critical: float) -> Severity:
    """Grade an effect by two thresholds."""
    if value >= critical:
        return "critical"
    return "major" if value >= major else "minor"


def shown(result: Result, says: str, value: float | None = None) -> Evidence:
    """Make a piece of evidence of a result."""
    return Evidence(metric=result.metric, says=says, value=result.estimate if value is None else value)


def percent(share: float) -> str:
    """Print a share as people read it."""
    if 0 < share < 0.001:
        return "under 0.1 %"
    return f"{100 * share:.1f} %" if share < 0.1 else f"{100 * share:.0f} %"


def comes_back(fake: FakeReport) -> bool:
    """Tell whether bringing the samples to the place and size of real data returns most of those off the support."""
    off = result_of(fake, "off_support")
    return off is not None and significant(off) and number(off, "aligned_share") < 0.5 * number(off, "share_fake")


def is_moved(fake: FakeReport) -> bool:
    """Tell whether the samples as a whole are displaced or scaled."""
    moments, modes = result_of(fake, "moment_difference"), result_of(fake, "mode_coverage")
    if moments is None or not significant(moments):
        return False
    # Modes in other proportions move the mean as well: then only a realignment that works is proof. The shares of
    # mere cells prove nothing, since every shift changes them.
    reweighted = modes is not None and significant(modes) and not has_mere_cells(modes)
    return comes_back(fake) or (number(moments, "mean_share") >= MOSTLY_MEAN and not reweighted)


def has_mere_cells(modes: Result) -> bool:
    """Tell whether the law has no separate modes: what moves as a whole then crosses the borders of its cells."""
    return modes.details.get("source") in ("cells", "whole")


def kind_of(modes: Result) -> str:
    """Call the modes what they are: classes, known modes, clusters, or mere cells of the space."""
    kinds = {"labels": "classes", "known": "modes", "clusters": "clusters of the data", "cells": "regions of the data"}
    return kinds.get(str(modes.details.get("source")), "modes")


def listed(found: list[object]) -> str:
    """List a few names, and count the rest."""
    shown_names = ", ".join(str(name) for name in found[:MOST_NAMED])
    return shown_names + (f" and {len(found) - MOST_NAMED} more" if len(found) > MOST_NAMED else "")
