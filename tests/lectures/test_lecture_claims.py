"""The table of the lectures: whole rows, tests and figures and commands that exist, words of our own, a fresh page."""

from __future__ import annotations

import ast
import re
import sys
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "docs"))

from lecture_commands import complaints  # noqa: E402
from make_lectures import FOLDER, PAGE, SLOW, VERDICTS, Claim, decks, named_things, page, told  # noqa: E402

CLAIMS = [claim for deck in decks() for claim in deck.claim]
SHARED = next((p / "shared" for p in ROOT.parents if (p / "shared" / "lectures").is_dir()), None)
NAMED = 49
# The words under every report; what a command must print is to be found above them.
LEGEND = (ROOT / "gandiag" / "report" / "_reading.py").read_text()
# A run of so many words of a deck in a text of ours is a copy.
RUN = 8


@cache
def functions_in(path: Path) -> frozenset[str]:
    return frozenset(n.name for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.FunctionDef))


def faults(claim: Claim) -> list[str]:
    """Say what a row lacks."""
    found = [f"no {name}" for name in ("id", "where", "title", "claim") if not getattr(claim, name).strip()]
    if claim.verdict not in VERDICTS:
        found.append(f"verdict {claim.verdict!r}")
    if claim.verdict != "reproduced" and not claim.why:
        found.append("no reason for its verdict")
    if claim.verdict in ("reproduced", "corrected"):
        found += [f"no {name}" for name in ("did", "found", "command", "tests") if not getattr(claim, name)]
    if claim.command and not claim.prints:
        found.append("a command without what it prints")
    if claim.prints != " ".join(claim.prints.split()):  # as `run` joins what was printed
        found.append("spaces that no output has")
    if claim.command.startswith("gandiag score") and (not claim.prints or claim.prints in LEGEND):
        found.append("what it prints stands under every report")
    for test in claim.tests:
        path, _, name = test.partition("::")
        if not (ROOT / path).is_file() or name not in functions_in(ROOT / path):
            found.append(f"no test {test}")
    if claim.figure and not (ROOT / "docs" / claim.figure).is_file():
        found.append(f"no figure {claim.figure}")
    found += [f"thing {number}" for number in claim.named if not 1 <= number <= NAMED]
    return found


def sound(**changes: object) -> Claim:
    row = {"id": "s0.x", "where": "w", "title": "t", "claim": "c", "did": "d", "found": "f", "verdict": "reproduced"}
    row |= {
        "command": "gandiag list",
        "prints": "metrics",
        "tests": ["tests/test_docs.py::test_the_metrics_page_is_fresh"],
    }
    return Claim(**{**row, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.id)
def test_a_row_is_whole(claim: Claim) -> None:
    assert faults(claim) == []


@pytest.mark.parametrize("claim", [c for c in CLAIMS if c.command], ids=lambda claim: claim.id)
def test_a_command_parses_and_what_it_names_exists(claim: Claim) -> None:
    assert complaints(claim.command) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"verdict": "true"},
        {"verdict": "corrected"},
        {"verdict": "open"},
        {"command": ""},
        {"tests": []},
        {"tests": ["tests/test_docs.py::test_that_is_not_there"]},
        {"tests": ["tests/test_that_is_not_there.py::test_x"]},
        {"figure": "stories/none.png"},
        {"named": [50]},
        {"prints": ""},
        {"command": "gandiag score toy:ring8 toy:ring8", "prints": "differs"},
        {"prints": "[0.9  0.45]"},
    ],
    ids=str,
)
def test_a_row_with_a_fault_is_found(changes: dict[str, object]) -> None:
    assert faults(sound()) == []
    assert faults(sound(**changes))


