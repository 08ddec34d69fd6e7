"""The site: every page has its place in the contents, every link and anchor leads somewhere, and it builds."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from page_blocks import ROOT

sys.path.insert(0, str(ROOT / "docs"))

import make_site
import site_links
import site_models
import site_prose

import gandiag
from gandiag.core.specs import METRICS

LINK = re.compile(r"!?\[[^\]\n]*\]\(<?([^)#\s>]*)(?:#([^)\s>]+))?>?\)")
OURS = [*sorted((ROOT / "docs").rglob("*.md")), *(ROOT / p for p in ("README.md", "CHANGELOG.md"))]


def prose(text: str) -> str:
    """Leave out code, in blocks and in lines."""
    text = re.sub(r"^( *)(```+).*?^\1\2$", "", text, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"`[^`\n]*`", "", text)


@cache
def anchors(text: str) -> set[str]:
    """List what a link into a page can name: its headings as GitHub and MyST spell them, and targets."""
    bare = re.sub(r"^( *)(```+).*?^\1\2$", "", text, flags=re.MULTILINE | re.DOTALL)
    found = set(re.findall(r'<a id="([\w-]+)"></a>|^\(([\w-]+)\)=$', bare, flags=re.MULTILINE))
    names = {name for pair in found for name in pair if name}
    for heading in re.findall(r"^#{1,4} (.*)$", bare, flags=re.MULTILINE):
        kept = re.sub(r"[^\w\- ]", "", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower())
        names.add(kept.strip().replace(" ", "-"))
    return names


def dead(page: Path, text: str) -> list[str]:
    """List the links of a page that lead nowhere."""
    found = []
    for target, anchor in LINK.findall(prose(text)):
        if "://" in target or target.startswith("mailto:"):
            continue
        there = page.parent / target if target else page
        if not there.exists():
            found.append(target)
        elif anchor and there.suffix == ".md" and anchor not in anchors(text if not target else there.read_text()):
            found.append(f"{target}#{anchor}")
    return found


@pytest.fixture(scope="module")
def laid_out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    source = tmp_path_factory.mktemp("site") / "source"
    make_site.lay_out(source)
    return source


@pytest.mark.parametrize("page", OURS, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_link_and_anchor_of_a_page_leads_somewhere(page: Path) -> None:
    assert dead(page, page.read_text()) == []


@pytest.mark.parametrize("link", ["[x](none.md)", "[x](gate.md#none)", "![x](none.png)", "[x](#none)", "[](../none)"])
def test_a_link_that_leads_nowhere_is_found(link: str) -> None:
    page = ROOT / "docs" / "index.md"
    assert dead(page, f"# Here\n\n{link}\n") != []
    assert dead(page, "# Here\n\n[x](gate.md#conditions) [y](#here) `[z](none.md)`\n") == []


def test_every_page_is_in_the_contents(laid_out: Path) -> None:
    _, _, unlisted = (laid_out / "index.md").read_text().partition(":caption: More\n\n")
    assert unlisted == "", "link these from docs/index.md"


def test_a_page_that_is_not_listed_is_put_at_the_end() -> None:
    text = "# Top\n\n## One\n\n- [a](a.md)\n- [b](b.md#x)\n- [no page](c.png)\n"
    assert make_site.contents(text, ["a.md", "b.md", "z.md"]) == [("One", ["a.md", "b.md"]), ("More", ["z.md"])]


def test_every_link_of_the_laid_out_pages_leads_somewhere(laid_out: Path) -> None:
    pages = sorted(laid_out.rglob("*.md"))
    assert {str(page.relative_to(laid_out)): gone for page in pages if (gone := dead(page, page.read_text()))} == {}


def test_every_metric_model_and_public_name_has_a_page(laid_out: Path) -> None:
    for spec in METRICS:
        assert spec.title in (laid_out / "metrics" / f"{spec.name}.md").read_text()
    for name in gandiag.__all__:
        assert f"gandiag.{name}" in (laid_out / "api" / f"{name}.md").read_text()
    for spec in site_models.MODELS:
        page = (laid_out / site_models.place(spec.name)).read_text()
        assert spec.formula in page
        assert re.search(r":pyobject: \w+\.step", page)


def test_code_that_a_page_of_a_model_quotes_is_there(laid_out: Path) -> None:
    for page in (laid_out / "models").glob("*.md"):
        for file, name in re.findall(
            r"literalinclude\} \.\./(\S+)\n:language: python\n:pyobject: (\S+)", page.read_text()
        ):
            assert re.search(rf"\b(def|class) {name.rpartition('.')[2]}\b", (laid_out / file).read_text()), (page, name)


def test_docstrings_become_markdown() -> None:
    text = "Words with ``code``, a * b and <h>.\n\n    x = [1]\n\n- an item\n  goes on\n"
    made = site_prose.markdown(text)
    assert made == "Words with `code`, a \\* b and \\<h>.\n\n```text\nx = [1]\n```\n\n- an item\n  goes on"
    assert site_prose.markdown("Two lines that are *stressed\ntogether*; 2*3*4.") == (
        "Two lines that are *stressed\ntogether*; 2\\*3\\*4."
    )
    assert site_prose.markdown("As in::\n\n    f(x) = 1") == "As in:\n\n```text\nf(x) = 1\n```"
    assert site_prose.markdown("\n    f(x) = 1\n\nwords") == "```text\nf(x) = 1\n```\n\nwords"


def test_links_are_led_to_their_place_and_code_is_left_alone() -> None:
    text = (
        "[m](../reference_models/models/gan.py) [w](https://x.org/a) [g](gate.md#a)\n```text\n[m](../README.md)\n```\n"
    )
    made = site_prose.relinked(text, "docs/lectures/x.md".replace("lectures/", ""), make_site.where)
    assert made == "[m](models/gan.md) [w](https://x.org/a) [g](gate.md#a)\n```text\n[m](../README.md)\n```\n"


def test_a_built_page_with_a_broken_link_or_a_load_from_outside_is_found(tmp_path: Path) -> None:
    (tmp_path / "b.html").write_text('<h1 id="here">b</h1>')
    links = '<a href="b.html#here">1</a><a href="https://x.org">2</a><a href="#top">3</a><p id="top"><img src="b.html">'
    (tmp_path / "a.html").write_text(links)
    assert list(site_links.broken_links(tmp_path)) == []
    wrong = ["c.html", "b.html#gone", "#gone"]
    page = "".join(f'<a href="{link}">x</a>' for link in wrong) + '<script src="https://x.org/x.js"></script>'
    (tmp_path / "a.html").write_text(page)
    assert {link for _, link in site_links.broken_links(tmp_path)} == {*wrong, "https://x.org/x.js"}


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("sphinx") is None, reason="pip install -e '.[docs]'")
def test_the_site_builds_without_a_warning_and_asks_no_other_place(tmp_path: Path) -> None:
    source, out = tmp_path / "source", tmp_path / "out"
    make_site.lay_out(source)
    assert make_site.build(source, out) == 0
    assert (out / "searchindex.js").exists()


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("sphinx") is None, reason="pip install -e '.[docs]'")
def test_a_broken_link_stops_the_build(tmp_path: Path) -> None:
    (tmp_path / "index.md").write_text("# Top\n\n[gone](#nowhere)\n")
    command = [sys.executable, "-m", "sphinx", "-b", "html", "-c", str(make_site.DOCS / "site"), "-q", "-W"]
    done = subprocess.run([*command, str(tmp_path), str(tmp_path / "out")], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode != 0
    assert "nowhere" in done.stderr
