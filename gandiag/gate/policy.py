"""The policy of a gate: what is compared, which conditions hold, and how many false alarms are allowed.

Read from ``gandiag.toml``, or from ``[tool.gandiag]`` of a ``pyproject.toml``. Unknown keys are errors, with the
nearest known one: a misspelt condition must not be a condition that is never looked at. ::

    [tool.gandiag.gate.ring]
    real = "toy:ring8"
    fake = "train.py:sampler"
    alpha = 0.001
    require = ["mode_coverage.missing == 0", "mmd.p >= alpha", "no diagnosis above minor"]

    [tool.gandiag.gate.ring.options.precision]
    k = 3
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from gandiag.core.checks import unknown_name
from gandiag.core.names import nearest
from gandiag.core.options import number, whole
from gandiag.core.specs import METRICS
from gandiag.errors import ConfigError, FileFormatError, placed
from gandiag.gate.conditions import Condition, parse_condition
from gandiag.settings import require_options
from gandiag.sources import parse_address

ALPHA = 0.001
FILES = ("gandiag.toml", "pyproject.toml")
# The panel of the default gate: tests of the whole law, of rows where no real ones are, of modes, of repeated rows.
DEFAULT_REQUIRE = (
    "mmd.p >= alpha",
    "c2st.p >= alpha",
    "sliced_wasserstein.p >= alpha",
    "off_support.p >= alpha",
    "mode_coverage.missing == 0",
    "mode_coverage.p >= alpha",
    "mode_spread.p >= alpha",
    "collisions.p >= alpha",
    "near_duplicates.p >= alpha",
    "overlap.p >= alpha",
)
# A further one where the training rows are given.
WITH_TRAIN = ("data_copying.p >= alpha",)
# Where real data repeat by nature this one counts exact repeats alone, as `collisions` does: no reason to stop.
DEFAULT_ACCEPT = ("near_duplicates",)


@dataclass(frozen=True, kw_only=True)
class Policy:
    """One gate.

    Parameters
    ----------
    name : str
    real, fake, train : str, optional
        Addresses; given in Python or on the command line otherwise.
    alpha : float
        Chance that a run of the gate fails a sampler with nothing wrong, over all its conditions together.
    n : int, optional
        Rows per side.
    seed : int
    features : str, optional
    require : tuple of Condition
    strict : bool
        Whether an inconclusive run exits with 1.
    accept_degraded : tuple of str
        Metrics whose degraded results may be judged: such a result is never a pass otherwise.
    sequential : bool
        Whether the sampler is drawn in blocks, and the drawing stops once laws are seen to differ.
    block : int, optional
        Rows per block then.
    options : mapping
        Options per metric.
    baseline : str, optional
        The file that conditions on the baseline are held against.
    """

    name: str = ""
    real: str | None = None
    fake: str | None = None
    train: str | None = None
    alpha: float = ALPHA
    n: int | None = None
    seed: int = 0
    features: str | None = None
    require: tuple[Condition, ...] = ()
    strict: bool = False
    accept_degraded: tuple[str, ...] = ()
    sequential: bool = False
    block: int | None = None
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    baseline: str | None = None

    def __post_init__(self) -> None:
        # The numbers themselves are kept: text, as in alpha = "0.01", would pass here and break where it is used.
        read: dict[str, float | int] = {"alpha": number(self.alpha, "alpha", above=0, below=0.5)}
        for name, least in (("seed", 0), ("n", 20), ("block", 1)):
            value = getattr(self, name)
            if value is not None or name == "seed":
                read[name] = whole(value, name, at_least=least)
        for name, value in read.items():
            object.__setattr__(self, name, value)

    def completed(self, *, with_train: bool) -> Policy:
        """Put the default conditions where none are given."""
        if self.require:
            return self
        lines = (*DEFAULT_REQUIRE, *(WITH_TRAIN if with_train else ()))
        accepted = tuple(dict.fromkeys((*self.accept_degraded, *DEFAULT_ACCEPT)))
        return replace(self, require=tuple(parse_condition(line) for line in lines), accept_degraded=accepted)


def policy_from(table: Mapping[str, Any], *, name: str = "", where: str = "the policy") -> Policy:
    """Build a policy from plain values.

    Raises
    ------
    ConfigError
        For an unknown key, a wrong type, or a condition outside the grammar; the message says where.
    """
    known = [f.name for f in fields(Policy) if f.name != "name"]
    for key in table:
        if key not in known:
            raise ConfigError(
                f"{where} has no such key", received=key, remedy=nearest(key, known, f"There are: {', '.join(known)}.")
            )
    values = dict(table)
    kinds = {key: str for key in ("real", "fake", "train", "features", "baseline")}
    for key, kind in (kinds | {"strict": bool, "sequential": bool, "options": dict}).items():
        if key in values and not isinstance(values[key], kind):
            raise ConfigError(
                f"`{key}` of {where} must be {kind.__name__}", received=repr(values[key]), remedy="Mend the value."
            )
    for side in ("real", "fake", "train"):
        if side in values and values[side].strip() and parse_address(values[side]).asks_for_trust:
            raise ConfigError(
                f"`{side}` of {where} must not name a program or a file to be trusted: files that were sent run none",
                received=values[side],
                remedy="Where you trust it, name it on the command line or in the call.",
            )
    lines = values.pop("require", [])
    conditions = conditions_from(lines, where=where)
    accepted = values.pop("accept_degraded", [])
    if isinstance(accepted, str) or not isinstance(accepted, list | tuple):
        raise ConfigError(
            f"`accept_degraded` of {where} must be a list of metrics",
            received=repr(accepted),
            remedy='Write accept_degraded = ["mmd"].',
        )
    accept = tuple(METRICS.get(metric).name for metric in accepted)
    with placed(where):
        require_options(values.get("options", {}))
    return Policy(name=name, require=conditions, accept_degraded=accept, **values)


def conditions_from(lines: object, *, where: str) -> tuple[Condition, ...]:
    """Read a list of conditions, each once."""
    if isinstance(lines, str) or not isinstance(lines, list | tuple):
        raise ConfigError(
            f"`require` of {where} must be a list of conditions",
            received=repr(lines),
            remedy='Write require = ["coverage >= 0.9"].',
        )
    conditions = tuple(parse_condition(line) for line in lines)
    texts = [condition.text for condition in conditions]
    if len(set(texts)) < len(texts):
        raise ConfigError(
            f"{where} must name each condition once",
            received=next(text for text in texts if texts.count(text) > 1),
            remedy="Leave the second out; it would take its share of alpha twice.",
        )
    return conditions


def find_file(start: Path) -> Path | None:
    """Find the nearest file with a policy, upwards from a folder: gandiag.toml, or a pyproject.toml that has one."""
    for folder in (start, *start.parents):
        for file in FILES:
            path = folder / file
            if path.is_file() and _root(path) is not None:
                return path
    return None


def read_policies(path: Path) -> dict[str, Policy]:
    """Read all gates of a file, by name.

    Raises
    ------
    FileFormatError
        When the file is no TOML.
    ConfigError
        When it holds no gate, or a wrong one.
    """
    root = _root(path)
    gates = {} if root is None else dict(root)
    for key in gates:
        if key != "gate":
            raise ConfigError(
                f"{path.name} has no such table", received=key, remedy=nearest(key, ["gate"], "There is: gate.")
            )
    tables = gates.get("gate")
    if not isinstance(tables, Mapping) or not tables or not all(isinstance(t, Mapping) for t in tables.values()):
        raise ConfigError(
            f"{path.name} must hold at least one gate",
            received="none",
            remedy='Write [gate.mine] in gandiag.toml, or [tool.gandiag.gate.mine] in pyproject.toml, with "require".',
        )
    return {name: policy_from(table, name=name, where=f"gate.{name} in {path.name}") for name, table in tables.items()}


def chosen_policy(policies: Mapping[str, Policy], name: str | None) -> Policy:
    """Choose a gate by name; the only one where none is named."""
    if name is None and len(policies) == 1:
        return next(iter(policies.values()))
    if name is None:
        raise ConfigError(
            "a file with several gates needs to be told which",
            received=", ".join(policies),
            remedy="Name one with --gate.",
        )
    if name not in policies:
        raise unknown_name(name, list(policies), what="gate", listing=f"There are: {', '.join(policies)}.")
    return policies[name]


def policy_for(
    config: str | Path | None,
    gate: str | None,
    *,
    sources: Mapping[str, object],
    require: list[str] | None,
    changes: Mapping[str, Any],
    needed: Sequence[str] = ("real", "fake"),
) -> Policy:
    """Find the policy of a run: from a file, or the default; then what the caller says instead.

    Parameters
    ----------
    config : path, optional
        Without it and without sources, the nearest file upwards from the working folder.
    gate : str, optional
    sources : mapping
        What the caller gives for "real", "fake" and "train"; None where nothing.
    require : list of str, optional
    changes : mapping
        Fields of the policy that the caller sets.
    needed : sequence of str
        The sides without which there is nothing to do.

    Raises
    ------
    ConfigError
        When there is no such file or gate, or a source is given by nobody.
    """
    given = all(sources[side] is not None for side in needed)
    path = Path(config) if config is not None else None if given and gate is None else find_file(Path.cwd())
    if path is None and not given:
        raise ConfigError(
            f"a gate needs {' and '.join(needed)}, or a file that names what is not given",
            received="no file, and no " + " or ".join(side for side in needed if sources[side] is None),
            remedy="Give it, or write [gate.mine] into gandiag.toml; see `gandiag check --help`.",
        )
    policy = Policy() if path is None else chosen_policy(read_policies(path), gate)
    policy = replace(policy, **changes)
    if require is not None:
        policy = replace(policy, require=conditions_from(require, where="the call"))
    for side in needed:
        if sources[side] is None and getattr(policy, side) is None:
            raise ConfigError(
                f"a gate needs a {side} source",
                received="none",
                remedy=f'Give one, or write {side} = "..." in the file.',
            )
    return policy


def _root(path: Path) -> Mapping[str, Any] | None:
    """Read the part of a file that is ours; None where a pyproject.toml has none."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise FileFormatError(
            f"{path.name} must be a TOML file", received=f"{type(error).__name__}: {error}", remedy="Mend that line."
        ) from error
    if path.name != "pyproject.toml":
        return content
    tool = content.get("tool", {}).get("gandiag")
    return tool if isinstance(tool, Mapping) else None
