"""Policies: strict reading, and nothing that is silently not looked at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gandiag.errors import ConfigError, FileFormatError, UnknownName
from gandiag.gate.conditions import metrics_of
from gandiag.gate.policy import Policy, chosen_policy, find_file, policy_from, read_policies
from gandiag.gate.validation import require_sound

TEXT = """
[gate.ring]
real = "toy:ring8"
fake = "train.py:sampler"
alpha = 0.01
n = 2500
require = ["mode_coverage.missing == 0", "mmd.p >= alpha"]

[gate.ring.options.precision]
k = 3
"""


def test_a_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "gandiag.toml").write_text(TEXT)
    (policy,) = read_policies(tmp_path / "gandiag.toml").values()
    assert (policy.name, policy.real, policy.alpha, policy.n) == ("ring", "toy:ring8", 0.01, 2500)
    assert metrics_of(policy.require) == ("mode_coverage", "mmd")
    assert policy.options == {"precision": {"k": 3}}
    assert not policy.strict


@pytest.mark.parametrize("features", ["digits-cnn", "digits_cnn?device=cpu", "pca:5", "maps.py:embed"])
def test_features_are_named_in_a_file_as_on_the_command_line(features: str) -> None:
    policy = policy_from({"real": "toy:ring8", "fake": "toy:ring8", "features": features})
    require_sound(policy)
    with pytest.raises(ConfigError, match=r"no feature of that name; got digits\. Did you mean"):  # negative control
        require_sound(policy_from({"real": "toy:ring8", "fake": "toy:ring8", "features": "digits"}))


def test_pyproject_is_read_under_tool_and_the_nearest_file_upwards_counts(tmp_path: Path) -> None:
    (tmp_path / "gandiag.toml").write_text(TEXT)
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    (tmp_path / "a" / "pyproject.toml").write_text("[project]\nname = 'x'\n")  # none of ours in it
    assert find_file(inner) == tmp_path / "gandiag.toml"
    (tmp_path / "a" / "pyproject.toml").write_text(TEXT.replace("[gate.", "[tool.gandiag.gate."))
    found = find_file(inner)
    assert found == tmp_path / "a" / "pyproject.toml"
    assert list(read_policies(found)) == ["ring"]


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ({"requir": []}, r"has no such key; got requir\. Did you mean 'require'"),
        ({"alpha": 0}, "`alpha` must be a finite number, above 0 and below 0.5"),
        ({"alpha": 0.5}, "`alpha` must be"),
        ({"alpha": "small"}, "`alpha` must be"),
        ({"seed": "first"}, "`seed` must be a whole number"),
        ({"options": {"precission": {"k": 3}}}, "no metric of that name; got precission"),
        ({"options": {"precision": 3}}, "the policy: `options` must map names of metrics to their options"),
        ({"options": {"precision": {"kk": 3}}}, "the policy: the metric precision has no such option; got kk"),
        ({"options": {"precision": {"k": "three"}}}, "option `k` of the metric precision must be a whole number"),
        ({"n": 3}, "`n` must be a whole number, at least 20"),
        ({"seed": -1}, "`seed` must be"),
        ({"strict": "yes"}, "`strict` of the policy must be bool"),
        ({"real": 3}, "`real` of the policy must be str"),
        ({"require": "coverage >= 1"}, "must be a list of conditions"),
        ({"require": ["coverage >="]}, "must follow the grammar"),
        ({"require": ["mmd.p >= alpha", "mmd.p  >= alpha"]}, "must name each condition once"),
    ],
)
def test_a_wrong_policy_is_refused(table: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        policy_from(table)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "must hold at least one gate"),
        ("[gates.x]\n", "no such table; got gates"),
        ("[gate]\nreal = 'x'\n", "must hold at least one gate"),
        ("[gate.x]\nalhpa = 1\n", r"gate\.x in gandiag\.toml has no such key; got alhpa\. Did you mean 'alpha'"),
    ],
)
def test_a_wrong_file_is_refused(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "gandiag.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=says):
        read_policies(path)


def test_a_file_that_is_no_toml_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "gandiag.toml"
    path.write_text("[gate.x\n")
    with pytest.raises(FileFormatError, match=r"must be a TOML file; got TOMLDecodeError"):
        read_policies(path)


def test_one_of_several_gates_must_be_named() -> None:
    policies = {"a": Policy(name="a"), "b": Policy(name="b")}
    assert chosen_policy(policies, "b").name == "b"
    assert chosen_policy({"a": Policy(name="a")}, None).name == "a"
    with pytest.raises(ConfigError, match="needs to be told which; got a, b"):
        chosen_policy(policies, None)
    with pytest.raises(UnknownName, match="c"):
        chosen_policy(policies, "c")


def test_the_default_conditions_are_put_where_none_are_given() -> None:
    plain, trained = (Policy().completed(with_train=flag) for flag in (False, True))
    assert "mmd" in metrics_of(plain.require)
    assert set(metrics_of(trained.require)) - set(metrics_of(plain.require)) == {"data_copying"}
    own = policy_from({"require": ["recall >= 0.5"]})
    assert own.completed(with_train=True) == own


def test_numbers_written_as_text_are_numbers_afterwards() -> None:
    policy = policy_from({"alpha": "0.01", "seed": "3", "n": 100.0, "block": "7"})
    assert (policy.alpha, policy.seed, policy.n, policy.block) == (0.01, 3, 100, 7)
    assert all(isinstance(value, int) for value in (policy.seed, policy.n, policy.block))
