"""The forms of a verdict, with text that means harm: every form stays whole, and says what was decided."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from junit_schema import breaches

from gandiag.core.verdict import Judgement, Verdict
from gandiag.errors import ConfigError, NumericalError, ReportNotWritten, SamplerRaised, UnknownName
from gandiag.gate.formats import FORMATS, chosen, rendered, write
from gandiag.gate.formats.github import MOST_SUMMARY, add_summary, command, fitted
from gandiag.gate.formats.markdown import escaped

EVIL = 'a|b\n::error::x\r\x1b[31m<script>"&#35;</script> `#1` %0A ü\udcff' + "y" * 3000


def judgement(
    outcome: str = "pass", condition: str = "mmd.p >= alpha", says: str = "p = 0.4", **more: object
) -> Judgement:
    return Judgement(condition=condition, outcome=outcome, says=says, **more)  # type: ignore[arg-type]


def verdict(*judgements: Judgement, outcome: str = "fail", strict: bool = False, **more: object) -> Verdict:
    given = {"gate": "ring", "real": "real.npy", "fake": "fake.npy", "alpha": 0.001, "gandiag_version": "0.1.0"} | more
    return Verdict(outcome=outcome, judgements=judgements, strict=strict, **given)  # type: ignore[arg-type]


ALL = verdict(
    judgement("pass", by="power", p_value=0.4, adjusted=0.8),
    judgement("fail", "coverage >= 0.9", "coverage = 0.5", p_value=1e-9, adjusted=4e-9, observed=0.5),
    judgement("inconclusive", "jsd <= 0.1", "no bound"),
    judgement("error", "fid <= 3", "failed: it broke", code=4),
)
BROKEN = verdict(outcome="error", error=SamplerRaised("it must draw", received=EVIL, remedy="Mend it."))
HARM = verdict(judgement("fail", EVIL, EVIL), gate=EVIL, fake=EVIL, real=EVIL, warnings=(EVIL,))


@pytest.mark.parametrize("name", FORMATS.names())
@pytest.mark.parametrize("found", [ALL, HARM], ids=["all", "harm"])
def test_every_form_is_the_same_for_equal_verdicts_and_fit_for_a_file(name: str, found: Verdict) -> None:
    text = rendered([found], name)
    assert text == rendered([found], name)
    assert text.endswith("\n")
    text.encode("utf-8")
    assert "\x1b" not in text
    assert "\r" not in text


# JUnit: the structure of the schema of Jenkins' xUnit plug-in


@pytest.mark.parametrize("found", [ALL, BROKEN, HARM], ids=["all", "broken", "harm"])
def test_junit_follows_the_schema(found: Verdict) -> None:
    assert breaches(rendered([found, found], "junit")) == []


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda text: text.replace('failures="1"', 'failures="0"'), "failures is not 1"),
        (lambda text: text.replace("<testcase name", "<testcase nome"), "case without name"),
        (lambda text: text.replace("<failure", "<properties/><failure"), "properties in a case"),
        (lambda text: text.replace("testsuites", "suites"), "root suites"),
    ],
)
def test_the_check_of_the_schema_sees_a_broken_document(spoil: Callable[[str], str], says: str) -> None:
    assert any(says in breach for breach in breaches(spoil(rendered([ALL], "junit"))))


def test_junit_tells_failures_errors_and_open_conditions_apart() -> None:
    def kinds(found: Verdict) -> list[list[str]]:
        return [[child.tag for child in case] for case in ET.fromstring(rendered([found], "junit")).iter("testcase")]

    assert kinds(ALL) == [["system-out"], ["failure"], ["system-out"], ["error"]]
    strict = verdict(*ALL.judgements, strict=True)
    assert kinds(strict) == [["system-out"], ["failure"], ["failure"], ["error"]]
    assert kinds(BROKEN) == [["error"]]


# GitHub


def commands(text: str) -> list[str]:
    """Find what the runner would read as a command: a line whose first characters are two colons."""
    return [line.strip() for line in text.splitlines() if line.strip().startswith("::")]


def test_annotations_point_at_what_did_not_pass() -> None:
    found = commands(rendered([ALL], "github"))
    assert [line.split(" ")[0] for line in found] == ["::error", "::error", "::warning"]
    assert found[0].startswith("::error title=fail%3A coverage >= 0.9")
    assert [c.split(" ")[0] for c in commands(rendered([BROKEN], "github"))] == ["::error"]
    strict = verdict(judgement("inconclusive"), outcome="inconclusive", strict=True)
    assert commands(rendered([strict], "github"))[0].startswith("::error")


def test_text_of_others_makes_no_command_of_its_own() -> None:
    found = commands(rendered([HARM], "github"))
    assert len(found) == 1
    assert "\n" not in found[0]
    # The negative control: the same text as it is would have made one.
    assert commands(EVIL) == ["::error::x"]


def test_of_more_than_ten_annotations_the_last_says_how_many_there_are() -> None:
    many = verdict(*(judgement("fail", f"metric_{i} <= 1") for i in range(25)))
    found = commands(rendered([many], "github"))
    assert len(found) == 10
    assert "and 16 more" in found[-1]


def test_properties_escape_what_ends_them() -> None:
    assert command("error", "a%b\nc", title="x:y,z") == "::error title=x%3Ay%2Cz::a%25b%0Ac"
    assert len(command("error", "m" * 9000, title="t")) < 4096


def test_the_summary_is_added_to_and_never_grows_beyond_its_limit(tmp_path: Path) -> None:
    place = tmp_path / "summary.md"
    place.write_text("before\n")
    add_summary([ALL], {"GITHUB_STEP_SUMMARY": str(place)})
    text = place.read_text()
    assert text.startswith("before\n### fail")
    place.write_bytes(b"x" * (MOST_SUMMARY - 700))
    add_summary([HARM] * 20, {"GITHUB_STEP_SUMMARY": str(place)})
    assert place.stat().st_size <= MOST_SUMMARY
    assert place.read_text().endswith("a summary holds one MiB._\n")
    add_summary([ALL], {})  # nowhere to write: nothing happens
    assert fitted("ü\n" * 100, 0) == b""


@pytest.mark.parametrize(
    ("environment", "form"), [({}, "text"), ({"GITHUB_ACTIONS": "true"}, "github"), ({"GITLAB_CI": "true"}, "text")]
)
def test_auto_is_what_the_job_can_show(environment: dict[str, str], form: str) -> None:
    assert chosen("auto", environment) == form
    assert chosen("json", environment) == "json"
    with pytest.raises(UnknownName, match="junit"):
        chosen("junnit", environment)


# The others


def test_json_is_strict_and_says_everything_that_was_decided() -> None:
    found = json.loads(rendered([ALL, BROKEN], "json"))["verdicts"]
    assert [v["outcome"] for v in found] == ["fail", "error"]
    assert found[0]["judgements"][1]["observed"] == 0.5
    assert found[0]["exit_code"] == 1
    assert found[1]["error"].startswith("it must draw")
    with pytest.raises(NumericalError, match="must be finite"):
        rendered([verdict(judgement(p_value=float("nan")))], "json")


def test_markdown_keeps_the_text_of_others_within_its_cell() -> None:
    rows = [line for line in rendered([HARM], "markdown").splitlines() if line.startswith("| fail")]
    assert len(rows) == 1
    bare = rows[0].replace("\\|", "")
    assert bare.count("|") == 6
    assert "<script>" not in rows[0]
    assert escaped("`a` | *b* <i>") == "\\`a\\` \\| \\*b\\* &lt;i&gt;"


def test_gauges_are_read_back_as_gitlab_reads_them() -> None:
    text = rendered([ALL, HARM], "openmetrics")
    assert text.endswith("# EOF\n")
    seen = set()
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        # Its reader leaves out what follows a hash, and splits like a shell.
        assert "#" not in line
        name, value = line[: line.index("{")], line[line.rindex("}") + 1 :]
        labels = line[line.index("{") + 1 : line.rindex("}")]
        shlex.split(labels)
        float(value)
        assert (name, labels) not in seen
        seen.add((name, labels))
    assert 'gandiag_condition_observed{gate="ring",fake="fake.npy",condition="coverage >= 0.9"} 0.5' in text


def test_text_says_the_outcome_first_and_how_alpha_was_spent() -> None:
    lines = rendered([ALL], "text").splitlines()
    assert lines[0] == "FAIL  ring: fake.npy against real.npy"
    spent = next(line for line in lines if "alpha = " in line)
    assert "alpha = 0.001 over 4 conditions by Holm's rule" in spent
    assert "1e-09 <= 0.00025" in spent
    assert any("[passed by power]" in line for line in lines)


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "verdict.xml"
    write([ALL], place, "junit")
    before = place.read_text()

    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("gandiag.core.files.os.fsync", full)
    with pytest.raises(ReportNotWritten, match="No space left"):
        write([BROKEN], place, "junit")
    assert place.read_text() == before
    with pytest.raises(ConfigError, match="a folder that exists"):
        write([ALL], tmp_path / "absent" / "v.xml", "junit")
