"""The forms in which verdicts are written: one file each, found by name; and their way into a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from gandiag.core.catalog import Catalog
from gandiag.core.files import write_files
from gandiag.core.verdict import Verdict
from gandiag.gate.formats._spec import FormatSpec

FORMATS: Catalog[FormatSpec] = Catalog("gandiag.gate.formats", "FORMAT", FormatSpec)


def rendered(verdicts: Sequence[Verdict], name: str) -> str:
    """Write verdicts in the form of that name.

    Raises
    ------
    UnknownName
    """
    return FORMATS.get(name).render(verdicts)


def chosen(name: str, environment: Mapping[str, str]) -> str:
    """Say which form "auto" means where a job runs: annotations on GitHub, text everywhere else."""
    if name != "auto":
        return FORMATS.get(name).name
    return "github" if environment.get("GITHUB_ACTIONS") == "true" else "text"


def write(verdicts: Sequence[Verdict], path: Path, name: str) -> None:
    """Write verdicts into a file, whole or not at all: an earlier file stays where writing fails.

    Raises
    ------
    ConfigError
        When the place is no place for a file.
    ReportNotWritten
        When the disk does not take it.
    """
    write_files({path: rendered(verdicts, name).encode("utf-8")}, "a verdict")
