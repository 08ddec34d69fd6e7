"""A figure of a paper, run again: what the paper shows, our numbers beside the published or exact ones, and why not."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gandiag.core.catalog import Catalog
from reference_models.core.stories import Story, shown

COMMAND = "python -m reference_models published"

_INTRODUCTION = f"""# Published figures and tables, run again

Figures that papers on generative models rest on, each by one command, with our numbers beside the published or the
exact ones and what deviates. They are made with the metrics and functions that this package ships. A figure *came out*
when its numbers meet what is known exactly within their standard errors and show what the paper says; every such
verdict is tested against numbers that it must reject.

`{COMMAND} --all --out DIR` runs all of them and writes this page; `--quick` takes seconds instead of
minutes. The minutes below were taken on two cores that much else ran on; alone, a figure takes a fraction of them.
"""


@dataclass(frozen=True, kw_only=True)
class Beside:
    """One line of the comparison: ``known`` is what was published or is exact, and ``by`` says which and where."""

    what: str
    ours: float | str
    known: float | str = ""
    by: str = ""


@dataclass(frozen=True, kw_only=True, eq=False)
class Published(Story):
    """A story whose claim is a figure or table of somebody else.

    Parameters
    ----------
    title : str
    source : str
        Paper, and figure or table.
    shows : str
        What it shows, in our words.
    beside : callable
        Numbers of the tale to the lines of the comparison.
    deviates : str
        Where ours differs from the source, and why.
    """

    title: str
    source: str
    shows: str
    beside: Callable[[dict[str, Any]], list[Beside]]
    deviates: str


def page(folder: Path) -> str:
    """Write the page of every figure whose numbers lie in a folder."""
    told = [json.loads(path.read_text()) | {"name": path.stem} for path in sorted(folder.glob("*.json"))]
    found = [(PUBLISHED.get(facts["name"]), facts) for facts in told if facts["name"] in PUBLISHED.names()]
    lines = ["| figure | source | verdict | minutes |", "|---|---|---|---|"]
    lines += [
        f"| [{figure.title}](#{_anchor(figure)}) | {figure.source} | {_verdict(facts)} | {facts['minutes']:.1f} |"
        for figure, facts in found
    ]
    return "\n".join([_INTRODUCTION, *lines, "", *(_section(figure, facts) for figure, facts in found)])


def write_page(folder: Path) -> None:
    """Write ``index.md`` beside the figures."""
    (folder / "index.md").write_text(page(folder))


def _section(figure: Published, facts: dict[str, Any]) -> str:
    rows = figure.beside(facts["numbers"])
    table = ["| what | ours | published or exact | which |", "|---|---|---|---|"]
    table += [f"| {row.what} | {shown(row.ours)} | {shown(row.known) or '–'} | {row.by or '–'} |" for row in rows]
    how = f"{_verdict(facts, start='It')} with seed {facts['seed']}{' (the quick form)' if facts['quick'] else ''}"
    return "\n\n".join(
        [
            f'<a id="{_anchor(figure)}"></a>\n\n## {figure.title}',
            f"**Source.** {figure.source}. {figure.shows}",
            f"**Claim.** {figure.claim} {how}, in {facts['minutes']:.1f} minutes.",
            f"<!-- slow -->\n\n```console\n$ {COMMAND} {figure.name} --out published\n```",
            "\n".join(table),
            f"![{figure.title}]({figure.name}.png)",
            f"**Where it deviates.** {figure.deviates}\n",
        ]
    )


def _verdict(facts: dict[str, Any], *, start: str = "it") -> str:
    return f"{start} came out" if facts["holds"] else f"**{start} did not come out**"


def _anchor(figure: Published) -> str:
    return figure.name.replace("_", "-")


PUBLISHED: Catalog[Published] = Catalog("reference_models.published", "FIGURE", Published)
