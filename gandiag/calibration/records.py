"""Records of calibrations: one JSON file that many runs add to, each in its turn.

A record names the versions it was made with and a digest of the metric's code, so that a reader can tell what it is
worth today.
"""

from __future__ import annotations

import ast
import contextlib
import hashlib
import inspect
import io
import json
import os
import tokenize
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from gandiag.calibration.null_simulation import DELTA
from gandiag.core.files import replace_file
from gandiag.core.specs import METRICS, MetricSpec
from gandiag.errors import ConfigError, FileFormatError

SCHEMA_VERSION = 1


@dataclass(kw_only=True)
class Record:
    """What was found of one metric under one law.

    Attributes
    ----------
    metric, law : str
    n, m, fit, permutations, seed, repetitions : int
        Under what conditions.
    rates, limits : dict
        Level -> how often p was at most that, and how often it may be.
    kept : bool
        Whether no level was exceeded, and no p-value fell below its floor.
    uniformity, control : dict
        Fields of `Uniformity` and of `Control`.
    first : dict or None
        A first simulation with a rate above its limit; the record is then that of its repetition, four times as long.
    power : dict or None
        Fault -> power at its three severities, at level 0.05; in the record of one law only.
    power_repetitions : int
    falls : dict
        Fault -> by how many standard errors power falls along its dial.
    versions : dict
    digest : str
        Of the source of the metric's module.
    """

    metric: str
    law: str
    n: int
    m: int
    fit: int
    permutations: int
    seed: int
    repetitions: int
    rates: dict[str, float]
    limits: dict[str, float]
    kept: bool
    uniformity: dict[str, Any]
    control: dict[str, Any]
    first: dict[str, Any] | None
    versions: dict[str, str]
    digest: str
    power: dict[str, tuple[float, ...]] | None = None
    power_repetitions: int = 0
    falls: dict[str, float] = field(default_factory=dict)

    @property
    def conservative(self) -> bool:
        """Whether the test does not use up its level, so that no control can be expected to exceed it."""
        return self.rates["0.05"] < 0.02 or self.uniformity["shortfall_p"] < DELTA

    @property
    def controlled(self) -> bool:
        """Whether the negative controls were rejected, as far as they can be."""
        seen = bool(self.control["rejected"]) or self.conservative
        return seen and self.control["uncounted_rejected"] is not False

    @property
    def good(self) -> bool:
        """Whether the level is kept and the same check rejects the spoiled copies."""
        return self.kept and self.controlled


def digest_of(spec: MetricSpec) -> str:
    """Digest the code of the module that measures, without its comments, its docstrings and the words of its card."""
    module = inspect.getmodule(inspect.unwrap(spec.measure))
    try:
        code = _code_of(inspect.getsource(module)) if module is not None else repr(spec.measure)
    except (OSError, TypeError):  # typed at a prompt
        code = spec.name
    return hashlib.sha256(code.encode()).hexdigest()[:16]


def _code_of(source: str) -> str:
    """Keep of a module what decides what it does; the text itself, since every Python spells out a tree its own way."""
    lines = source.splitlines()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            lines[token.start[0] - 1] = lines[token.start[0] - 1][: token.start[1]]
    for node in ast.walk(ast.parse(source)):
        for words in _words_of(node):
            lines[words.lineno - 1 : words.end_lineno] = [""] * ((words.end_lineno or words.lineno) - words.lineno + 1)
    return " ".join(" ".join(lines).split())


def _words_of(node: ast.AST) -> list[ast.expr | ast.keyword]:
    if isinstance(node, ast.Expr) and _is_text(node.value):
        return [node.value]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "MetricSpec":
        return [word for word in node.keywords if _is_text(word.value)]
    return []


def _is_text(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and isinstance(value.value, str)


def versions() -> dict[str, str]:
    """Name the versions that a rate may depend on."""
    from importlib.metadata import PackageNotFoundError, version

    from gandiag import __version__

    found = {"gandiag": __version__}
    for package in ("numpy", "scipy", "scikit-learn", "torch", "POT"):
        with contextlib.suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def is_stale(record: Record) -> bool:
    """Tell whether the metric's code has changed since, or is gone."""
    return record.metric not in METRICS.names() or digest_of(METRICS.get(record.metric)) != record.digest


def read_records(path: Path) -> list[Record]:
    """Read all records; none where there is no file yet.

    Raises
    ------
    FileFormatError
        When the file is no store of records of this schema.
    """
    if not path.exists():
        return []
    try:
        content = json.loads(path.read_text())
        if content["schema_version"] != SCHEMA_VERSION:
            raise ValueError(f"schema version {content['schema_version']}")
        return [_record(entry) for entry in content["records"]]
    except (ValueError, KeyError, TypeError, UnicodeDecodeError) as error:
        raise FileFormatError(
            f"{path} must hold calibration records of schema version {SCHEMA_VERSION}",
            received=f"{type(error).__name__}: {error}",
            remedy="Name another file, or make it again with `gandiag calibrate all --json FILE`.",
        ) from error


def _record(entry: dict[str, Any]) -> Record:
    power = entry.get("power")
    return Record(**entry | {"power": None if power is None else {k: tuple(v) for k, v in power.items()}})


def add_records(path: Path, new: Iterable[Record]) -> None:
    """Put records in the place of those of the same metric and law. Two processes may do so at once.

    Power that was found for the same source is kept where the new record has none.
    """
    if not path.parent.is_dir():
        raise ConfigError(
            "records must be written to a file in a folder that exists",
            received=str(path),
            remedy="Make the folder first.",
        )
    with _alone(path.parent):
        records = {(r.metric, r.law): r for r in read_records(path)}
        for record in new:
            old = records.get((record.metric, record.law))
            if record.power is None and old is not None and old.power is not None and old.digest == record.digest:
                record = replace(record, power=old.power, power_repetitions=old.power_repetitions, falls=old.falls)
            records[record.metric, record.law] = record
        replace_file(path, _as_text([records[key] for key in sorted(records)]).encode())


def _as_text(records: list[Record]) -> str:
    """One record a line, so that a change of one metric is a change of its lines."""
    lines = ",\n".join(json.dumps(asdict(record), allow_nan=False, sort_keys=True) for record in records)
    return f'{{"schema_version": {SCHEMA_VERSION}, "records": [\n{lines}\n]}}\n'


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Wait for other writers in a folder. Where the system has no such locks, writers must take turns by themselves."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