@pytest.mark.parametrize(
    "command",
    [
        "gandiag scored toy:ring8 toy:ring8",
        "gandiag score toy:ring8 toy:ring8 --metric mmd",
        "gandiag score toy:ring9 toy:ring8",
        "gandiag score toy:ring8 'toy:ring8!drop_mode=3'",
        "gandiag score toy:ring8 toy:ring8 --metrics mdd",
        "python -m reference_models story no_such_story --out x",
        "python -m reference_models train gann --out x",
        "python -m reference_models train gan --preset no --out x",
        "python -m reference_models train gan --set kk=1 --out x",
        "python -c 'print('",
        "python -c 'from gandiag.numerics.divergences import nothing'",
        "python -c 'from reference_models.oracles import no_module'",
        "rm x",
    ],
)
def test_a_command_with_a_fault_is_found(command: str) -> None:
    assert complaints(command)


def test_every_row_has_its_own_name_and_that_of_its_deck() -> None:
    assert [name for name, count in Counter(claim.id for claim in CLAIMS).items() if count > 1] == []
    assert [c.id for deck in decks() for c in deck.claim if not c.id.startswith(deck.name.lower() + ".")] == []


def test_every_thing_that_the_decks_name_has_a_row() -> None:
    assert list(named_things()) == list(range(1, NAMED + 1))
    assert set(range(1, NAMED + 1)) - {number for claim in CLAIMS for number in claim.named} == set()


def test_the_things_are_those_of_the_projects_list() -> None:
    if SHARED is None:
        pytest.skip("the project's list is not here")
    text = (SHARED / "spec" / "reference_models.md").read_text()
    part = text[text.index("### 1.1") : text.index("### 1.2")]
    assert [int(number) for number in re.findall(r"^\| (\d+) \|", part, re.MULTILINE)] == list(named_things())


def test_the_page_is_fresh() -> None:
    assert PAGE.read_text() == page(), "run: python docs/make_lectures.py"


def test_a_slow_command_is_marked_and_a_quick_one_is_not() -> None:
    marked = [claim.id for claim in CLAIMS if SLOW in told(claim, shown=True)]
    assert marked == [claim.id for claim in CLAIMS if claim.command and not claim.quick]
    assert SLOW in told(sound(), shown=True)
    assert SLOW not in told(sound(quick=True), shown=True)
    assert SLOW not in told(sound(command=""), shown=True)


def test_every_link_of_the_page_leads_somewhere() -> None:
    links = re.findall(r"\]\(([^)]+)\)", PAGE.read_text())
    assert [link for link in links if not link.startswith("#") and not (FOLDER / link).exists()] == []
    anchors = set(re.findall(r'<a id="([^"]+)">', PAGE.read_text()))
    assert {link[1:] for link in links if link.startswith("#")} <= anchors


def words(text: str) -> list[str]:
    """Give the words of a text; formulas are not words."""
    return re.findall(r"[a-z]+", re.sub(r"`[^`]*`", " ", text).lower())


@cache
def runs(text: str) -> frozenset[str]:
    """Give all runs of words of a text."""
    all_words = words(text)
    return frozenset(" ".join(all_words[i : i + RUN]) for i in range(len(all_words) - RUN + 1))


def copied(text: str, deck: str) -> list[str]:
    """List the runs of words that stand in a deck as well."""
    return sorted(runs(text) & runs(deck))


def test_no_sentence_is_copied_from_a_deck() -> None:
    if SHARED is None:
        pytest.skip("the decks are not here")
    texts = [path.read_text() for path in sorted((SHARED / "lectures").glob("S*.txt"))]
    assert len(texts) == 5
    assert [run for claim in CLAIMS for text in claim.texts() for deck in texts for run in copied(text, deck)] == []
    for deck in texts:  # what is taken out of the middle of any deck is found
        assert copied(" ".join(words(deck)[200:212]), deck)


def test_a_copied_run_of_words_is_found() -> None:
    deck = "The generator wants to fool the judge, who learns to tell real from made pictures."
    assert copied("We say: fool the judge who learns to tell real from fakes.", deck)
    assert not copied("We say: fool the judge who learns to tell fakes.", deck)
    assert not copied("`fool the judge who learns to tell real from`", deck)
