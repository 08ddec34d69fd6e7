"""The site in a browser: at a desk and on a phone, in light and dark; nothing sticks out, nothing is asked for."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest
from page_blocks import ROOT

sys.path.insert(0, str(ROOT / "docs"))

import make_site

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("sphinx") is None, reason="pip install -e '.[docs]'"),
]
PAGES = [
    "index", "start", "gate", "gallery", "metrics", "metrics/mmd", "models/gan", "api/score", "lectures/index",
    "reference_models/README", "performance", "search",
]  # fmt: skip


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    make_site.lay_out(folder / "source")
    assert make_site.build(folder / "source", folder / "out") == 0
    return folder / "out"


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_fits_and_is_quiet(site: Path, browser: Any, name: str, width: int, dark: bool) -> None:
    page = browser.open((site / f"{name}.html").as_uri(), width=width, dark=dark)
    assert page.overflow() == []
    assert page.complaints == []
    assert [url for url in page.requests if not url.startswith(site.as_uri())] == []
    page.close()


def test_the_search_finds_a_page_from_a_folder_without_a_server(site: Path, browser: Any) -> None:
    page = browser.open((site / "search.html").as_uri() + "?q=collapsed", width=1280)
    shown = "new Promise((end) => setTimeout(() => end(document.querySelectorAll('ul.search li').length), 2000))"
    assert page.evaluate(shown) > 0
    page.close()
