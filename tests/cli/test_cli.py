"""The command line as a stranger meets it: exit codes, stdout for results, stderr for the rest.

Most calls run in this process, through the same `main`; what a process of its own can show has one.
"""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
import time
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest

from gandiag.cli import main

QUICK = ["--metrics", "energy,moment_difference", "--permutations", "199"]


Done = subprocess.CompletedProcess[str]


def process(*args: str, cwd: Path) -> Done:
    """Run the command line as a user does."""
    return subprocess.run(
        [sys.executable, "-m", "gandiag", *args], capture_output=True, text=True, cwd=cwd, check=False
    )


def gandiag(*args: str, cwd: Path) -> Done:
    """Run the command line here: a process takes seconds to import what it needs."""
    out, err = io.StringIO(), io.StringIO()
    argv, code = patch.object(sys, "argv", ["gandiag", *args]), -1
    with chdir(cwd), argv, redirect_stdout(out), redirect_stderr(err):
        try:
            main()
        except SystemExit as end:
            code = int(end.code or 0)
    return subprocess.CompletedProcess(args, code, out.getvalue(), err.getvalue())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    np.save(tmp_path / "real.npy", rng.normal(size=(200, 3)))
    np.save(tmp_path / "fake.npy", rng.normal(size=(150, 3)) + 1.0)
    np.save(tmp_path / "nan.npy", np.full((50, 3), np.nan))
    np.save(tmp_path / "wide.npy", rng.normal(size=(150, 4)))
    np.savez(tmp_path / "two.npz", a=rng.normal(size=(150, 3)), b=rng.normal(size=(150, 3)))
    (tmp_path / "mine.py").write_text(
        "import numpy as np\n\ndef sampler(n, rng):\n    return rng.normal(size=(n, 3))\n\n"
        "def broken(n, rng):\n    raise RuntimeError('out of luck')\n"
    )
    return tmp_path


def test_score_prints_the_finding_on_stdout_and_nothing_else_there(folder: Path) -> None:
    done = gandiag("score", "real.npy", "fake.npy", *QUICK, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "displaced" in done.stdout
    assert "Energy" in done.stdout
    assert "wrote" not in done.stdout


def test_score_writes_json_and_html_where_asked(folder: Path) -> None:
    done = process("score", "real.npy", "mine.py:sampler", *QUICK, "--json", "r.json", "--html", "r.html", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "Energy" in done.stdout
    report = json.loads((folder / "r.json").read_text())
    assert report["schema_version"] == 1
    assert report["fakes"][0]["diagnoses"][0]["code"] == "ok"
    assert (folder / "r.html").read_text().lower().startswith("<!doctype html>")
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
        (["score", "real.npy", "toy:ring9"], 2, "Did you mean 'toy:ring8'"),
        (["score", "real.npy"], 2, "FAKE"),
        (["score", "real.npy", "two.npz"], 2, "stands behind the source: SOURCE?key=NAME"),
        (["scroe"], 2, "Did you mean 'score'"),
        (["list", "metric"], 2, "metrics"),
    ],
)
def test_bad_input_gets_its_exit_code_and_a_remedy(folder: Path, args: list[str], code: int, says: str) -> None:
    require_refused(gandiag(*args, cwd=folder), code, says)


def test_an_address_that_is_written_so_is_taken(folder: Path) -> None:
    """Negative control of the hint above: what it says to write is what helps, and other remedies have no such hint."""
    assert gandiag("score", "real.npy", "two.npz?key=a", *QUICK, cwd=folder).returncode == 0
    assert "SOURCE?" not in gandiag("score", "real.npy", "wide.npy", cwd=folder).stderr


def require_refused(done: Done, code: int, says: str) -> None:
    assert done.returncode == code, done.stderr
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_process_of_its_own_says_and_returns_the_same(folder: Path) -> None:
    require_refused(process("score", "real.npy", "nan.npy", cwd=folder), 3, "rows with NaN or infinity")
    require_refused(process("scroe", cwd=folder), 2, "Did you mean 'score'")


def test_list_names_every_metric(tmp_path: Path) -> None:
    from gandiag.core.specs import METRICS

    done = gandiag("list", "metrics", cwd=tmp_path)
    heads = [line.split()[0] for line in done.stdout.splitlines() if not line.startswith(" ")]
    assert heads == list(METRICS.names())
    for spec in METRICS:
        assert f"sees {spec.sees}" in done.stdout
        assert f"cannot see {spec.blind_to}" in done.stdout
    assert gandiag("list", "metrics", "--names", cwd=tmp_path).stdout.split() == list(METRICS.names())


