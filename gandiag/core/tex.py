"""Text of others as LaTeX prints it: nothing in it is a command."""

from __future__ import annotations

from gandiag.core.wording import printable

_ESCAPED = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\char34{}",  # in every encoding of letters, as the two that follow
    "`": r"\`{}",
    "'": "'{}",  # two of them would become one mark
    "-": "{-}",  # two of them would become a dash
    "±": r"\(\pm\)",
    "≥": r"\(\geq\)",
    "≤": r"\(\leq\)",
    "…": r"\ldots{}",
    "é": r"\'e",
}


def tex(text: str) -> str:
    r"""Escape what LaTeX would take for a command; line breaks and invisible characters do not pass.

    Characters beyond ASCII that LaTeX may lack stay as they are, for XeLaTeX and LuaLaTeX.

    Examples
    --------
    >>> tex("50 % of ring_gan")
    '50 \\% of ring\\_gan'
    """
    return "".join(_ESCAPED.get(character, character) for character in printable(text))
