"""The documentation says what is true: generated pages are fresh, commands and links in prose exist."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from gandiag.cli import COMMANDS
from gandiag.cli.list_command import metric_cards
from gandiag.core.specs import DATASETS, PATHOLOGIES

ROOT = Path(__file__).parents[1]
OWN = [ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "reference_models" / "README.md"]
# What the site writes at a build is no page of ours.
PAGES = sorted([*OWN, *(p for p in (ROOT / "docs").rglob("*.md") if "generated" not in p.parts)])


def malformed(text: str) -> list[str]:
    """Find the tables, outside of code, whose rule or rows have other cells than their heads."""
    prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    found = []
    for table in re.findall(r"(?:^\|.*\n?)+", prose, flags=re.MULTILINE):
        lines = [re.split(r"(?<!\\)\|", line.strip())[1:-1] for line in table.splitlines()]
        rule = [bool(re.fullmatch(r"\s*:?-+:?\s*", cell)) for cell in lines[1]] if len(lines) > 1 else [False]
        if not all(rule) or {len(line) for line in lines} != {len(lines[0])}:
            found.append(table.splitlines()[0])
    return found


def test_the_metrics_page_is_fresh() -> None:
    assert (ROOT / "docs" / "metrics.md").read_text() == metric_cards() + "\n"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text())
    assert [link for link in links if "://" not in link and not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda p: f"{p.parent.name}/{p.name}")
def test_every_table_is_drawn_as_one(page: Path) -> None:
    assert malformed(page.read_text()) == []


@pytest.mark.parametrize("rule", ["|---||---|", "|---|", "| a | b |"])
def test_a_table_with_a_broken_rule_is_found(rule: str) -> None:
    assert malformed(f"| a | b |\n|---|---|\n| 1 | 2 |\n\n| c | d |\n{rule}\n| 1 | 2 |\n") == ["| c | d |"]


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_every_command_in_the_docs_exists(page: Path) -> None:
    used = set(re.findall(r"^\s*(?:\$ )?gandiag ([a-z]+)", page.read_text(), flags=re.MULTILINE))
    assert used <= set(COMMANDS)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_every_built_in_named_in_the_docs_exists(page: Path) -> None:
    text = page.read_text()
    assert set(re.findall(r"(?:toy|data|model):([a-z0-9_-]+)", text)) <= set(DATASETS.names())
    assert set(re.findall(r"(?:toy|data):[^\s`'\"]*?!([a-z_]+)=", text)) <= set(PATHOLOGIES.names())


QUICK = ', metrics=["mode_coverage", "wasserstein"], permutations=199'


@pytest.mark.parametrize("more", [QUICK, pytest.param("", marks=pytest.mark.slow)], ids=["in short", "as it stands"])
def test_the_example_of_the_readme_runs_and_prints_what_it_says(tmp_path: Path, more: str) -> None:
    """On every run with the metrics alone that its two lines show: all of them take half a minute."""
    code = re.search(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), flags=re.DOTALL)
    assert code is not None
    assert "n=1000)" in code[1]
    program = code[1].replace("n=1000)", f"n=1000{more})")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=tmp_path, check=True)
    promised = re.search(r"sentence\)  # (.*)", code[1])
    assert promised is not None
    assert done.stdout.splitlines()[0] == promised[1]
    assert done.stdout.splitlines()[1].startswith("wasserstein = ")
    assert (tmp_path / "report.html").exists()


def test_the_page_of_mode_protocols_prints_what_the_formulas_give() -> None:
    from gandiag.numerics.mode_protocols import PROTOCOLS, perfect

    text = (ROOT / "docs" / "mode-protocols.md").read_text()
    lines = [line for line in text.splitlines() if line.startswith("|") and line.count("|") == 7][2:]
    assert len(lines) == len(PROTOCOLS)
    for line, protocol in zip(lines, PROTOCOLS, strict=True):
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        found = perfect(protocol)
        assert int(cells[1].replace(" ", "")) == protocol.modes
        assert int(cells[2].replace(" ", "")) == protocol.draws
        if found.high_quality is not None:
            assert float(cells[3].rstrip(" %")) == round(100 * found.high_quality, 2)
        assert int(cells[4]) == round(found.missing)
        assert float(cells[5]) == round(found.kl, 4)
