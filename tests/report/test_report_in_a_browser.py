"""The report and the page of a verdict as readers see them: wide, narrow, light, dark, on paper; axe-core on all."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from browser import Browser, axe_source
from synthetic import make_report, with_images
from synthetic_evidence import with_evidence

from gandiag.core.report import Report
from gandiag.core.verdict import Judgement, Verdict
from gandiag.report.html import write_html, write_verdict

pytestmark = pytest.mark.slow

HOSTILE = (
    "</p><script>alert(1)</script>\"'><img src=http://127.0.0.1:9/x onerror=alert(2)> \u202e{{ 7 * 7 }}" + "n" * 300
)
NAMES = ("gan", HOSTILE, "/a/very/long/path/without/one/blank/to/a/folder/of/samples/from/the/diffusion/model.npy", "d")
LOOKS = [(width, dark) for width in (1280, 390) for dark in (False, True)]


def compared(report: Report) -> Report:
    """Four samplers side by side, two of them with names that do not fit anywhere."""
    fakes = tuple(replace(report.fakes[i % 2], name=name, source=name) for i, name in enumerate(NAMES))
    return replace(report, fakes=fakes)


def with_forty_metrics(report: Report) -> Report:
    first = with_evidence(report).fakes[0]
    more = (replace(first.results[k % 12], metric=f"users_own_metric_number_{k}") for k in range(40))
    return replace(report, fakes=(replace(first, results=(*first.results, *more)[:40]),))


def verdict(outcome: str, report: Report) -> Verdict:
    found = [Judgement(condition="coverage >= 0.9", outcome="pass", says="coverage = 0.97", by="bound", p_value=1.0)]
    if outcome == "fail":
        found += [Judgement(condition="mmd.p >= alpha", outcome="fail", says="p = 1e-05", p_value=1e-5, adjusted=2e-5)]
        found += [Judgement(condition="kid <= 0.1", outcome="inconclusive", says=HOSTILE, p_value=0.3, adjusted=0.3)]
    told = {"gate": "ring", "real": "toy:ring8", "fake": "mine.py:draw", "alpha": 0.001, "gandiag_version": "9.9"}
    one = replace(report, fakes=report.fakes[:1] if outcome == "fail" else report.fakes[1:])
    return Verdict(outcome=outcome, judgements=tuple(found), report=one, warnings=(HOSTILE,), **told)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, report = tmp_path_factory.mktemp("pages"), make_report()
    write_html(with_evidence(report), folder / "two.html")
    write_html(with_evidence(with_images(report)), folder / "images.html")
    write_html(with_forty_metrics(report), folder / "forty.html")
    write_html(compared(report), folder / "four.html")
    for outcome in ("pass", "fail"):
        write_verdict(verdict(outcome, report), folder / f"{outcome}.html")
    return folder


PAGES = ("two", "images", "forty", "four", "pass", "fail")


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize(("width", "dark"), LOOKS)
def test_a_page_is_quiet_fits_and_can_be_read(browser: Browser, pages: Path, name: str, width: int, dark: bool) -> None:
    page = browser.open((pages / f"{name}.html").as_uri(), width=width, dark=dark)
    assert page.complaints == []
    assert page.requests == []
    assert page.overflow() == []
    letters = page.letters()
    assert min(letter["px"] for letter in letters) > 8.7
    assert [letter for letter in letters if letter["contrast"] < 4.5] == []
    page.close()


@pytest.mark.parametrize("name", PAGES)
def test_a_page_fits_on_paper_and_shows_what_is_folded_away(browser: Browser, pages: Path, name: str) -> None:
    page = browser.open((pages / f"{name}.html").as_uri(), width=1280, dark=True)
    page.on_paper()
    assert page.overflow() == []
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    folded = "[...document.querySelectorAll('details dd')].filter((e) => !e.checkVisibility()).length"
    assert page.evaluate(folded) == 0
    assert min(letter["px"] for letter in page.letters()) > 8.0
    assert page.pdf().startswith(b"%PDF-")
    page.close()


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize(("width", "dark"), [(1280, True), (390, False)])
def test_axe_finds_no_serious_violation(browser: Browser, pages: Path, name: str, width: int, dark: bool) -> None:
    source = axe_source()
    if source is None:
        pytest.skip("axe-core is not there: name its axe.min.js in AXE_CORE (npm pack axe-core has it)")
    page = browser.open((pages / f"{name}.html").as_uri(), width=width, dark=dark)
    assert page.axe(source) == []
    page.close()


def test_the_instruments_have_teeth(browser: Browser, tmp_path: Path) -> None:
    bad = (
        "<!DOCTYPE html><html lang='en'><title>t</title><body style='margin:0'><script>nothing()</script>"
        "<img src='http://127.0.0.1:9/x.png' width=9><div style='width:2000px;color:#eee;background:#fff'>wide</div>"
        "<figure style='background:#fff'><svg viewBox='0 0 100 10' width=50><text font-size=7 fill='#aaa'>t"
    )
    (tmp_path / "bad.html").write_text(bad)
    page = browser.open((tmp_path / "bad.html").as_uri(), width=1280)
    assert any("nothing is not defined" in line for line in page.complaints)
    assert page.requests == ["http://127.0.0.1:9/x.png"]
    assert any("DIV" in line for line in page.overflow())
    (letter,) = page.letters()
    assert letter["px"] == pytest.approx(3.5)
    assert letter["contrast"] < 4.5
    source = axe_source()
    if source is not None:
        assert {line.split()[0] for line in page.axe(source)} >= {"image-alt", "color-contrast"}
    page.close()
