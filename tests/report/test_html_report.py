"""report.html: one file that loads nothing, runs nothing, and says what was found."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
import subprocess
import sys
import warnings
from dataclasses import fields, is_dataclass, replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

import matplotlib
from synthetic import make_report, with_images, with_many_modes

from gandiag.core.report import Report
from gandiag.errors import ConfigError
from gandiag.report import html as page
from gandiag.report._figures import figures, inlined
from gandiag.report.html import to_html, write_html
from gandiag.report.json import read_json, to_json, write_json

PAYLOADS = (
    "\"><script>alert(1)</script><img src=x onerror='alert(2)'>",
    "</script></style></title></svg>--><b>bold</b>",
    "{{ 7 * 7 }} {% raw %} $\\input{x}$ &lt;i&gt; <!-- ]]>",
)

VOID = {"meta", "br", "hr", "img", "input", "link", "base"}


class Parsed(HTMLParser):
    """The tags of a page in order, its attributes, its text; unbalanced tags are recorded."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str | None]] = []
        self.texts: list[str] = []
        self.unbalanced: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, key, value) for key, value in attrs]
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, key, value) for key, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open.pop() != tag:
            self.unbalanced.append(tag)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


@pytest.fixture(scope="module")
def report() -> Report:
    return make_report()


@pytest.fixture(scope="module")
def text(report: Report) -> str:
    return to_html(report)


@pytest.fixture(scope="module")
def alone(report: Report) -> Report:
    """Only the collapsed sampler, for speed."""
    return replace(report, fakes=report.fakes[:1])


@pytest.fixture(scope="module")
def alone_text(alone: Report) -> str:
    return to_html(alone)


