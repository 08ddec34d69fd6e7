"""Docstrings and pages of the repository as Markdown for the site."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable
from pathlib import PurePosixPath
from posixpath import normpath, relpath

# A link or picture of Markdown: what stands before its target, the target, the anchor.
_LINK = re.compile(r"(!?\[[^\]\n]*\]\()([^)#\s]*)(#[^)\s]*)?\)")


def fenced(code: str, language: str = "text") -> str:
    """Put code between fences."""
    return f"```{language}\n{code.rstrip()}\n```"


def escaped(text: str) -> str:
    """Keep Markdown from reading signs of a formula that stand outside of code."""
    parts = re.split(r"(`[^`]*`)", text.replace("``", "`"))
    return "".join(part if part.startswith("`") else re.sub(r"([*<\[\]|\\])", r"\\\1", part) for part in parts)


def markdown(docstring: str) -> str:
    """Turn the prose of a docstring into Markdown: what is indented is code, the rest are paragraphs and lists."""
    found, code = [], []
    for line in [*textwrap.dedent(docstring).strip().splitlines(), "end"]:
        inside = line.startswith("    ") or (code and not line.strip())
        # The second line of an item of a list is indented by two, a formula by four.
        if inside:
            code.append(line)
            continue
        if code:
            found += ["", fenced(textwrap.dedent("\n".join(code)).strip("\n")), ""]
            code = []
        found.append(escaped(line).replace("\\*", "*", 1) if line.startswith("* ") else escaped(line))
    return "\n".join(found[:-1]).strip()


def relinked(text: str, place: str, where: Callable[[str], str | None]) -> str:
    """Lead every relative link of a page to where its target lies on the site.

    Parameters
    ----------
    text : str
    place : str
        Where the page lies in the repository, such as "docs/gate.md".
    where : callable
        Gives the place on the site of a path of the repository; None leaves a link as it is.
    """
    here = PurePosixPath(where(place) or place).parent

    def lead(match: re.Match[str]) -> str:
        before, target, anchor = match[1], match[2], match[3] or ""
        if not target or "://" in target or target.startswith("mailto:"):
            return match[0]
        there = where(normpath(str(PurePosixPath(place).parent / target)))
        return match[0] if there is None else f"{before}{relpath(there, here)}{anchor})"

    return _outside_code(text, lambda piece: _LINK.sub(lead, piece))


def targets(text: str) -> str:
    """Make anchors of HTML, which GitHub reads, into targets of MyST, which Sphinx checks."""
    return re.sub(r'^<a id="([\w-]+)"></a>$', r"(\1)=", text, flags=re.MULTILINE)


def _outside_code(text: str, change: Callable[[str], str]) -> str:
    pieces = re.split(r"(^```.*?^```$)", text, flags=re.MULTILINE | re.DOTALL)
    return "".join(piece if piece.startswith("```") else change(piece) for piece in pieces)
