"""Writing a file so that a reader never sees half of it."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

from gandiag.errors import ConfigError


def write_atomically(path: Path, data: bytes) -> None:
    """Write ``data`` beside ``path``, flush it to the disk, and put it in the place of ``path`` in one step.

    Raises
    ------
    ConfigError
        When the folder does not exist, or cannot be written to.
    """
    if path.is_dir() or not path.parent.is_dir():
        raise ConfigError(
            "a report must be written to a file in a folder that exists",
            received=str(path),
            remedy="Make the folder first, or name a file in another one.",
        )
    temporary = path.with_name(f".{path.name[:100]}.{secrets.token_hex(6)}.tmp")
    try:
        # Mode 0o666 leaves the permissions to the user's umask, as for any other file.
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise ConfigError(
            "a report must be written to a place that can be written to",
            received=f"{path}: {error.strerror}",
            remedy="Check the permissions and the free space, or name another file.",
        ) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()
