"""``gandiag check`` as CI meets it: one exit code per kind of answer, the verdict on stdout."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gandiag.cli import main

TEST = "energy.p >= alpha"
TOML = '[gate.mine]\nreal = "real.npy"\nfake = "good.npy"\nrequire = ["energy.p >= alpha"]\n'


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    rng = np.random.default_rng(0)
    np.save(tmp_path / "real.npy", rng.normal(size=(200, 3)))
    np.save(tmp_path / "good.npy", rng.normal(size=(150, 3)))
    np.save(tmp_path / "fake.npy", rng.normal(size=(150, 3)) + 2.0)
    np.save(tmp_path / "nan.npy", np.full((50, 3), np.nan))
    (tmp_path / "mine.py").write_text("def slow(n):\n    raise MemoryError('4 TiB')\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr("sys.argv", ["gandiag", "check", *words])
    with pytest.raises(SystemExit, match=r"\d") as ended:
        main()
    return int(ended.value.code or 0)


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["real.npy", "good.npy", "--require", f"{TEST} at margin 3"], 0, "PASS  good.npy against real.npy"),
        (["real.npy", "good.npy", "--require", TEST], 0, "INCONCLUSIVE  good.npy"),
        (["real.npy", "good.npy", "--require", TEST, "--strict"], 1, "INCONCLUSIVE  good.npy"),
        (["real.npy", "fake.npy", "--require", TEST], 1, "FAIL  fake.npy"),
        (["real.npy", "fake.npy", "--require", "energy.q >= alpha"], 2, "alpha is the limit of p-values alone"),
        (
            ["real.npy"],
            2,
            "a gate needs real and fake, or a file that names what is not given; got no file, and no fake",
        ),
        (["real.npy", "fake.npy", "--alpha", "2"], 2, "`alpha` must be a finite number"),
        (["real.npy", "nan.npy", "--require", TEST], 3, "NaN"),
        (["real.npy", "absent.npy", "--require", TEST], 3, "absent.npy"),
        (["real.npy", "mine.py:slow", "--require", TEST], 5, "4 TiB"),
    ],
)
def test_every_answer_has_its_exit_code(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    code: int,
    says: str,
) -> None:
    assert run(monkeypatch, *words) == code
    told = capsys.readouterr()
    # A mistake of usage is told on stderr, a verdict on stdout.
    assert says in (told.err if code == 2 else told.out)


def test_the_nearest_policy_is_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "gandiag.toml").write_text(TOML)
    (folder / "deeper").mkdir()
    assert run(monkeypatch) == 0
    assert TEST in capsys.readouterr().out
    monkeypatch.chdir(folder / "deeper")
    assert run(monkeypatch, "--validate") == 0
    assert "gandiag.toml: gate mine: 1 conditions, alpha 0.001" in capsys.readouterr().out


def test_a_policy_with_a_mistake_is_refused_before_anything_is_drawn(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "gandiag.toml").write_text(TOML.replace("require", "requires"))
    assert run(monkeypatch, "--validate") == 2
    assert "Did you mean 'require'?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("toml", "says"),
    [
        (
            "[gate.mine.options.mmd]\njoind = true\n",
            "the metric mmd has no such option; got joind. Did you mean 'joined'?",
        ),
        ("[gate.mine.options.mmmd]\nk = 2\n", "Did you mean 'mmd'?"),
        (
            "[gate.mine.options.precision]\nk = 3\n",
            "options must be for metrics that a condition looks at; got precision",
        ),
        ('features = "standardize"\n', "Did you mean 'standardise'?"),
        ('baseline = "b.json"\n', "a baseline is named, and no condition looks at it"),
    ],
)
def test_validation_finds_what_no_run_could_carry_out(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], toml: str, says: str
) -> None:
    (folder / "gandiag.toml").write_text(f"{TOML.replace('energy', 'mmd')}{toml}")
    assert run(monkeypatch, "--validate") == 2
    assert says in capsys.readouterr().err


def test_validation_of_one_gate_by_name(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "gandiag.toml").write_text(TOML + TOML.replace("mine", "other").replace('"]', '", "mmd.p >= alpha"]'))
    assert run(monkeypatch, "--validate", "--gate", "other") == 0
    assert capsys.readouterr().out == "gandiag.toml: gate other: 2 conditions, alpha 0.001\n"
    assert run(monkeypatch, "--validate", "--gate", "othr") == 2
    assert "Did you mean 'other'?" in capsys.readouterr().err
    assert run(monkeypatch, "--validate", "--alpha", "0.1") == 2
    assert "--alpha has no meaning with --validate" in capsys.readouterr().err


def test_a_metric_that_breaks_is_4(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import gandiag.metrics.energy as module
    from gandiag.core.specs import METRICS

    def breaks(*args: object, **kwargs: object) -> None:
        raise FloatingPointError("overflow")

    object.__setattr__(METRICS.get("energy"), "measure", breaks)
    try:
        assert run(monkeypatch, "real.npy", "good.npy", "--require", TEST) == 4
    finally:
        object.__setattr__(METRICS.get("energy"), "measure", module.measure)
    assert "ERROR  good.npy" in capsys.readouterr().out


@pytest.mark.parametrize("form", ["json", "junit", "markdown", "openmetrics", "html"])
def test_a_full_disk_is_3_and_costs_neither_the_earlier_file_nor_the_verdict(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], form: str
) -> None:
    (folder / "before").write_text("an earlier verdict")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("gandiag.core.files.os.fsync", full)
    words = ("real.npy", "fake.npy", "--require", TEST, f"--{form}", "before")
    assert run(monkeypatch, *words) == 3
    told = capsys.readouterr()
    assert "FAIL  fake.npy" in told.out
    assert "before: No space left on device" in told.err
    assert (folder / "before").read_text() == "an earlier verdict"
    assert not list(folder.glob(".*tmp"))
