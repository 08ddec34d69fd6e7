"""Write the page of the lectures, docs/lectures/index.md, from the tables beside it: ``python docs/make_lectures.py``.

One table a deck, ``S0.toml`` to ``S4.toml``, one row a claim::

    [[claim]]
    id = "s1.optimal-discriminator"    of its deck, and unique
    where = "Generative adversarial networks"    the slide or heading
    title = "..."  claim = "..."  did = "..."  found = "..."    in our own words
    verdict = "reproduced"             or corrected, out of scope, open
    why = "..."                        the correction, the reason, what is missing; else what is loose, if anything
    command = '''python -c "..."'''    one line that a reader can run; parts may be joined by &&
    quick = true                       it ends within a minute on one core; without it the page marks it as slow
    prints = "..."                     what its output holds
    tests = ["tests/...::test_..."]    what keeps it true
    figure = "stories/....png"         under docs/
    named = [13]                       which of the things of named.toml it is about
"""

from __future__ import annotations

import sys
import tomllib
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

FOLDER = Path(__file__).with_name("lectures")
PAGE = FOLDER / "index.md"
VERDICTS = {
    "reproduced": "Where it is loose",
    "corrected": "Where it is wrong or loose",
    "out of scope": "Why not",
    "open": "What is missing",
}
SLOW = "*Slow*: this may take more than a minute on one core."
INTRODUCTION = """# The lectures, run

The claims, formulas, systems and figures of five lecture decks on generative models, one by one and in our own words:
what we did to check it, what came out, and where the claim is wrong or says more than it may. Every command runs from
a clone after `make test` (the folders that it writes are new ones beside you), within a minute on one core unless it is
marked *slow*; `make lectures` runs them all. The tests named under a claim keep it true.

*Reproduced*: it came out. *Corrected*: it came out with a change, or something else did. *Out of scope*: it is no claim
that a computation could decide, or it needs data that are not here. *Open*: it could be shown, and is not yet.

Generated from the tables in this folder by `python docs/make_lectures.py`.
"""


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One row of a table; see the top of this file."""

    id: str
    where: str
    title: str
    claim: str
    verdict: str
    did: str = ""
    found: str = ""
    why: str = ""
    command: str = ""
    quick: bool = False
    prints: str = ""
    tests: list[str] = field(default_factory=list)
    figure: str = ""
    named: list[int] = field(default_factory=list)

    def texts(self) -> list[str]:
        """Give what is said in words."""
        return [text for text in (self.title, self.claim, self.did, self.found, self.why) if text]


@dataclass(frozen=True, kw_only=True)
class Deck:
    """One lecture and the rows that it gave."""

    name: str
    title: str
    claim: list[Claim]


def decks(folder: Path = FOLDER) -> list[Deck]:
    """Read the tables, in the order of their names."""
    read = []
    for path in sorted(folder.glob("S*.toml")):
        table = tomllib.loads(path.read_text())
        read.append(Deck(name=path.stem, title=table["title"], claim=[Claim(**row) for row in table["claim"]]))
    return read


def named_things(folder: Path = FOLDER) -> dict[int, str]:
    """Read the things that the decks name, by their number."""
    table = tomllib.loads((folder / "named.toml").read_text())
    return {thing["number"]: thing["name"] for thing in table["thing"]}


def counts(claims: list[Claim]) -> str:
    """Write how many rows have each verdict."""
    of = Counter(claim.verdict for claim in claims)
    return ", ".join(f"{of[verdict]} {verdict}" for verdict in VERDICTS if of[verdict])


def anchor(claim: Claim) -> str:
    """Give the place of a claim on the page."""
    return claim.id.replace(".", "-")


def told(claim: Claim, *, shown: bool) -> str:
    """Write one claim; ``shown`` where its figure has been shown further up."""
    tests = ", ".join(f"`{test}`" for test in claim.tests)
    parts = [
        f'<a id="{anchor(claim)}"></a>\n\n### {claim.title}\n\n**{claim.verdict.capitalize()}** · {claim.where}',
        f"**Claim.** {claim.claim}",
        *([f"**What we did.** {claim.did}"] if claim.did else []),
        *([f"**What came out.** {claim.found}"] if claim.found else []),
        *([f"**{VERDICTS[claim.verdict]}.** {claim.why}"] if claim.why else []),
        *([SLOW] if claim.command and not claim.quick else []),
        *([f"```console\n$ {claim.command}\n```"] if claim.command else []),
        *([f"Kept by {tests}."] if tests else []),
    ]
    if claim.figure:
        parts.append(f"[Figure](../{claim.figure})" if shown else f"![{claim.title}](../{claim.figure})")
    return "\n\n".join(parts) + "\n"


def table_of_counts(read: list[Deck]) -> str:
    """Write the table of verdicts by deck, with its sum."""
    lines = [f"| deck | claims | {' | '.join(VERDICTS)} |", "|---|" + "---|" * (len(VERDICTS) + 1)]
    everything = [claim for deck in read for claim in deck.claim]
    for name, claims in [*((f"{d.name}: {d.title}", d.claim) for d in read), ("all", everything)]:
        of = Counter(claim.verdict for claim in claims)
        lines.append(f"| {name} | {len(claims)} | {' | '.join(str(of[verdict]) for verdict in VERDICTS)} |")
    return "\n".join(lines) + "\n"


def table_of_things(read: list[Deck], things: dict[int, str]) -> str:
    """Write where each named thing is treated."""
    lines = ["## What the decks name\n", "| | name | treated in |", "|---|---|---|"]
    for number, name in things.items():
        rows = [claim for deck in read for claim in deck.claim if number in claim.named]
        links = ", ".join(f"[{claim.title}](#{anchor(claim)}) ({claim.verdict})" for claim in rows)
        lines.append(f"| {number} | {name} | {links} |")
    return "\n".join(lines) + "\n"


def page(folder: Path = FOLDER) -> str:
    """Write the whole page."""
    read, seen = decks(folder), set[str]()
    parts = [INTRODUCTION, table_of_counts(read)]
    for deck in read:
        parts.append(f"## {deck.name}: {deck.title}\n\n{len(deck.claim)} claims: {counts(deck.claim)}.\n")
        for claim in deck.claim:
            parts.append(told(claim, shown=claim.figure in seen))
            seen.add(claim.figure)
    parts.append(table_of_things(read, named_things(folder)))
    return "\n".join(parts)


def main() -> None:
    """Write the page, whole or not at all."""
    new = PAGE.with_suffix(".new")
    new.write_text(page())
    new.replace(PAGE)
    sys.stdout.write(f"{PAGE.name}: {counts([claim for deck in decks() for claim in deck.claim])}\n")


if __name__ == "__main__":
    main()
