"""A sampler that gives other rows under the same seed is told of; one that does not costs a second draw and no word."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gandiag
from gandiag.core.rng import stream
from gandiag.sources import open_sampler

FORGETFUL = """
import numpy as np
elsewhere = np.random.default_rng()
def draw(n, rng):
    rows = rng.normal(size=(n, 2))
    rows[: n // 4] = elsewhere.normal(size=(n // 4, 2))
    return rows
def faithful(n, rng):
    return rng.normal(size=(n, 2))
"""


def drawn(source: Any, **opening: Any) -> tuple[str, ...]:
    return open_sampler(source, **opening).sample(400, rng=stream(0, "x")).notes


def forgetful(n: int, rng: np.random.Generator) -> np.ndarray:
    rows = rng.normal(size=(n, 2))
    rows[: n // 4] = np.random.default_rng().normal(size=(n // 4, 2))
    return rows


def test_rows_that_do_not_come_again_are_counted() -> None:
    assert not drawn(forgetful)
    (note,) = drawn(forgetful, draw_twice=True)
    assert note.startswith("not reproducible: of 400 rows that were drawn twice under one seed 100 differ")


@pytest.mark.parametrize("source", [lambda n, rng: rng.normal(size=(n, 2)), "toy:ring8", np.arange(1000.0)[:, None]])
def test_a_sampler_that_keeps_to_its_seed_is_drawn_without_a_word(source: Any) -> None:
    twice = open_sampler(source, draw_twice=True)
    once = open_sampler(source)
    assert (twice.name, twice.size) == (once.name, once.size)
    rows, same = (s.sample(300, rng=stream(1, "x")) for s in (twice, once))
    np.testing.assert_array_equal(rows.values, same.values)
    assert rows.notes == same.notes


def test_the_verdict_and_the_report_are_marked_and_stand(tmp_path: Path) -> None:
    verdict = gandiag.check(
        lambda n, rng: rng.normal(size=(n, 2)), forgetful, n=300, require=["energy.p >= alpha at margin 1"],
        draw_twice=True,
    )  # fmt: skip
    assert verdict.outcome == "pass"
    assert any("not reproducible" in warning for warning in verdict.warnings)
    code, out = tmp_path / "own.py", tmp_path / "report.json"
    code.write_text(FORGETFUL)
    asked = ["--n", "200", "--metrics", "energy", "--draw-twice", "--timeout", "60", "--json", str(out)]
    done = subprocess.run(
        [sys.executable, "-m", "gandiag", "score", f"{code}:faithful", f"{code}:draw", f"{code}:faithful", *asked],
        check=False,
    )
    assert done.returncode == 0
    notes = ["; ".join(fake["notes"]) for fake in json.loads(out.read_text())["fakes"]]
    assert "not reproducible: of 200 rows" in notes[0]
    assert "not reproducible" not in notes[1]


def test_one_source_of_several_is_drawn_twice_by_its_address(tmp_path: Path) -> None:
    code = tmp_path / "own.py"
    code.write_text(FORGETFUL)
    assert "not reproducible" in drawn(f"{code}:draw?draw_twice=yes")[0]
    assert not drawn(f"{code}:draw?draw_twice=no")
    with pytest.raises(gandiag.GandiagError, match="must be yes or no"):
        drawn(f"{code}:draw?draw_twice=perhaps")


def test_batches_that_go_on_where_the_first_draw_ended_do_not_come_again() -> None:
    batches = iter([np.zeros((50, 2)) + k for k in range(20)])
    assert "400 differ" in drawn(batches, draw_twice=True)[-1]


def test_a_reference_has_nothing_to_draw(tmp_path: Path) -> None:
    path = tmp_path / "real.npz"
    gandiag.save_features(np.random.default_rng(0).normal(size=(60, 2)), path, features="identity")
    for opening, address in (({"draw_twice": True}, str(path)), ({}, f"{path}?draw_twice=yes")):
        with pytest.raises(gandiag.GandiagError, match="`draw_twice` has no meaning for a reference"):
            open_sampler(address, **opening)
