"""Writing files so that a reader never sees half of one."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from gandiag.errors import ConfigError, ReportNotWritten


def write_atomically(files: Mapping[Path, bytes]) -> None:
    """Write each file beside its place and flush it to the disk; then put all of them in place.

    Raises
    ------
    ConfigError
        When a folder does not exist, or the place is taken by something that is no ordinary file.
    ReportNotWritten
        When a place cannot be written to; what stood there before is untouched.
    """
    for path in files:
        if not path.parent.is_dir() or (path.exists() and not path.is_file()):
            raise ConfigError(
                "a report must be written to a file in a folder that exists",
                received=str(path),
                remedy="Make the folder first, or name a file in another one.",
            )
    ready: dict[Path, Path] = {}
    at = Path()
    try:
        for path, data in files.items():
            at, temporary = path, path.with_name(f".{path.name[:100]}.{secrets.token_hex(6)}.tmp")
            # Mode 0o666 leaves the permissions to the user's umask, as for any other file.
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
            descriptor = os.open(temporary, flags, 0o666)
            ready[path] = temporary
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        for at, temporary in ready.items():
            temporary.replace(at)
    except OSError as error:
        raise ReportNotWritten(
            "a report must be written to a place that can be written to",
            received=f"{at}: {error.strerror}",
            remedy="Check the permissions and the free space, or name another file.",
        ) from error
    finally:
        for temporary in ready.values():
            with contextlib.suppress(OSError):
                temporary.unlink()
