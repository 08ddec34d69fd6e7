"""The page of a verdict: the conditions first, then what they rest on; nothing of others gets out of its place."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from synthetic import make_report

from gandiag.core.verdict import Judgement, Verdict
from gandiag.errors import ConfigError, SamplerTimeout
from gandiag.report.html import verdict_to_html, write_verdict

GOOD = Judgement(condition="coverage >= 0.9", outcome="pass", says="coverage = 0.97", by="bound", p_value=1.0)
BAD = Judgement(condition="mmd.p >= alpha", outcome="fail", says="p = 1e-05", p_value=1e-5, adjusted=2e-5)
OPEN = Judgement(condition="kid <= 0.1", outcome="inconclusive", says="too few rows", p_value=0.3, adjusted=0.3)
EVIL = "</p><script>alert(1)</script>"


def verdict(*judgements: Judgement, outcome: Any = "fail", **more: Any) -> Verdict:
    told = {"gate": "ring", "real": "toy:ring8", "fake": "mine.py:draw", "alpha": 0.001, "gandiag_version": "9.9"}
    return Verdict(outcome=outcome, judgements=judgements, **(told | more))


def test_the_verdict_comes_first_and_failures_first_among_its_conditions() -> None:
    page = verdict_to_html(verdict(GOOD, OPEN, BAD, report=make_report()))
    assert "There is evidence against 1 of 3 conditions: mmd.p &gt;= alpha." in page
    places = [page.index(f"<code>{text}") for text in ("mmd.p", "kid", "coverage")]
    assert places == sorted(places)
    assert "alpha = 0.001 over 3 conditions by Holm" in page
    assert "by a bound" in page
    assert page.index('id="gate"') < page.index('id="sampler-0"')


@pytest.mark.parametrize(
    ("outcome", "strict", "says"),
    [
        ("pass", False, "Every condition holds, with evidence for each."),
        ("inconclusive", True, "Inconclusive, which counts as failed: strict"),
        ("error", False, "The gate could not judge the condition: kid"),
    ],
)
def test_every_outcome_has_its_words(outcome: Any, strict: bool, says: str) -> None:
    judgement = Judgement(condition="kid", outcome=outcome, says="")
    page = verdict_to_html(verdict(judgement, outcome=outcome, strict=strict))
    assert says in page
    assert page.count("counts as failed") == strict


def test_an_error_is_told_on_a_page_of_its_own() -> None:
    error = SamplerTimeout(f"it must deliver {EVIL}", received="nothing", remedy="Wait.")
    page = verdict_to_html(verdict(outcome="error", error=error))
    assert "No verdict" in page
    assert "it must deliver &lt;/p&gt;&lt;script&gt;" in page
    assert "<script" not in page
    assert 'id="about"' not in page


def test_text_of_others_stays_text() -> None:
    judgement = Judgement(condition=EVIL, outcome="fail", says=EVIL)
    page = verdict_to_html(verdict(judgement, gate=EVIL, real=EVIL, fake=EVIL, ended=EVIL, warnings=(EVIL,)))
    assert page.count("&lt;script&gt;alert(1)") >= 7
    assert "<script" not in page


def test_what_was_bet_is_listed_with_the_richest_first() -> None:
    told = {
        "log_earned": {"poor": -1.0, "rich": math.log(5e4)},
        "weights": {"poor": 0.75, "rich": 0.25},
        "log_e_by_block": [[50 * i, 0.1 * i] for i in range(1, 101)],
    }
    page = verdict_to_html(verdict(BAD, ended="Drawing stopped.", provenance={"sequential": told}))
    assert page.index("rich</th>") < page.index("poor</th>")
    assert "5e+04 to 1" in page
    assert page.count(" to 1</td></tr>") <= 2 + 12  # of a hundred blocks a few, with the last
    assert "5,000</td>" in page


def test_a_page_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_verdict(verdict(BAD), tmp_path / "v.html")
    assert "mmd.p" in (tmp_path / "v.html").read_text()
    with pytest.raises(ConfigError, match="a verdict must be written to a file in a folder that exists"):
        write_verdict(verdict(BAD), tmp_path / "absent" / "v.html")
