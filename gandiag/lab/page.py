"""The page: one file that replays a run, or two side by side, and loads nothing.

Style and script are allowed by their hashes alone, and the content-security policy forbids every load. Text of others
is escaped by jinja2, and in the JSON for the script ``<``, ``>`` and ``&`` are written as escapes. Equal traces give
equal bytes.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from gandiag import __version__
from gandiag.core.files import write_files
from gandiag.core.pages import allowed, embedded
from gandiag.core.wording import printable, short
from gandiag.errors import ConfigError, ResourceLimitError
from gandiag.lab.packing import packed
from gandiag.lab.trace import Trace, read_trace

MOST_BYTES = 3_000_000

# Scalar -> heading of the table.
COLUMNS = {
    "loss/D": "D cost",
    "loss/G": "G cost",
    "js": "JS, nats",
    "kl": "KL(data, made), nats",
    "kl_reverse": "KL(made, data), nats",
    "d_gap": "D from D*",
    "modes": "modes held",
    "within_3sd": "within 3 sd",
    "examples_per_second": "examples/s",
}


def write_page(runs: Sequence[str | Path | Trace], path: str | Path) -> None:
    """Write the page of one run or of two to ``path``, whole or not at all; see `to_page`."""
    traces = [run if isinstance(run, Trace) else read_trace(run) for run in runs]
    write_files({Path(path): to_page(traces).encode("utf-8", errors="backslashreplace")}, "a lab page")


def to_page(traces: Sequence[Trace]) -> str:
    """Render one self-contained HTML page of less than 3 MB.

    Parameters
    ----------
    traces : sequence of Trace
        One, or two to compare.

    Returns
    -------
    str
        The same for equal traces. Every second frame is left out, as often as needed, to keep within the size.

    Raises
    ------
    ConfigError
        For another number of runs.
    """
    if len(traces) not in (1, 2):
        raise ConfigError("a lab page shows one run, or two", received=len(traces), remedy="Name one folder or two.")
    runs, left_out = list(traces), 0
    while True:
        text = _rendered(runs, left_out)
        if len(text.encode("utf-8", errors="backslashreplace")) < MOST_BYTES:
            return text
        if max(map(len, runs)) < 4:
            raise ResourceLimitError(
                "a lab page must stay below 3 MB", received=f"{len(text)} bytes", remedy="Record fewer samples a frame."
            )
        left_out = (left_out or 1) * 2
        runs = [_thinned(run) for run in runs]


def _rendered(runs: Sequence[Trace], left_out: int) -> str:
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    style, script = _own("page.css"), "".join(map(_own, ("draw.js", "within.js", "player.js")))
    shown = [packed(run) for run in runs]
    names = [run["name"] or f"run {i + 1}" for i, run in enumerate(shown)]
    return environment.from_string(_own("page.html")).render(
        title=" and ".join(names),
        version=__version__,
        runs=[_told(run, name) for run, name in zip(runs, names, strict=True)],
        left_out=left_out,
        style=Markup(style),
        script=Markup(script),
        style_hash=allowed(style),
        script_hash=allowed(script),
        json=Markup(embedded(json.dumps(shown, allow_nan=False, separators=(",", ":")))),
    )


@cache
def _own(name: str) -> str:
    return files("gandiag.lab").joinpath(name).read_text(encoding="utf-8")


def _told(trace: Trace, name: str) -> dict[str, Any]:
    """Say in words and numbers what the pictures show."""
    facts, names = trace.facts, trace.facts["scalars"]
    columns = {key: head for key, head in COLUMNS.items() if key in names}
    own = {key: printable(key.removeprefix("loss/"), longest=40) for key in names if key not in COLUMNS}
    columns |= {key: head for key, head in own.items() if key.startswith("loss/")}
    series = [trace.series(key) for key in columns]
    rows = [
        (f"{int(step):,}", [f"{seconds:.1f}", *("–" if np.isnan(s[i]) else short(float(s[i])) for s in series)])
        for i, (step, seconds) in enumerate(zip(trace.arrays["steps"], trace.arrays["seconds"], strict=True))
    ]
    mean, high = facts["floors"]["js"]
    return {
        "name": name,
        "facts": _facts(trace),
        "heads": ["step", "seconds", *columns.values()],
        "rows": rows,
        "floor": f"A perfect generator would show JS {short(mean)} nats, at most {short(high)} in 39 of 40 looks.",
        "broken": ", ".join(f"{step:,}" for step in facts.get("broken", [])[:20]),
        "disc": "disc" in trace.arrays,
        "within": "within" in trace.arrays,
    }


def _facts(trace: Trace) -> str:
    facts = trace.facts
    noise = {"normal": "normal", "uniform": "uniform"}[facts["prior"]]
    wide = facts["latent"]
    sheet = "a random two-dimensional slice of the latents" if wide > 2 else "all latents"
    law = "integrals of the known density" if facts["exact"] else f"counts of {trace.facts['rows']:,} real rows at most"
    flow = "even latents pushed through G" if facts["q_from"] == "flow" else f"{facts['rows']:,} samples of G, counted"
    star = "p/(p+q)" if facts["pack"] == 1 else f"p^k/(p^k+q^k), of packs of k = {facts['pack']} copies,"
    return (
        f"{printable(facts['data'], longest=120)}; {wide} {noise} latent{'s' * (wide > 1)}; loss "
        f"{str(facts['loss']).replace('_', ' ')}. D* = {star} per cell: p by {law}, q by {flow}. "
        f"The manifold is of {sheet}."
    )


def _thinned(trace: Trace) -> Trace:
    from gandiag.lab.trace import SHAPES

    kept = np.unique([*range(0, len(trace), 2), len(trace) - 1])
    arrays = {k: v[kept] if SHAPES[k][0] == "F" else v for k, v in trace.arrays.items()}
    return Trace(facts=trace.facts, arrays=arrays)
