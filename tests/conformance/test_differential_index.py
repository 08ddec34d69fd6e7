"""Every row of the table of differential tests has a test that carries its name and would see an error of a percent."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from agreement import agrees

TESTS = Path(__file__).parents[1]
ROWS = {f"D{number:02d}" for number in range(1, 25)}
# How a test outside this folder plants its error: a factor of a percent, one handed on, or sides exchanged.
CONTROLS = {"1.01", "agrees", "exactly", "planted", "swapped"}


def marked(source: str) -> Iterator[tuple[str, set[str]]]:
    """Yield each row that a test is marked with, and the names and numbers in that test and its marks."""
    if "mark.differential" not in source:
        return
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.FunctionDef):
            continue
        marks = [m for m in node.decorator_list if isinstance(m, ast.Call)]
        marks = [m for m in marks if ast.unparse(m.func) == "pytest.mark.differential"]
        if marks:
            words = {ast.unparse(n) for n in ast.walk(node) if isinstance(n, (ast.Name, ast.Constant))}
            words |= {n.arg for n in ast.walk(node) if isinstance(n, ast.keyword) and n.arg}
            yield from ((arg.value, words) for m in marks for arg in m.args if isinstance(arg, ast.Constant))


@cache
def found() -> list[tuple[str, str, set[str]]]:
    return [
        (row, path.name, words) for path in sorted(TESTS.rglob("test_*.py")) for row, words in marked(path.read_text())
    ]


def test_every_row_has_a_test() -> None:
    rows = Counter(row for row, _, _ in found())
    assert sorted(ROWS - set(rows)) == []
    assert sorted(set(rows) - ROWS) == []


def test_every_such_test_plants_an_error() -> None:
    assert [(row, name) for row, name, words in found() if not words & CONTROLS] == []


def test_the_index_reads_marks_and_nothing_else() -> None:
    source = "@pytest.mark.differential('D01', 'D02')\ndef test_a():\n    agrees(1, 1)\n# differential('D03')\n"
    assert [row for row, _ in marked(source)] == ["D01", "D02"]
    assert all("agrees" in words for _, words in marked(source))
    bare = next(marked("@pytest.mark.differential('D04')\ndef test_b():\n    assert 1 == 1\n"))
    assert not bare[1] & CONTROLS


@pytest.mark.parametrize(
    ("ours", "theirs", "rel", "abs_"),
    [
        (1.02, 1.0, 1e-3, 0.0),
        (1.0, 1.0, 0.05, 0.0),
        (1.0, 1.0, 0.0, 0.05),
        ([1.0, 1e-9], [1.0, 1e-9], 1e-6, 1e-6),
        (0.0, 0.0, 1e-9, 0.0),
        (float("nan"), 1.0, 1e-9, 0.0),
    ],
)
def test_a_comparison_that_an_error_of_a_percent_passes_is_refused(
    ours: float, theirs: float, rel: float, abs_: float
) -> None:
    agrees([1.0, 2.0], [1.0, 2.0 + 1e-12], rel=1e-10)
    with pytest.raises(AssertionError, match=r"is not .* within|one percent at \(.*\) is not seen"):
        agrees(ours, theirs, rel=rel, abs_=abs_)


@pytest.mark.slow
@pytest.mark.parametrize(("required", "code"), [("0", 0), ("1", 1)])
def test_a_peer_that_is_required_may_not_be_skipped(required: str, code: int, tmp_path: Path) -> None:
    (tmp_path / "prdc.py").write_text("raise ModuleNotFoundError('No module named prdc', name='prdc')\n")
    path = os.pathsep.join([str(tmp_path), str(TESTS.parent)])
    found = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(TESTS / "conformance" / "test_prdc.py")],
        env=os.environ | {"PYTHONPATH": path, "GANDIAG_REQUIRE_PEERS": required},
        cwd=TESTS.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == code, found.stdout
    assert ("the peer is not there" in found.stdout) == (required == "1")
