"""Files that are written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path

from gandiag.errors import ConfigError, ReportNotWritten

# Of a file's name in that of its temporary: names may have 255 bytes, and some are long already.
_KEPT = 100


def in_home(path: str | Path) -> Path:
    """Read a leading ``~`` as a home folder; where there is no such home (`is_homeless`) the path stays as it is."""
    try:
        return Path(path).expanduser()
    except RuntimeError:  # a user who does not exist, or one without a home, as in some containers
        return Path(path)


def is_homeless(path: Path) -> bool:
    """Tell whether a path still begins with a home folder that there is not: nothing may be written there."""
    return bool(path.parts) and path.parts[0].startswith("~")


def require_places(paths: Iterable[Path], what: str = "a report") -> None:
    """Refuse places that no file can be written to: asked before hours of work go into what is to stand there.

    Parameters
    ----------
    paths : iterable of Path
    what : str
        What is to stand there, for messages.

    Raises
    ------
    ConfigError
        When a folder does not exist, or the place is taken by something that is no ordinary file.
    ReportNotWritten
        When the folder takes no files.
    """
    for path in paths:
        if not path.parent.is_dir() or (path.exists() and not path.is_file()):
            raise ConfigError(
                f"{what} must be written to a file in a folder that exists",
                received=str(path),
                remedy="Make the folder first, or name a file in another one.",
            )
        if not os.access(path.parent, os.W_OK | os.X_OK):
            raise _not_written(what, [path], "Permission denied")


def write_files(files: Mapping[Path, bytes], what: str = "a report") -> None:
    """Put what a person asked for in place: all files whole, or none.

    Parameters
    ----------
    files : mapping
        Path -> content.
    what : str
        What they hold, for messages.

    Raises
    ------
    ConfigError
        When a folder does not exist, or the place is taken by something that is no ordinary file.
    ReportNotWritten
        When a place cannot be written to; what stood there before is untouched.
    """
    require_places(files, what)
    try:
        replace_files(files)
    except OSError as error:
        raise _not_written(what, files, error.strerror or str(error)) from error


def _not_written(what: str, paths: Iterable[Path], why: str) -> ReportNotWritten:
    return ReportNotWritten(
        f"{what} must be written to a place that can be written to",
        received=f"{', '.join(map(str, paths))}: {why}",
        remedy="Check the permissions and the free space, or name another file.",
    )


def replace_file(path: Path, data: bytes) -> None:
    """Put bytes in the place of a file in one move: a reader sees the old file or the new one, never half of one.

    Where the write fails the earlier file stays, and nothing else is left behind.
    """
    replace_files({path: data})


def replace_files(files: Mapping[Path, bytes]) -> None:
    """Put several files in place, none before all of them are on the disk."""
    ready: dict[Path, Path] = {}
    try:
        for path, data in files.items():
            ready[path] = path.with_name(f".{path.name[:_KEPT]}.{secrets.token_hex(6)}.tmp")
            with ready[path].open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        for path, temporary in ready.items():
            temporary.replace(path)
    finally:
        for temporary in ready.values():
            with contextlib.suppress(OSError):
                temporary.unlink()
