"""Every row of the verification table has a test that carries its number: ``pytest -m row`` runs them all.

Rows 1 to 81, 89 to 91 concern the suite; 82 to 88 games and models, 92 the gate.
"""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

TESTS = Path(__file__).parent
ROWS = set(range(1, 93))
# Rows without a test yet: this set only shrinks.
OPEN: set[int] = set()


def rows_of(source: str) -> list[int]:
    """List the numbers that ``pytest.mark.row(...)`` carries, on a test or on one of its cases."""
    found: list[int] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.row":
            found += [arg.value for arg in node.args if isinstance(arg, ast.Constant)]
    return found


def test_every_row_has_a_test() -> None:
    found = Counter(row for path in TESTS.rglob("test_*.py") for row in rows_of(path.read_text()))
    assert sorted(ROWS - set(found) - OPEN) == []


def test_the_check_reads_marks_and_nothing_else() -> None:
    source = "@pytest.mark.row(3, 4)\n@pytest.mark.slow\ndef test_a():\n    pass\n# row(5)\n"
    assert rows_of(source) == [3, 4]
