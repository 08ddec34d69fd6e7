"""Files that are written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Mapping
from pathlib import Path


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
            ready[path] = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
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
