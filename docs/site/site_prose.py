"""Docstrings and pages of the repository as Markdown for the site."""

from __future__ import annotations

import itertools
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


# Code in a line, and a word that is stressed, as both are written in docstrings.
_KEPT = re.compile(r"(`[^`]*`|(?<![\w*])\*[^*\s](?:[^*]*[^*\s])?\*(?![\w*]))")


def escaped(text: str) -> str:
    """Keep Markdown from reading signs of a formula that stand outside of code; a ``*stressed*`` word stays one."""
    parts = _KEPT.split(text.replace("``", "`"))
    return "".join(part if _KEPT.fullmatch(part) else re.sub(r"([*<\[\]|\\])", r"\\\1", part) for part in parts)


def markdown(docstring: str) -> str:
    """Turn the prose of a docstring into Markdown: what is indented by four is code, the rest are words and lists."""
    lines, found = textwrap.dedent(docstring).strip("\n").splitlines(), []
    for is_code, group in itertools.groupby(_marked(lines), key=lambda pair: pair[0]):
        text = "\n".join(line for _, line in group)
        found.append(
            fenced(textwrap.dedent(text).strip("\n")) if is_code else escaped(re.sub(r"::$", ":", text.strip()))
        )
    return "\n\n".join(found).strip()


def _marked(lines: list[str]) -> list[tuple[bool, str]]:
    """Say of each line whether it is code; an empty line goes with the one before it."""
    found: list[tuple[bool, str]] = []
    for line in lines:
        is_code = line.startswith("    ") if line.strip() else bool(found) and found[-1][0]
        found.append((is_code, line))
    return found


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
