"""Rules over the whole tree that no linter of ours knows."""

from __future__ import annotations

import ast
import re
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = sorted(path for house in ("gandiag", "reference_models") for path in (ROOT / house).rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))

# Ways to run code that came with data.
FORBIDDEN_CALLS = {"eval", "exec", "os.system", "pickle.load", "pickle.loads", "joblib.load", "yaml.load"}


def calls(tree: ast.AST) -> list[tuple[str, ast.Call]]:
    return [(ast.unparse(n.func), n) for n in ast.walk(tree) if isinstance(n, ast.Call)]


def unsafe_calls(source: str) -> list[str]:
    found = []
    for name, call in calls(ast.parse(source)):
        words = {k.arg: ast.unparse(k.value) for k in call.keywords}
        if name in FORBIDDEN_CALLS or words.get("shell") == "True" or words.get("allow_pickle") == "True":
            found.append(name)
        if name.endswith("np.load") and words.get("allow_pickle") != "False":
            found.append(name)
        if name == "torch.load" and words.get("weights_only") != "True":
            found.append(name)
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_nothing_runs_code_that_came_with_data(path: Path) -> None:
    assert unsafe_calls(path.read_text()) == []


@pytest.mark.parametrize(
    "source", ["eval('1')", "np.load(p)", "np.load(p, allow_pickle=True)", "torch.load(p)", "run(x, shell=True)"]
)
def test_the_check_sees_an_unsafe_call(source: str) -> None:
    assert unsafe_calls(source)


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_source_file_is_short(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 400


@pytest.mark.parametrize("path", TESTS, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_expected_error_is_checked_for_its_message(path: Path) -> None:
    loose = [
        call.lineno
        for name, call in calls(ast.parse(path.read_text()))
        if name == "pytest.raises"
        and not any(k.arg in {"match", "check"} for k in call.keywords)
        and "AssertionError" not in ast.unparse(call)
    ]
    assert loose == []


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_no_unfinished_work_is_left_behind(path: Path) -> None:
    assert not re.search(r"\b(TODO|FIXME|XXX)\b|NotImplementedError", path.read_text())


def test_no_two_test_modules_share_a_name() -> None:
    """Pytest imports them by their last name alone, and then collects neither."""
    names = Counter(path.name for path in (ROOT / "tests").rglob("test_*.py"))
    assert [name for name, count in names.items() if count > 1] == []
