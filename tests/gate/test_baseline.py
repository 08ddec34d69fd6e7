"""The baseline: its files, what is refused, and candidates that became worse, better, or stayed as they were."""

from __future__ import annotations

import inspect
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import gandiag
from gandiag.cli.baseline_command import command
from gandiag.core.rng import stream
from gandiag.core.specs import METRICS
from gandiag.errors import ConfigError, FileFormatError, GandiagError, IntegrityError, ReportNotWritten
from gandiag.gate.baseline import digest, require_same
from gandiag.gate.baseline_files import read_baseline, write_baseline
from gandiag.preparation import prepare

N = 200
METRICS_KEPT = ["frechet", "recall"]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Keep a healthy sampler, and one that lost two modes of eight."""
    folder = tmp_path_factory.mktemp("baselines")
    for name, fake in (("healthy", "toy:ring8"), ("collapsed", "toy:ring8!drop_modes=2")):
        gandiag.update_baseline("toy:ring8", fake, out=folder / f"{name}.json", metrics=METRICS_KEPT, n=N)
    return folder


def judged(kept: Path, fake: Any, *, name: str = "healthy", require: tuple[str, ...] = (), **options: Any) -> Any:
    conditions = require or ("frechet not worse than baseline", "recall not worse than baseline by 10 %")
    return gandiag.check("toy:ring8", fake, n=N, baseline=kept / f"{name}.json", require=conditions, **options)


@pytest.mark.row(92)
def test_a_sampler_that_became_worse_fails(kept: Path) -> None:
    verdict = judged(kept, "toy:ring8!drop_modes=3")
    assert verdict.outcome == "fail"
    first, _ = verdict.judgements
    assert first.outcome == "fail"
    assert "worse by" in first.says
    assert "rows of one latent exchanged" in first.says
    assert verdict.report.fakes[0].name == "toy:ring8!drop_modes=3"


@pytest.mark.row(92)
def test_a_sampler_that_became_better_passes(kept: Path) -> None:
    verdict = judged(kept, "toy:ring8", name="collapsed")
    assert verdict.outcome == "pass", verdict
    assert {j.by for j in verdict.judgements} == {"bound"}
    assert "better, or no worse at all" in verdict.judgements[0].says


def test_the_same_sampler_passes_without_scatter(kept: Path) -> None:
    verdict = judged(kept, "toy:ring8")
    assert verdict.outcome == "pass"
    assert all("no change from" in j.says and j.p_value == 1.0 for j in verdict.judgements)


def test_rows_of_a_finite_source_are_dealt_out_again(kept: Path) -> None:
    rows = gandiag.open_sampler("toy:ring8").sample(N, rng=np.random.default_rng(9)).matrix()
    (judgement,) = judged(kept, rows, require=("frechet not worse than baseline by 0.001",)).judgements
    assert judgement.outcome == "inconclusive"  # as good a sampler, whose numbers scatter by more than that
    assert "they share no latents" in judgement.says
    assert "it may be worse by" in judgement.says
    assert judgement.needed > N
    (short,) = judged(kept, rows[:150], require=("frechet not worse than baseline",)).judgements
    assert "the first 150 of each" in short.says


def test_a_stated_margin_forgives_what_lies_within_it(kept: Path) -> None:
    (judgement,) = judged(kept, "toy:ring8!drop_modes=2", require=("frechet not worse than baseline by 5",)).judgements
    assert judgement.outcome == "pass"
    assert judgement.p_value == 1.0


def test_a_condition_on_no_baseline_and_a_baseline_without_condition_are_refused(kept: Path) -> None:
    with pytest.raises(ConfigError, match=r"needs a baseline; got recall not worse than baseline\. Make one with"):
        gandiag.check("toy:ring8", "toy:ring8", n=N, require=["recall not worse than baseline"])
    with pytest.raises(ConfigError, match="no condition looks at it"):
        judged(kept, "toy:ring8", require=("mmd.p >= alpha",))


def test_another_run_is_refused_with_all_that_differs(kept: Path) -> None:
    verdict = judged(kept, "toy:ring8", seed=4)
    assert (verdict.outcome, verdict.exit_code) == ("error", 3)
    assert isinstance(verdict.error, IntegrityError)
    for field in ("real_sha256", "fit_sha256", "features", "seed: 0 there, 4 here"):
        assert field in str(verdict.error)
    assert "real_rows" not in str(verdict.error)


def test_options_and_missing_fields_differ_too() -> None:
    require_same({"n": 3, "options": {"recall": {"k": 3}}}, {"n": 3, "options": {"recall": {"k": 3}}}, name="b.json")
    with pytest.raises(IntegrityError, match="n: 3 there, 4 here; train_rows: none there, 5 here"):
        require_same({"n": 3}, {"n": 4, "train_rows": 5}, name="b.json")


def test_the_hash_of_rows_forgives_the_last_bit_and_nothing_more() -> None:
    law = gandiag.open_sampler("toy:ring8").sample(50, rng=np.random.default_rng(0))
    values = np.asarray(law.values)
    assert digest(replace(law, values=np.nextafter(values, 9.0))) == digest(law)
    assert digest(replace(law, values=values + 1e-4)) != digest(law)
    assert digest(replace(law, labels=None)) != digest(law)


def test_a_baseline_comes_back_as_it_was_and_rows_without_loss(kept: Path, tmp_path: Path) -> None:
    first = read_baseline(kept / "healthy.json")
    assert list(first.metrics) == METRICS_KEPT
    assert first.metrics["recall"]["floor"]["mean"] > 0.5
    assert first.rows.shape == (N, 2)
    write_baseline(first, tmp_path / "again.json")
    again = read_baseline(tmp_path / "again.json")
    assert np.array_equal(again.rows, first.rows)
    assert again.labels is not None
    assert np.array_equal(again.labels, first.labels)
    whole = replace(first, rows=np.rint(first.rows))
    write_baseline(whole, tmp_path / "whole.json")
    assert np.array_equal(read_baseline(tmp_path / "whole.json").rows, whole.rows)
    saved = N * 2 * 4
    sizes = [(tmp_path / f"{name}.safetensors").stat().st_size for name in ("again", "whole")]
    assert sizes[0] - sizes[1] == saved  # exact in single precision, so kept in it


def test_a_failing_write_leaves_the_earlier_baseline(kept: Path, tmp_path: Path, monkeypatch: Any) -> None:
    first = read_baseline(kept / "healthy.json")
    write_baseline(first, tmp_path / "base.json")
    calls: list[int] = []

    def full(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) == 2:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ReportNotWritten, match="No space left"):
        write_baseline(replace(first, rows=first.rows + 1.0), tmp_path / "base.json")
    monkeypatch.undo()
    assert np.array_equal(read_baseline(tmp_path / "base.json").rows, first.rows)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["base.json", "base.safetensors"]


def changed_document(document: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {key: value for key, value in (document | changes).items() if value != "absent"}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"schema_version": 2}, "must have schema version 1; got 2"),
        ({"schema_version": True}, "must have schema version 1"),
        ({"fake": 3}, "`fake` must be"),
        ({"endless": "absent"}, "lack or are too many: endless"),
        ({"more": 1}, "lack or are too many: more"),
        ({"metrics": {"recall": {"estimate": "x"}}}, "must have an estimate"),
        ({"rows": {"file": "../x.safetensors", "sha256": ""}}, "not a plain file name"),
        ({"rows": {"file": "healthy.safetensors", "sha256": "0"}}, "another SHA-256"),
        ({"rows": 3}, "without file and sha256"),
    ],
)
def test_a_wrong_file_is_refused(kept: Path, tmp_path: Path, changes: dict[str, Any], says: str) -> None:
    document = json.loads((kept / "healthy.json").read_text())
    (tmp_path / "healthy.safetensors").write_bytes((kept / "healthy.safetensors").read_bytes())
    (tmp_path / "base.json").write_text(json.dumps(changed_document(document, **changes)))
    with pytest.raises(IntegrityError, match=says):
        read_baseline(tmp_path / "base.json")


def test_files_that_are_no_baseline_are_refused(kept: Path, tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match="must be a file that can be read"):
        read_baseline(tmp_path / "none.json")
    (tmp_path / "base.json").write_text("{")
    with pytest.raises(IntegrityError, match="must be JSON"):
        read_baseline(tmp_path / "base.json")
    (tmp_path / "base.json").write_bytes((kept / "healthy.json").read_bytes())
    with pytest.raises(FileFormatError, match="with its rows beside it"):
        read_baseline(tmp_path / "base.json")
    first = read_baseline(kept / "healthy.json")
    (tmp_path / "mine.safetensors").write_bytes(b"data of somebody else")
    for place, says in (
        ("mine.json", "another file of that name"),
        ("x.safetensors", "not be called"),
        ("a/b", "folder"),
    ):
        with pytest.raises(ConfigError, match=says):
            write_baseline(first, tmp_path / place)


@pytest.mark.parametrize("name", [spec.name for spec in METRICS if spec.number is not None and not spec.needs])
@pytest.mark.parametrize("source", ["toy:ring8", "toy:mixture?dim=6&k=3"])
def test_a_number_alone_is_the_estimate(name: str, source: str) -> None:
    real, spec = gandiag.open_sampler(source), METRICS.get(name)
    fake = gandiag.open_sampler(f"{source}!scale=1.2")
    comparison = prepare(real, [("", fake)], train=None, features=None, n=80, seed=1).comparison(0, seed=1)
    assert spec.number is not None
    alone = spec.number(comparison, rng=stream(1, "metric", name))
    measured = spec.measure(comparison, rng=stream(1, "metric", name))
    assert alone == pytest.approx(measured.estimate, rel=1e-9, abs=1e-12)


def test_a_number_alone_takes_the_options_of_its_metric() -> None:
    specs = [spec for spec in METRICS if spec.number is not None]
    assert len(specs) >= 8
    for spec in specs:
        assert spec.number is not None
        assert list(inspect.signature(spec.number).parameters) == list(inspect.signature(spec.measure).parameters)


def test_a_policy_names_its_baseline(kept: Path, tmp_path: Path, monkeypatch: Any) -> None:
    """As in a repository: one file says what is compared, and the commands need no arguments."""
    monkeypatch.chdir(tmp_path)
    lines = ["[gate.ring]", 'real = "toy:ring8"', 'fake = "toy:ring8"', "n = 60", 'baseline = "base.json"']
    (tmp_path / "gandiag.toml").write_text("\n".join([*lines, 'require = ["frechet not worse than baseline"]']))
    assert CliRunner().invoke(command, ["update"]).exit_code == 0
    assert gandiag.check().outcome == "pass"
    assert [c.word for c in gandiag.diff_baseline("base.json")] == ["same"]


def test_a_diff_tells_what_changed(kept: Path) -> None:
    before, after = kept / "healthy.json", kept / "collapsed.json"
    told = gandiag.diff_baseline(before, after)
    assert [(c.metric, c.word, c.p_value) for c in told] == [("frechet", "worse", None), ("recall", "worse", None)]
    files = gandiag.diff_baseline(before, after, real="toy:ring8")
    assert [c.change for c in files] == pytest.approx([c.change for c in told])
    assert all(c.p_value is not None and c.p_value < 0.01 for c in files)
    now = gandiag.diff_baseline(before, real="toy:ring8", fake="toy:ring8")
    assert [(c.word, c.p_value) for c in now] == [("same", 1.0)] * 2
    back = gandiag.diff_baseline(after, before)
    assert {c.word for c in back} == {"better"}


def test_the_commands_write_and_print(tmp_path: Path) -> None:
    runner, file = CliRunner(), str(tmp_path / "base.json")
    made = runner.invoke(
        command, ["update", "toy:ring8", "toy:ring8", "--n", "60", "--metrics", "frechet", "--out", file]
    )
    assert made.exit_code == 0, made.output
    assert "1 metrics, 60 rows" in made.output
    shown = runner.invoke(command, ["diff", file, "--real", "toy:ring8", "--fake", "toy:ring8!shift=0.5"])
    assert shown.exit_code == 0, shown.output
    header, line = shown.output.splitlines()
    assert header.split() == ["metric", "baseline", "now", "change", "p"]
    assert line.split()[4] == "worse"
    files = runner.invoke(command, ["diff", file, file])
    assert "p-values need the real rows" in files.output
    lacking = runner.invoke(command, ["update", "toy:ring8", "toy:ring8"])
    assert isinstance(lacking.exception, GandiagError)
    assert "a baseline needs a place" in str(lacking.exception)


def test_two_baselines_need_the_real_rows_alone(kept: Path, tmp_path: Path) -> None:
    files = kept / "healthy.json", kept / "collapsed.json"
    (tmp_path / "gandiag.toml").write_text('[gate.mine]\nreal = "toy:ring8"\n')
    found = gandiag.diff_baseline(*files, config=tmp_path / "gandiag.toml")
    assert [change.word for change in found] == ["worse", "worse"]
    assert all(change.p_value is not None for change in found)
    with pytest.raises(ConfigError, match="two baselines are compared by the rows that they keep"):
        gandiag.diff_baseline(*files, real="toy:ring8", fake="toy:ring8")
