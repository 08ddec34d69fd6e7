"""The lab: a two-dimensional run, recorded while it trains, and one page that replays it.

`LabRecorder` is called in any training loop and writes ``lab.safetensors`` into the folder of the run; `read_trace`
reads it, `write_page` makes the page of one run, or of two side by side, and `plot_strip` a strip for paper.
"""

from __future__ import annotations

from gandiag.lab.page import to_page, write_page
from gandiag.lab.recorder import LabRecorder
from gandiag.lab.strip import plot_strip
from gandiag.lab.trace import Trace, read_trace

__all__ = ["LabRecorder", "Trace", "plot_strip", "read_trace", "to_page", "write_page"]
