"""Runs: what is refused, what is kept when things go wrong, and the command line."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

import gandiag
from gandiag.cli import program
from gandiag.core.files import replace_file
from gandiag.errors import ConfigError, FileFormatError, NumericalError, SamplerExhausted, UnknownName
from reference_models.cli import main
from reference_models.core.checkpoint import read_checkpoint, read_facts
from reference_models.core.data import Batches, Data
from reference_models.core.loop import Run, fit
from reference_models.core.rng import Keys
from reference_models.core.running import begin, resume, train
from reference_models.core.trained import load


class Command:
    """The command line, called within this process."""

    def __init__(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self._capsys, self._monkeypatch = capsys, monkeypatch

    def __call__(self, *words: str) -> tuple[int, str, str]:
        self._monkeypatch.setattr(sys, "argv", ["reference_models", *words])
        code = 0
        try:
            main()
        except SystemExit as stop:
            code = int(stop.code or 0)
        said = self._capsys.readouterr()
        return code, said.out, said.err


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    return Command(capsys, monkeypatch)


def test_a_run_refuses_to_go_on_with_other_settings_and_lists_them_all(tmp_path: Path) -> None:
    train("gan", "smoke", steps=2, out=tmp_path, device="cpu")
    with pytest.raises(ConfigError, match=r"batch: 32 then, 16 now; model\.k: 1 then, 2 now"):
        begin("gan", "smoke", out=tmp_path, device="cpu", batch=16, k=2)
    with pytest.raises(ConfigError, match="seed: 0 then, 1 now"):
        begin("gan", "smoke", out=tmp_path, device="cpu", seed=1)
    with pytest.raises(ConfigError, match="data:"):
        begin("gan", "smoke", out=tmp_path, device="cpu", data=["toy:grid25"])
    begin("gan", "smoke", out=tmp_path, device="cpu", steps=99)  # more steps are no other run


def test_user_data_are_asked_for_again_and_recognised(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).normal(size=(200, 3))
    np.save(tmp_path / "x.npy", rows)
    np.save(tmp_path / "y.npy", rows + 1)
    run = train("gan", "smoke", steps=2, data=[str(tmp_path / "x.npy")], out=tmp_path / "run", device="cpu")
    assert run.model.units.shape == (3,)
    assert resume(tmp_path / "run", steps=4, device="cpu").step == 4
    with pytest.raises(ConfigError, match="data:"):
        resume(tmp_path / "run", steps=6, data=[str(tmp_path / "y.npy")], device="cpu")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"batch": 10_000, "data": ["data:digits"], "scale": "symmetric"}, "must not hold more rows than the data"),
        ({"data": []}, "is trained on 1 source"),
        ({"no_such": 3}, "is not a setting of GANConfig"),
        ({"k": "two"}, "must have their types"),
        ({"loss": "minmax"}, "must have their types"),
        ({"device": "tpu"}, "must be auto, or one that is there"),
        ({"average": 1.0}, r"must lie in \[0, 1\)"),
        ({"scale": "symmetric"}, "range of toy:ring8 must be declared"),
    ],
)
def test_wrong_settings_are_refused(options: dict[str, object], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        train("gan", "smoke", **{"device": "cpu", **options})  # type: ignore[arg-type]


def test_unknown_names_are_told_with_the_nearest() -> None:
    with pytest.raises(UnknownName, match="gan"):
        begin("gann")
    with pytest.raises(UnknownName, match="smoke"):
        begin("gan", "smok")


def test_a_loss_that_is_not_finite_ends_the_run_and_keeps_the_last_checkpoint(tmp_path: Path) -> None:
    run = train("gan", "smoke", steps=4, out=tmp_path, device="cpu")
    before = (tmp_path / "checkpoint.safetensors").read_bytes()
    with torch.no_grad():
        next(run.model.networks["G"].parameters()).fill_(float("nan"))
    with pytest.raises(NumericalError, match=r"a loss must stay finite; got .* = nan at step"):
        fit(run, 20)
    assert (tmp_path / "checkpoint.safetensors").read_bytes() == before


def test_a_write_that_fails_keeps_the_earlier_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "checkpoint.safetensors"
    replace_file(path, b"earlier")

    def full(self: Path, target: Path) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="disk full"):
        replace_file(path, b"later")
    assert path.read_bytes() == b"earlier"
    assert [p.name for p in tmp_path.iterdir()] == ["checkpoint.safetensors"]


def test_what_is_no_checkpoint_is_refused(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    run = train("gan", "smoke", steps=2, out=tmp_path / "run", device="cpu")
    assert run.checkpoint is not None
    whole = run.checkpoint.read_bytes()
    (tmp_path / "cut.safetensors").write_bytes(whole[: len(whole) // 2])
    save_file({"x": np.ones((4, 2))}, tmp_path / "arrays.safetensors")
    for name in ("cut.safetensors", "arrays.safetensors", "absent.safetensors"):
        with pytest.raises(FileFormatError, match="must be a whole checkpoint"):
            load(tmp_path / name)
        assert read_facts(tmp_path / name) is None
    # Arrays still open as arrays.
    assert gandiag.open_sampler(str(tmp_path / "arrays.safetensors")).size == 4


def test_a_checkpoint_holds_no_code_and_says_where_it_comes_from(tmp_path: Path) -> None:
    train("gan", "smoke", steps=2, out=tmp_path, device="cpu", average=0.9)
    saved = read_checkpoint(tmp_path / "checkpoint.safetensors")
    assert saved.facts["step"] == 2
    assert saved.facts["data"]["sources"] == ["toy:ring8"]
    assert {"torch", "gandiag"} <= saved.facts["versions"].keys()
    assert {key.split("/")[0] for key in saved.tensors} == {"net", "ema", "opt"}
    assert json.loads((tmp_path / "checkpoint.json").read_text())["step"] == 2
    assert [row["step"] for row in map(json.loads, (tmp_path / "history.jsonl").read_text().splitlines())] == [2]


def test_an_interrupt_ends_after_the_step_in_hand_and_the_run_goes_on_bit_for_bit(tmp_path: Path) -> None:
    class Interrupt:
        def on_step(self, run: Run, scalars: object) -> None:
            if run.step == 3:
                signal.raise_signal(signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt, match=r"^$"):
        train("gan", "smoke", steps=8, log_every=1, out=tmp_path / "a", device="cpu", callbacks=[Interrupt()])
    assert signal.getsignal(signal.SIGINT) is before
    assert read_checkpoint(tmp_path / "a" / "checkpoint.safetensors").facts["step"] == 3
    resume(tmp_path / "a", steps=8, device="cpu")
    train("gan", "smoke", steps=8, log_every=1, out=tmp_path / "b", device="cpu")
    one, other = (read_checkpoint(tmp_path / x / "checkpoint.safetensors").tensors for x in "ab")
    assert all(torch.equal(one[key], other[key]) for key in other)


def test_an_epoch_shows_every_row_once() -> None:
    data = Data(["data:digits?split=train"], "unit")
    per_epoch = 899 // 64
    seen = torch.cat([Batches(data, Keys(1, step), 64, 1)().flatten(1) for step in range(per_epoch)])
    assert len(torch.unique(seen, dim=0)) == len(torch.unique(data.domains[0].values.flatten(1), dim=0)) - (
        899 - per_epoch * 64
    )
    with pytest.raises(ConfigError, match="as many batches as it declares"):
        (batch := Batches(data, Keys(1), 64, 1))(), batch()


def test_no_row_of_training_data_is_thinned_away(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).normal(size=(3000, 2))
    rows = np.array([noise[max(0, i - 5) : i + 1].sum(axis=0) for i in range(3000)])  # each depends on those before
    np.save(tmp_path / "x.npy", rows)
    assert len(Data([str(tmp_path / "x.npy")]).domains[0].values) == 3000
    with pytest.raises(SamplerExhausted, match="is independent of the others"):  # as samples under test they would be
        gandiag.open_sampler(rows).sample(3000, rng=np.random.default_rng(0))


def test_units_go_to_the_model_and_back() -> None:
    for scale, low, high in (("symmetric", -1, 1), ("unit", 0, 1)):
        domain = Data(["data:stacked_digits"], scale).domains[0]
        drawn = domain.sampler.sample(50, rng=np.random.default_rng(0))
        x = domain.units.to_model(np.asarray(drawn.values))
        assert x.shape == (50, 3, 8, 8)
        assert (x.min(), x.max()) == (low, high)
        np.testing.assert_allclose(domain.units.to_data(x), drawn.values, atol=1e-5)


def test_moving_averages_follow_their_formula(tmp_path: Path) -> None:
    run = begin("gan", "smoke", device="cpu", average=0.5)
    assert run.average is not None
    mean = {k: v.clone() for k, v in run.average.state["G"].items()}
    for step in range(1, 6):
        fit(run, step)
        decay = min(0.5, (1 + step) / (10 + step))
        for key, value in run.model.networks["G"].state_dict().items():
            mean[key] = decay * mean[key] + (1 - decay) * value
    for key, value in mean.items():
        torch.testing.assert_close(run.average.state["G"][key], value)


def test_the_command_line_trains_goes_on_samples_and_lists(command: Command, tmp_path: Path) -> None:
    run = str(tmp_path / "run")
    smoke = ("train", "gan", "--preset", "smoke", "--out", run, "--device", "cpu")
    code, out, err = command(*smoke, "--steps", "6", "--set", "k=2")
    assert (code, "6 steps" in out) == (0, True), err
    code, out, err = command("resume", run, "--steps", "9", "--device", "cpu")
    assert (code, "9 steps" in out) == (0, True), err
    code, _, err = command("sample", run, "-n", "7", "--out", str(tmp_path / "x.npy"))
    assert code == 0, err
    assert np.load(tmp_path / "x.npy", allow_pickle=False).shape == (7, 2)
    assert "gan" in command("list", "--names")[1].split()
    assert "min_G max_D" in command("list")[1]
    code, _, err = command(*smoke, "--set", "k=1")
    assert (code, "model.k: 2 then, 1 now" in err) == (2, True)
    assert command("train", "no_such", "--out", run)[0] == 2
    assert command("sample", str(tmp_path / "x.npy"), "--out", run + ".npy")[0] == 3


def test_the_module_runs_as_a_command() -> None:
    done = subprocess.run([sys.executable, "-m", "reference_models", "--help"], capture_output=True, text=True)
    assert done.returncode == 0
    assert "train" in done.stdout


def test_gandiag_scores_a_checkpoint_by_its_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train("gan", "smoke", out=tmp_path, device="cpu")
    checkpoint = str(tmp_path / "checkpoint.safetensors")
    words = ["score", "toy:ring8", checkpoint, "--n", "200", "--metrics", "energy", "--json", "report.json"]
    monkeypatch.chdir(tmp_path)
    assert CliRunner().invoke(program, words, standalone_mode=False).return_value == 0
    (result,) = json.loads((tmp_path / "report.json").read_text())["fakes"][0]["results"]
    assert result["p_value"]["value"] < 0.05  # twenty steps make no ring
