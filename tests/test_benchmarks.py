"""Every benchmark area runs, at sizes that measure nothing, and writes a table of one shape."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

HERE = Path(__file__).resolve().parents[1] / "benchmarks"
PEERS = {
    "frechet": ("torch_fidelity",),
    "neighbours": ("faiss", "prdc"),
    "kernels": ("torch_fidelity",),
    "transport": ("ot",),
    "growth": (),
}


@pytest.fixture(autouse=True)
def importable(torchvision_schemas: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.syspath_prepend(str(HERE))
    yield
    for name in ("_machine", "_timing", "run", "default_suite", *PEERS):
        sys.modules.pop(name, None)


def loaded(area: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    for peer in PEERS[area]:
        pytest.importorskip(peer, exc_type=Exception)  # type: ignore[arg-type]
    module = importlib.import_module(area)
    machine: Any = importlib.import_module("_machine")
    timing: Any = importlib.import_module("_timing")
    monkeypatch.setattr(machine, "others", lambda: 0.0)  # it waits for a second
    monkeypatch.setattr(timing.gc, "collect", lambda: 0)  # of memory, which is not looked at here
    return module


def tables(text: str) -> list[list[list[str]]]:
    """Cut Markdown tables into rows of cells."""
    found: list[list[list[str]]] = [[]]
    for line in text.splitlines():
        if line.startswith("|"):
            found[-1].append([cell.strip() for cell in line.strip("|").split("|")])
        elif found[-1]:
            found.append([])
    return [rows for rows in found if rows]


@pytest.mark.parametrize("area", PEERS)
def test_an_area_runs_and_writes_whole_tables(area: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module = loaded(area, monkeypatch)
    text = module.page("quick")
    written = tables(text)
    assert written
    for rows in written:
        assert len(rows) >= 5
        assert {len(row) for row in rows} == {len(rows[0])}
    assert "Ceilings measured in this run" in text
    assert "not so" not in text or area == "growth", text  # what is claimed of values holds at every size
    assert all(text.strip() for text in module.REASONS.values())


def test_the_one_command_knows_every_area() -> None:
    run: Any = importlib.import_module("run")
    assert set(run.AREAS) == set(PEERS)
    for area, title in run.AREAS.items():
        assert f'TITLE = "{title}"' in (HERE / f"{area}.py").read_text()


def test_it_writes_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run: Any = importlib.import_module("run")
    answers = {"kernels": ("| a |\n|---|", 0), "growth": ("This area failed: MemoryError", 1)}
    monkeypatch.setattr(run, "one", lambda area, size, threads: answers[area])
    page = tmp_path / "performance.md"
    assert run.main(["kernels", "growth", "--write", str(page)]) == 1
    text = page.read_text()
    assert "## Kernel tests and KID" in text
    assert "This area failed: MemoryError" in text
    assert "python benchmarks/run.py kernels growth" in text


def test_what_falls_short_is_named_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    t: Any = importlib.import_module("_timing")

    def timed(seconds: float) -> Any:
        return t.Timed(seconds=seconds, fastest=seconds, megabytes=50.0, value=0, runs=1)

    ours = {"ours": timed(2.0), "peer": timed(3.0), "peer_name": "a peer"}
    rows = [
        t.Row(job="sort, much", target=2.0, **ours),
        t.Row(job="sort, little", target=1.4, within=3.0, most=60.0, claims={"sorted": True}, **ours),
        t.Row(job="other", within=1.0, most=40.0, claims={"right": False}, **ours),
    ]
    text = t.shortfalls(rows, {"sort": "sorting takes long"})
    assert "- sort, much: 1.50× a peer, wanted 2×. Why: sorting takes long." in text
    assert "little" not in text
    for part in ("other: 2.00 s, wanted 1.00 s", "other: 50 MB, wanted 40 MB", "other: not so: right"):
        assert part in text
    assert t.shortfalls(rows[1:2], {}) == "Nothing falls short."


def test_an_area_that_fails_is_named_and_the_others_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run: Any = importlib.import_module("run")
    (tmp_path / "growth.py").write_text("import os, sys\nprint(sys.argv[1:], os.environ['OMP_NUM_THREADS'])\n")
    (tmp_path / "kernels.py").write_text("raise MemoryError\n")
    monkeypatch.setattr(run, "HERE", tmp_path)
    assert run.one("growth", ["--large"], 1) == ("['--large'] 1\n", 0)
    text, code = run.one("kernels", [])
    assert text == "This area failed, with exit code 1."
    assert code == 1


def test_the_default_suite_is_timed_and_answers(capsys: pytest.CaptureFixture[str]) -> None:
    suite: Any = importlib.import_module("default_suite")
    suite.main(["--rows", "60", "--columns", "4"])
    told = capsys.readouterr().out
    assert "answers on 60 real and 60 fake rows of 4 features, device cpu." in told
    assert int(re.findall(r"s for (\d+) answers", told)[0]) >= 18
