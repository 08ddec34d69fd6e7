"""Text of others in LaTeX."""

from __future__ import annotations

import re

from gandiag.core.tex import tex


def test_every_character_of_ascii_is_escaped_or_harmless() -> None:
    for code in range(32, 127):
        text = tex(f"a{chr(code)}b")
        bare = re.sub(r"\\[a-zA-Z]+\{\}|\\[{}$&#%_]|\{-\}|\\char34\{\}|\\?[`'](?=\{\})", "", text)
        assert not set("\\$&#%_~^<>|\"`'") & set(bare), text