def test_doctor_says_what_works(tmp_path: Path) -> None:
    done = gandiag("doctor", cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    assert "works   numpy" in done.stdout
    assert "accelerator" in done.stdout


@pytest.mark.parametrize("content", [b"", b"hello", b"\x93NUMPY\x01\x00garbage"])
def test_labels_that_are_no_npy_file_are_a_data_error(folder: Path, content: bytes) -> None:
    (folder / "labels.npy").write_bytes(content)
    done = gandiag("score", "real.npy", "fake.npy", *QUICK, "--labels", "labels.npy", cwd=folder)
    assert done.returncode == 3, done.stderr
    assert "labels.npy must be a .npy array" in done.stderr
    assert "Traceback" not in done.stderr


def test_what_a_sampler_prints_is_no_result_and_what_it_raises_steers_no_terminal(folder: Path) -> None:
    (folder / "loud.py").write_text(
        "def sampler(n, rng):\n    print('LOUD')\n    return rng.normal(size=(n, 3))\n\n"
        "def red(n, rng):\n    raise ValueError('\\x1b[31mred\\r\\u202e')\n"
    )
    done = gandiag("score", "real.npy", "loud.py:sampler", *QUICK, cwd=folder)
    assert "LOUD" not in done.stdout
    assert "LOUD" in done.stderr
    done = gandiag("score", "real.npy", "loud.py:red", *QUICK, cwd=folder)
    assert done.returncode == 3
    assert "(loud.py, line 6)" in done.stderr
    assert not set(done.stderr) & set("\x1b\r\u202e")


def test_absolute_paths_stay_out_of_reports(folder: Path) -> None:
    real, fake = folder / "real.npy", folder / "fake.npy"
    args = [str(real), str(fake), f"{folder}/mine.py:sampler", "--train", str(fake)]
    done = gandiag("score", *args, *QUICK, "--json", "r.json", "--html", "r.html", cwd=folder)
    assert done.returncode == 0, done.stderr
    for text in (done.stdout, (folder / "r.json").read_text(), (folder / "r.html").read_text()):
        assert str(folder) not in text


@pytest.mark.parametrize(
    "args", [["--json", "real.npy"], ["--json", "x", "--html", "./x"], ["--html", "fake.npy"], ["--metrics", ","]]
)
def test_nothing_that_is_read_is_written_over(folder: Path, args: list[str]) -> None:
    before = {name: (folder / name).read_bytes() for name in ("real.npy", "fake.npy")}
    done = gandiag("score", "real.npy", "fake.npy", *QUICK, *args, cwd=folder)
    assert done.returncode == 2, done.stderr
    assert before == {name: (folder / name).read_bytes() for name in before}


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_and_a_closed_pipe_cost_neither_the_report_nor_a_traceback(folder: Path) -> None:
    command = f"{sys.executable} -m gandiag score real.npy fake.npy {' '.join(QUICK)} --json r.json"
    for target, code in (("> /dev/full", 3), ("| true; exit ${PIPESTATUS[0]}", 141)):
        done = subprocess.run(
            ["bash", "-c", f"{command} {target}"], capture_output=True, text=True, cwd=folder, check=False
        )
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
        assert "Exception ignored" not in done.stderr
        (folder / "r.json").unlink()


def test_an_interrupt_ends_at_once() -> None:
    process = subprocess.Popen(
        # Everything at 5000 rows takes minutes: no machine is done when the signal comes.
        [sys.executable, "-m", "gandiag", "score", "toy:grid25", "toy:grid25", "--n", "5000", "--metrics", "all"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell starts jobs in the background with interrupts ignored, which children inherit.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    time.sleep(6.0)
    process.send_signal(signal.SIGINT)
    began = time.monotonic()
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert time.monotonic() - began < 2.0
    assert out == ""
    assert "Traceback" not in err


def test_an_error_that_nobody_foresaw_is_4_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from gandiag import cli

    for error, code in ((RuntimeError("odd"), 4), (MemoryError("40 GiB"), 5)):

        def program(*, standalone_mode: bool, error: Exception = error) -> None:
            raise error

        monkeypatch.setattr(cli, "program", program)
        with pytest.raises(SystemExit, match=str(code)) as end:
            cli.main()
        assert end.value.code == code
        assert str(error) in capsys.readouterr().err