def planted(value: Any, payload: str) -> Any:
    """Put the payload at the end of every string of a report, but for those that are looked up."""
    keep = {"kind", "direction", "status", "severity", "metric", "sided"}
    if isinstance(value, str):
        return value + payload
    if is_dataclass(value) and not isinstance(value, type):
        changed = {
            f.name: planted(getattr(value, f.name), payload)
            for f in fields(value)
            if f.name not in keep and f.name != "arrays"
        }
        return replace(value, **changed)
    if isinstance(value, dict):
        return {key: planted(item, payload) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(planted(item, payload) for item in value)
    return value


def structure(text: str) -> list[str]:
    """List the tags outside figures: inside, the number of tags depends on how long a name is."""
    return Parsed(re.sub(r'<div class="plot".*?</svg></div>', "", text, flags=re.DOTALL)).tags


def test_the_page_is_well_formed(text: str) -> None:
    parsed = Parsed(text)
    assert not parsed.unbalanced
    ids = [value for _, key, value in parsed.attributes if key == "id"]
    assert len(ids) == len(set(ids))
    targets = {value[1:] for _, key, value in parsed.attributes if key == "href" and value}
    targets |= set(re.findall(r"url\(#([^)]*)\)", text))
    assert targets <= set(ids)
    assert Parsed("<p><b></p>").unbalanced


def test_the_page_loads_nothing(text: str) -> None:
    parsed = Parsed(text)
    (style,) = re.findall("<style>(.*?)</style>", text, flags=re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    rules = f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; style-src-attr 'unsafe-inline'; base-uri"
    assert rules in html.unescape(text)
    links = [v for _, key, v in parsed.attributes if key in ("href", "src", "srcset", "action", "xlink:href")]
    assert all(v and (v.startswith("#") or v.startswith("data:image/png;base64,")) for v in links)
    assert not re.search(r"https?:|@import|javascript:", text)
    assert parsed.tags.count("script") == 1
    assert [v for t, k, v in parsed.attributes if t == "script" and k == "type"] == ["application/json"]
    assert not {"iframe", "object", "embed", "link", "base", "form"} & set(parsed.tags)
    assert not [key for _, key, _ in parsed.attributes if key.startswith("on")]


def test_the_verdict_comes_before_evidence_and_numbers(text: str) -> None:
    section = text[text.index('id="sampler-0"') : text.index('id="sampler-1"')]
    order = ["3 of 8 modes are never drawn", "recall below its floor", "The overall distribution differs",
             "5 modes are drawn too often", "<figure", "Every number", "What is absent, and why"]  # fmt: skip
    places = [section.index(part) for part in order]
    assert places == sorted(places)
    assert "Critical fault" in section
    assert "No fault found" in text[text.index('id="sampler-1"') :]


def test_every_number_and_every_reason_is_on_the_page(text: str) -> None:
    said = " ".join(" ".join(Parsed(text).texts).split())
    for part in ("0.614", "0.905 ± 0.013", "-22.4", "0.588 to 0.639", "no training rows were given",
                 "NotConverged: the solver stopped after 100000 steps", "not a sequential test",
                 "1,000 of 50,000 rows were drawn at random", "500 rows were set aside to fit",
                 "gandiag score toy:ring8 ring_gan.py:sampler", "packages.numpy", "Holm"):  # fmt: skip
        assert part in said, part


def test_figures_have_texts_for_those_who_cannot_see(text: str, report: Report) -> None:
    labels = re.findall(r'role="img" aria-label="([^"]*)"', text)
    assert len(labels) == 11  # five of either sampler, and one that compares them
    assert any("8 modes, real and fake: 3 missing: 45°, 180°, 270°" in label for label in labels)
    assert any("10 of 12 tests differ; farthest is Energy at +213" in label for label in labels)
    drawn, failed = figures(report, 0)
    assert [f.name for f in drawn][:2] == ["samples_side_by_side", "metric_intervals"]
    assert not failed


def test_equal_reports_give_equal_pages_whatever_the_users_style(alone: Report, text: str, alone_text: str) -> None:
    with matplotlib.rc_context({"font.size": 22, "lines.linewidth": 9, "svg.hashsalt": "mine"}):
        assert to_html(make_report()) == text
    assert to_html(replace(alone, seed=8)) != alone_text


def test_a_report_that_was_read_back_gives_the_same_page(report: Report, text: str, tmp_path: Path) -> None:
    write_json(report, tmp_path / "report.json")
    assert to_html(read_json(tmp_path / "report.json")) == text


def test_another_process_makes_the_same_page(text: str) -> None:
    code = "import sys; sys.path.insert(0, sys.argv[1]); import synthetic, hashlib; from gandiag.report.html import "
    code += "to_html; print(hashlib.sha256(to_html(synthetic.make_report()).encode()).hexdigest())"
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code, str(Path(__file__).parent)], cwd=root, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize("payload", PAYLOADS)
def test_text_of_others_appears_only_as_text(alone: Report, alone_text: str, payload: str) -> None:
    evil = to_html(planted(alone, payload))
    assert structure(evil) == structure(alone_text)
    parsed = Parsed(evil)
    assert not parsed.unbalanced
    assert "script" in parsed.tags
    assert parsed.tags.count("script") == 1
    assert "img" not in parsed.tags
    assert "b" not in parsed.tags
    said = "".join(parsed.texts)
    assert said.count(payload) > 100
    blob = re.search(r'<script type="application/json" id="report-json">(.*?)</script>', evil, re.DOTALL)
    assert blob is not None
    assert payload in json.loads(blob.group(1))["gandiag_version"]


def test_the_escaping_test_has_teeth(alone: Report, alone_text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same page without escaping is seen through."""
    from jinja2 import Environment, StrictUndefined

    source = Path(page.__file__).with_name("template.html").read_text(encoding="utf-8")
    careless = Environment(autoescape=False, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    monkeypatch.setattr(page, "_template", lambda: careless.from_string(source))
    assert structure(to_html(planted(alone, PAYLOADS[0]))) != structure(alone_text)


def test_metric_names_of_others_are_escaped_too(report: Report) -> None:
    odd = tuple(replace(r, metric=r.metric + "<u>") for r in report.fakes[0].results)
    evil = to_html(replace(report, arrays={}, fakes=(replace(report.fakes[0], results=odd),)))
    assert "u" not in Parsed(evil).tags
    strange: Any = replace(report.fakes[0].diagnoses[0], severity='x" onload="alert(1)')
    evil = to_html(replace(report, arrays={}, fakes=(replace(report.fakes[0], diagnoses=(strange,)),)))
    assert not [key for _, key, _ in Parsed(evil).attributes if key == "onload"]


def test_the_embedded_json_is_the_report(text: str, report: Report) -> None:
    blob = re.search(r'<script type="application/json" id="report-json">(.*?)</script>', text, re.DOTALL)
    assert blob is not None
    assert json.loads(blob.group(1)) == json.loads(to_json(report))
    assert not set("<>&\u2028\u2029") & set(blob.group(1))


def test_one_sampler_needs_no_overview(text: str, alone_text: str) -> None:
    assert 'id="overview"' in text
    assert 'id="overview"' not in alone_text
    assert "<h1>ring_gan, step 4000</h1>" in alone_text


def test_images_and_a_thousand_modes_fit(alone: Report) -> None:
    for other in (with_images(alone), with_many_modes(alone)):
        text = to_html(other)
        assert len(text.encode()) < page.MOST_BYTES
        assert "could not be drawn" not in text


def test_large_figures_are_left_out_and_said(report: Report, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "left out" not in text
    budget = sum(map(len, re.findall(r'<div class="plot".*?</div>', text, re.DOTALL))) // 2
    monkeypatch.setattr(page, "_FIGURE_BYTES", budget)
    monkeypatch.setattr(page, "_JSON_BYTES", 1000)
    small = to_html(report)
    assert sum(map(len, re.findall(r'<div class="plot".*?</div>', small, re.DOTALL))) < 1.05 * budget
    assert "figures were left out to keep this page small" in small
    assert "is too large to be embedded" in small
    assert "<script" not in small


def test_a_figure_that_fails_does_not_take_the_page_down(alone: Report) -> None:
    broken = replace(alone, arrays={"examples/real": np.zeros((3, 1)), "examples/0": np.array([["text"]])})
    text = to_html(broken)
    assert "samples_side_by_side could not be drawn: " in text
    assert "Every number" in text


def test_nothing_but_a_name_is_still_a_page(report: Report) -> None:
    bare = replace(
        report, arrays={}, provenance={}, fakes=(replace(report.fakes[0], results=(), diagnoses=(), notes=()),)
    )
    text = to_html(bare)
    assert "No verdict" in text
    assert "gandiag score toy:ring8 ring_gan.py:sampler --seed 7" in text
    in_memory = replace(bare, real=replace(bare.real, source="array of shape (400, 2)"))
    assert "gandiag.score(real, fake, seed=7)" in to_html(in_memory)


def test_names_in_any_alphabet_make_no_noise(report: Report) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        text = to_html(replace(report, fakes=(replace(report.fakes[0], name="模型 🦆 \u202eevil \ud800"),)))
    assert "模型 🦆 evil" in text
    text.encode("utf-8")


def test_an_inlined_figure_keeps_its_text_and_prefixes_its_ids() -> None:
    svg = (
        '<?xml version="1.0"?><svg viewBox="0 0 10 20" xmlns="http://www.w3.org/2000/svg">'
        "<!-- a --><metadata>m</metadata>"
        '<defs><style type="text/css">*{}</style><path id="p1"/></defs><use xlink:href="#p1" x="1.23456" '
        'style="fill: #26282c"/><text style="font: 7px \'DejaVu Sans\'">id="p1" #26282c url(#p1)</text></svg>'
    )
    out = inlined(svg, prefix="k-")
    assert out.startswith('<svg viewBox="0 0 10 20"')
    assert '<use href="#k-p1" x="1.23" style="fill: var(--ink)"/>' in out
    assert '>id="p1" #26282c url(#p1)</text>' in out
    assert '<path id="k-p1"/>' in out
    grey = inlined(
        '<svg viewBox="0 0 9 9"><path style="fill: #8b9099"/><text style="fill: #8b9099">a</text></svg>', prefix="k-"
    )
    assert '<path style="fill: var(--faint)"/><text style="fill: var(--soft)">' in grey  # letters need more contrast
    assert not re.search("xmlns|metadata|<style|<!--|<[?]", out)


def test_a_page_is_written_whole_or_not_at_all(alone: Report, alone_text: str, tmp_path: Path) -> None:
    write_html(alone, tmp_path / "report.html")
    written = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert written == alone_text
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]
    bare = replace(alone, arrays={}, fakes=(replace(alone.fakes[0], results=(), diagnoses=()),))
    with pytest.raises(ConfigError, match="a folder that exists"):
        write_html(bare, tmp_path / "nowhere" / "report.html")
