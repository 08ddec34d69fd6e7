"""`gandiag plan` and `gandiag check --self-test` from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from gandiag.cli import program
from gandiag.errors import ConfigError

QUICK = ["--n", "60", "--require", "collisions.p >= alpha", "--require", "mode_coverage.missing == 0"]


def test_a_plan_is_a_table_and_in_json_the_same_numbers() -> None:
    run = CliRunner()
    table = run.invoke(
        program, ["plan", "toy:ring8", *QUICK, "--effect", "collisions.p = 0.001"], standalone_mode=False
    )
    assert table.exception is None
    assert "rows for the margin" in table.output
    assert "rows for the wish" in table.output
    plain = run.invoke(program, ["plan", "toy:ring8", *QUICK, "--json"], standalone_mode=False)
    found = json.loads(plain.output)
    assert found["n"] == 60
    assert f"{found['lines'][0]['needed']}" in table.output


def test_an_effect_that_is_no_number_is_refused() -> None:
    done = CliRunner().invoke(program, ["plan", "toy:ring8", "--effect", "mmd.p=much"])
    assert done.exit_code == 2
    assert "CONDITION=SIZE" in done.output
    wrong = CliRunner().invoke(program, ["plan", "toy:ring8", *QUICK, "--effect", "mmd.p=0.1"])
    assert isinstance(wrong.exception, ConfigError)


def test_a_self_test_prints_its_rates_and_needs_no_fake() -> None:
    done = CliRunner().invoke(
        program, ["check", "toy:ring8", "--self-test", "--runs", "3", *QUICK], standalone_mode=False
    )
    assert done.exception is None
    assert done.return_value == 0
    assert "alpha 0.01: 0 of 3 runs failed" in done.output


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["toy:ring8", "toy:ring8", "--self-test"], "FAKE has no meaning"),
        (["toy:ring8", "--self-test", "--alpha", "0.1"], "--alpha has no meaning"),
        (["toy:ring8", "--runs", "3"], "go with --self-test"),
    ],
)
def test_options_that_mean_nothing_together_are_refused(args: list[str], says: str) -> None:
    done = CliRunner().invoke(program, ["check", *args])
    assert done.exit_code == 2
    assert says in done.output


@pytest.mark.parametrize("args", [["plan"], ["check", "--self-test", "--runs", "2"]])
def test_a_policy_without_a_fake_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, args: list[str]) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gandiag.toml").write_text('[gate.mine]\nreal = "toy:ring8"\nrequire = ["collisions.p >= alpha"]\n')
    done = CliRunner().invoke(program, [*args, "--n", "60"], standalone_mode=False)
    assert done.exception is None
    assert "toy:ring8" in done.output
    (tmp_path / "gandiag.toml").write_text('[gate.mine]\nrequire = ["collisions.p >= alpha"]\n')
    lacking = CliRunner().invoke(program, [*args, "--n", "60"], standalone_mode=False)
    assert isinstance(lacking.exception, ConfigError)
    assert "a gate needs a real source" in str(lacking.exception)
