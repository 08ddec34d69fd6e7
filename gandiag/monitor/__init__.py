"""The training observer: called in any training loop, it scores the sampler and raises alarms, disturbing nothing.

`Monitor` is the whole of it; `duality_gap` is asked for by hand, `read_history` reads what a run
has left, `plot_training` draws it, and `plot_run` one figure of it.
"""

from __future__ import annotations

from gandiag.monitor.alarm import ALARMS, Alarm, AlarmSpec
from gandiag.monitor.duality import DualityGap, bilinear_gap, duality_gap
from gandiag.monitor.figure import plot_run, plot_training
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
    "plot_run",
    "plot_training",
    "read_history",
    "undisturbed",
]
