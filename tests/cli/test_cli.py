"""The command line as a stranger meets it: exit codes, stdout for results, stderr for the rest."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

QUICK = ["--metrics", "energy,moment_difference", "--permutations", "99"]


def gandiag(*args: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gandiag", *args], capture_output=True, text=True, cwd=cwd, check=False
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    np.save(tmp_path / "real.npy", rng.normal(size=(200, 3)))
    np.save(tmp_path / "fake.npy", rng.normal(size=(150, 3)) + 1.0)
    np.save(tmp_path / "nan.npy", np.full((50, 3), np.nan))
    np.save(tmp_path / "wide.npy", rng.normal(size=(150, 4)))
    (tmp_path / "mine.py").write_text(
        "import numpy as np\n\ndef sampler(n, rng):\n    return rng.normal(size=(n, 3))\n\n"
        "def broken(n, rng):\n    raise RuntimeError('out of luck')\n"
    )
    return tmp_path


def test_score_prints_the_finding_on_stdout_and_nothing_else_there(folder: Path) -> None:
    done = gandiag("score", "real.npy", "fake.npy", *QUICK, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "shifted" in done.stdout
    assert "energy" in done.stdout
    assert "wrote" not in done.stdout


def test_score_writes_json_and_html_where_asked(folder: Path) -> None:
    done = gandiag("score", "real.npy", "mine.py:sampler", *QUICK, "--json", "r.json", "--html", "r.html", cwd=folder)
    assert done.returncode == 0, done.stderr
    report = json.loads((folder / "r.json").read_text())
    assert report["schema_version"] == 1
    assert report["fakes"][0]["diagnoses"][0]["code"] == "ok"
    assert (folder / "r.html").read_text().startswith("<!doctype html>")
    assert "wrote r.json" in done.stderr


@pytest.mark.parametrize(
    ("args", "code", "says"),
    [
        (["score", "real.npy", "nan.npy"], 3, "rows with NaN or infinity"),
        (["score", "real.npy", "wide.npy"], 3, "samples of the shape"),
        (["score", "real.npy", "absent.npy"], 3, "absent.npy"),
        (["score", "real.npy", "mine.py:broken"], 3, "out of luck"),
        (["score", "real.npy", "mine.py:smapler"], 2, "Did you mean 'sampler'"),
        (["score", "real.npy", "fake.npy", "--metrics", "enrgy"], 2, "Did you mean 'energy'"),
        (["score", "real.npy", "toy:ring9"], 2, "Did you mean 'ring8'"),
        (["score", "real.npy"], 2, "FAKE"),
        (["scroe"], 2, "Did you mean 'score'"),
        (["list", "metric"], 2, "metrics"),
    ],
)
def test_bad_input_gets_its_exit_code_and_a_remedy(folder: Path, args: list[str], code: int, says: str) -> None:
    done = gandiag(*args, cwd=folder)
    assert done.returncode == code, done.stderr
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_list_names_every_metric() -> None:
    from gandiag.core.specs import METRICS

    done = gandiag("list", "metrics")
    assert [line.split()[0] for line in done.stdout.splitlines()] == list(METRICS.names())
    assert gandiag("list", "metrics", "--names").stdout.split() == list(METRICS.names())


def test_doctor_says_what_works() -> None:
    done = gandiag("doctor")
    assert done.returncode == 0, done.stdout
    assert "works   numpy" in done.stdout
    assert "accelerator" in done.stdout
