"""The training observer: called in any training loop, it scores the sampler and raises alarms, disturbing nothing.

`Monitor` is the whole of it; `duality_gap` is asked for by hand, and `read_history` reads what a run has left.
"""

from __future__ import annotations

from gandiag.monitor.alarm import ALARMS, Alarm, AlarmSpec
from gandiag.monitor.duality import DualityGap, bilinear_gap, duality_gap
from gandiag.monitor.history import History, read_history
from gandiag.monitor.observer import Monitor
from gandiag.monitor.restoring import undisturbed

__all__ = [
    "ALARMS",
    "Alarm",
    "AlarmSpec",
    "DualityGap",
    "History",
    "Monitor",
    "bilinear_gap",
    "duality_gap",
    "read_history",
    "undisturbed",
]
