"""The documentation says what is true: generated pages are fresh, commands and links in prose exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gandiag.cli import COMMANDS
from gandiag.cli.list_command import metric_cards
from gandiag.core.specs import DATASETS, PATHOLOGIES

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").glob("*.md")])


def test_the_metrics_page_is_fresh() -> None:
    assert (ROOT / "docs" / "metrics.md").read_text() == metric_cards() + "\n"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text())
    assert [link for link in links if "://" not in link and not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_every_command_in_the_docs_exists(page: Path) -> None:
    used = set(re.findall(r"^\s*(?:\$ )?gandiag ([a-z]+)", page.read_text(), flags=re.MULTILINE))
    assert used <= set(COMMANDS)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_every_built_in_named_in_the_docs_exists(page: Path) -> None:
    text = page.read_text()
    assert set(re.findall(r"(?:toy|data):([a-z0-9_]+)", text)) <= set(DATASETS.names())
    assert set(re.findall(r"(?:toy|data):[^\s`'\"]*?!([a-z_]+)=", text)) <= set(PATHOLOGIES.names())
