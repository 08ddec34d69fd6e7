"""The lab's page: loads nothing, runs only its own script, escapes what others wrote, and holds the numbers as text."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from gandiag.cli.lab_command import command
from gandiag.core.wording import short
from gandiag.errors import ConfigError
from gandiag.lab import Trace, read_trace, to_page
from gandiag.lab.packing import packed
from gandiag.lab.page import MOST_BYTES

HOSTILE = "</script><script>alert(1)</script>\"'><img src=x onerror=alert(2)> \u202e{{ 7 * 7 }} &lt;" + "n" * 300


def trace_of(frames: int = 5, *, name: str = "run", output: str = "logit", seed: int = 0, judged: bool = True) -> Trace:
    """Make a trace of the right shapes, without any network."""
    rng = np.random.default_rng(seed)
    f, g = frames, 40
    arrays: dict[str, Any] = {
        "samples": rng.normal(size=(f, 400, 2)),
        "q": rng.dirichlet(np.ones(g * g), size=f).reshape(f, g, g),
        "p": rng.dirichlet(np.ones(g * g)).reshape(g, g),
        "real": rng.normal(size=(400, 2)),
        "manifold": rng.normal(size=(f, 21, 21, 2)),
        "density": rng.normal(size=(f, 21, 21)),
    }
    if judged:
        arrays |= {
            "disc": 3 * rng.normal(size=(f, g, g)),
            "points": arrays["samples"][:, :100],
            "slopes": rng.normal(size=(f, 100, 2)),
            "at_points": rng.normal(size=(f, 100)),
            "d_real": rng.normal(size=(f, 400)),
            "d_fake": rng.normal(size=(f, 400)),
        }
        arrays |= {
            "disc_before": arrays["disc"] - 0.01 * rng.normal(size=(f, g, g)),
            "points_before": arrays["points"] - 0.001 * rng.normal(size=(f, 100, 2)),
            "slopes_before": rng.normal(size=(f, 100, 2)),
            "at_before": rng.normal(size=(f, 100)),
        }
    arrays = {k: v.astype(np.float32) for k, v in arrays.items()}
    if judged:
        arrays["within"] = np.minimum(np.arange(f), 1)  # nothing was seen before the first
    scalars = ["loss/D", "loss/G", "js", "kl", "kl_reverse", "examples_per_second"]
    arrays |= {"steps": np.arange(f) * 10, "seconds": np.arange(f) * 1.5, "scalars": rng.random((f, len(scalars)))}
    arrays["scalars"][0, -1] = np.nan  # the first frame has no pace
    facts = {
        "name": name,
        "data": name,
        "loss": {"logit": "saturating", "critic": "wasserstein"}[output],
        "output": output,
        "pack": 1,
        "latent": 2,
        "prior": "normal",
        "exact": True,
        "q_from": "flow",
        "view": [-3.0, -3.0, 6.0],
        "scalars": scalars,
        "floors": {"js": [0.002, 0.003], "kl": [0.01, 0.02], "kl_reverse": [0.01, 0.02]},
        "every": 10,
        "modes": 8,
        "rows": 20_000,
        "broken": [],
    }
    return Trace(facts=facts, arrays=arrays)


def policy(page: str) -> dict[str, str]:
    found = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    assert found is not None
    rules = html.unescape(found[1]).split(";")
    return {rule.split()[0]: " ".join(rule.split()[1:]) for rule in rules}


def test_only_our_own_style_and_script_are_allowed() -> None:
    page = to_page([trace_of()])
    rules = policy(page)
    assert rules["default-src"] == "'none'"
    for tag, rule in (("script", "script-src"), ("style", "style-src")):
        (text,) = re.findall(rf"<{tag}>(.*?)</{tag}>", page, flags=re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert rules[rule] == f"'sha256-{digest}'"
    assert len(re.findall(r"<script", page)) == 2  # ours, and the data, which do not run
    assert not re.search(r"\sstyle=|\son[a-z]+=", page)


def test_the_page_names_no_other_place() -> None:
    page = to_page([trace_of(name="a"), trace_of(name="b", seed=1)])
    assert "http" not in page.replace("http-equiv", "")
    assert not re.search(r"\b(src|href)=|url\(|@import|import\(|fetch\(|XMLHttp|WebSocket|eval\(|innerHTML", page)


def test_two_longest_runs_stay_below_three_megabytes() -> None:
    page = to_page([trace_of(100, name="a"), trace_of(100, name="b", seed=1)])
    assert len(page.encode()) < MOST_BYTES
    assert "one frame in" not in page


def test_more_frames_than_fit_are_thinned_and_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    from gandiag.lab import page

    whole = to_page([trace_of(40)])
    monkeypatch.setattr(page, "MOST_BYTES", len(whole) - 150_000)
    text = to_page([trace_of(40)])
    assert len(text) < len(whole) - 150_000
    assert "one frame in 2" in text


@pytest.mark.parametrize("where", ["name", "data", "scalars"])
def test_hostile_names_come_out_harmless(where: str) -> None:
    trace = trace_of()
    facts = dict(trace.facts)
    facts[where] = ["loss/D", "loss/G", "js", "kl", "kl_reverse", f"loss/{HOSTILE}"] if where == "scalars" else HOSTILE
    page = to_page([Trace(facts=facts, arrays=trace.arrays)])
    assert len(re.findall(r"<script", page)) == 2
    assert "<img" not in page
    assert "\u202e" not in page
    assert ">49" not in page.replace("49.", "")
    shown = json.loads(re.search(r'id="data">(.*?)</script>', page, flags=re.DOTALL)[1])  # type: ignore[index]
    assert shown[0]["steps"] == [0, 10, 20, 30, 40]


def test_the_table_holds_every_number_as_text() -> None:
    trace = trace_of()
    page = to_page([trace])
    body = re.search(r"<tbody>(.*?)</tbody>", page, flags=re.DOTALL)
    assert body is not None
    rows = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in body[1].split("</tr>")[:-1]]
    assert [row[0] for row in rows] == ["0", "10", "20", "30", "40"]
    assert rows[0][-1] == "–"
    assert rows[3][4] == short(float(trace.series("js")[3]))
    assert "<details open>" in page  # readable without script


def test_the_same_trace_gives_the_same_page() -> None:
    assert to_page([trace_of()]) == to_page([trace_of()])


def test_packed_numbers_can_be_read_back() -> None:
    trace = trace_of()
    run = packed(trace)
    words = np.frombuffer(base64.b64decode(run["samples"]), dtype="<u2").reshape(5, 400, 2)
    x, y, side = run["box"]
    assert np.abs(np.array([x, y]) + words * (side / 65535) - trace.arrays["samples"]).max() < side / 65535
    levels = np.frombuffer(base64.b64decode(run["disc"]), dtype=np.uint8).reshape(5, 40, 40) / 254
    assert np.abs(levels - 1 / (1 + np.exp(-trace.arrays["disc"]))).max() < 0.003
    angle = np.frombuffer(base64.b64decode(run["pull"]["angle"]), dtype=np.uint8) / 256 * 2 * math.pi
    length = 10 ** (np.frombuffer(base64.b64decode(run["pull"]["length"]), dtype=np.uint8) / 255 * 10 - 6)
    slopes = np.column_stack([length * np.cos(angle), length * np.sin(angle)]).reshape(5, 100, 2)
    assert np.abs(slopes - trace.arrays["slopes"]).max() < 0.3
    assert np.median(np.abs(slopes - trace.arrays["slopes"])) < 0.02
    assert sum(run["histograms"][0][0]) == 400


def test_what_one_step_changed_can_be_read_back() -> None:
    trace = trace_of()
    within, side = packed(trace)["within"], trace.facts["view"][2]
    assert within["seen"] == [0, 1, 1, 1, 1]
    levels = np.frombuffer(base64.b64decode(within["moved"]["levels"]), dtype=np.uint8).reshape(5, 100, 2)
    moved = (levels - 127.0) / 127 * np.reshape(within["moved"]["most"], (5, 1, 1)) * side
    expected = trace.arrays["points"] - trace.arrays["points_before"]
    assert np.abs(moved - expected).max() < 0.005 * np.abs(expected).max()
    levels = np.frombuffer(base64.b64decode(within["change"]["levels"]), dtype=np.uint8).reshape(5, 40, 40)
    changed = (levels - 127.0) / 127 * np.reshape(within["change"]["most"], (5, 1, 1))
    now, then = (1 / (1 + np.exp(-trace.arrays[key].astype(float))) for key in ("disc", "disc_before"))
    assert np.abs(changed - (now - then)).max() < 0.005 * np.abs(now - then).max()


def test_d_star_of_packs_is_that_of_packs() -> None:
    trace = trace_of()
    packs = Trace(facts={**trace.facts, "pack": 2}, arrays=trace.arrays)
    one, two = (np.frombuffer(base64.b64decode(packed(t)["best"]), dtype=np.uint8) for t in (trace, packs))
    known = one < 255
    share = one[known] / 254
    assert np.abs(two[known] / 254 - share**2 / (share**2 + (1 - share) ** 2)).max() < 0.007
    assert "of packs of k = 2 copies" in to_page([packs])


def test_a_trace_without_looks_within_steps_is_still_a_page() -> None:
    trace = trace_of()
    arrays = {k: v for k, v in trace.arrays.items() if k != "within" and not k.endswith("_before")}
    page = to_page([Trace(facts=trace.facts, arrays=arrays)])
    assert "data-within" not in re.sub("<script>.*?</script>", "", page, flags=re.DOTALL)


def test_a_critic_is_drawn_about_the_middle_of_its_means() -> None:
    run = packed(trace_of(output="critic"))
    real, fake = (np.array(counts[0]) for counts in run["histograms"])
    assert real.sum() == fake.sum() == 400


def test_the_command_writes_a_page_of_one_run_or_two(tmp_path: Path) -> None:
    for name in ("a", "b"):
        trace_of(name=name).write(tmp_path / name)
    out = tmp_path / "two.html"
    done = CliRunner().invoke(command, [str(tmp_path / "a"), str(tmp_path / "b"), "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert "<title>a and b – gandiag lab</title>" in out.read_text()
    again = CliRunner().invoke(command, [*[str(tmp_path / "a")] * 3, "--out", str(out)])
    assert again.exit_code == 2
    assert "one run, or two" in again.output
    over = CliRunner().invoke(command, [str(tmp_path / "a"), "--out", str(tmp_path / "a" / "lab.safetensors")])
    assert over.exit_code == 2
    assert len(read_trace(tmp_path / "a")) == 5


def test_no_run_or_three_are_refused() -> None:
    for runs in ([], [trace_of()] * 3):
        with pytest.raises(ConfigError, match="one run, or two"):
            to_page(runs)
