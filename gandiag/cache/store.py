"""The cache: blocks of features in files called by what they are of.

Every block is one file that is written beside its place and moved there in one step, so two jobs on one cache need no
lock: whoever comes second puts the same bytes in place again. A block that was begun when a job was killed leaves a
stray file, which is swept; all blocks before it are found by the next run, which goes on from there.
"""

from __future__ import annotations

import contextlib
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gandiag.cache import place
from gandiag.cache.entries import ENDING, packed, unpacked
from gandiag.core.checks import Matrix
from gandiag.core.files import replace_file
from gandiag.core.tensor_files import metadata_of
from gandiag.errors import IntegrityError

_STALE_SECONDS = 3600.0
_TRIMMED_TO = 0.8  # of the most bytes: room for the next run
_PAUSE = 0.05  # seconds before a file system that stumbled is asked again
_HEADER_BYTES = 4096


class CacheWarning(UserWarning):
    """The cache could not be used as it should; scores are not touched by that."""


@dataclass(frozen=True, kw_only=True)
class Holding:
    """What the cache holds of one feature map."""

    features: str
    blocks: int
    size: int


class FeatureCache:
    """Blocks of features in one folder.

    Parameters
    ----------
    folder : Path
    most_bytes : int
        Beyond it, the blocks that were not used for the longest time are removed.
    """

    def __init__(self, folder: Path, most_bytes: int = place.MOST_BYTES) -> None:
        self.folder, self.most_bytes = folder, most_bytes
        self._writes, self._warned = True, False
        # What earlier runs have left is looked at with the first block: many short runs would never come to a tenth.
        self._unchecked = most_bytes

    @classmethod
    def default(cls) -> FeatureCache | None:
        """Open the cache of this user; None where it is switched off or has no place, with a warning for the latter."""
        folder = place.folder()
        if folder is None:
            return None
        cache = cls(folder, place.most_bytes())
        try:
            place.made(folder)
        except OSError as error:
            _warn(f"features are not cached: {_why(error)}")
            return None
        return cache

    def get(self, key: str) -> Matrix | None:
        """Find a block; None where it is not there, or not whole: it is then set aside as ``.corrupt``."""
        path = self._path(key)
        data = _read(path)
        if data is None:
            return None
        try:
            rows = unpacked(key, data)
        except IntegrityError as error:
            with contextlib.suppress(OSError):
                path.replace(path.with_suffix(".corrupt"))
            if not self._warned:
                self._warned = True
                _warn(f"cached features were damaged and are computed again ({error.received})")
            return None
        with contextlib.suppress(OSError):
            path.touch()  # its time of change is that of its last use
        return rows

    def put(self, key: str, rows: Matrix, *, features: str) -> None:
        """Keep a block. Where that fails, nothing is written from then on, with one warning."""
        if not self._writes:
            return
        path = self._path(key)
        data = packed(key, rows, features=features)
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            replace_file(path, data)
        except OSError as error:
            self._writes = False
            _warn(f"features are no longer cached: {error.strerror or error}")
            return
        self._unchecked += len(data)
        if self._unchecked > self.most_bytes // 10:
            self.trim()

    def trim(self) -> None:
        """Sweep what killed jobs left behind, and remove the blocks least recently used beyond the most bytes."""
        self._unchecked = 0
        for path in self._files("*.tmp", "*.corrupt"):
            with contextlib.suppress(OSError):
                if time.time() - path.stat().st_mtime > _STALE_SECONDS:
                    path.unlink()
        found = []
        for path in self._files("*" + ENDING):
            with contextlib.suppress(OSError):
                status = path.stat()
                found.append((status.st_mtime_ns, status.st_size, path))
        total = sum(size for _, size, _ in found)
        if total <= self.most_bytes:
            return
        for _, size, path in sorted(found):
            if total <= _TRIMMED_TO * self.most_bytes:
                break
            with contextlib.suppress(OSError):
                path.unlink()
                total -= size

    def holdings(self) -> list[Holding]:
        """List what is held, by feature map; the largest first."""
        sums: dict[str, tuple[int, int]] = {}
        for path in self._files("*" + ENDING):
            with contextlib.suppress(OSError):
                size = path.stat().st_size
                name = _features_of(path)
                blocks, held = sums.get(name, (0, 0))
                sums[name] = (blocks + 1, held + size)
        listed = [Holding(features=name, blocks=b, size=s) for name, (b, s) in sums.items()]
        return sorted(listed, key=lambda holding: (-holding.size, holding.features))

    def clear(self) -> tuple[int, int]:
        """Remove every block, stray files too; return how many files, and their bytes."""
        files = size = 0
        for path in self._files("*" + ENDING, "*.tmp", "*.corrupt"):
            with contextlib.suppress(OSError):
                held = path.stat().st_size
                path.unlink()
                files, size = files + 1, size + held
        return files, size

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}{ENDING}"

    def _files(self, *patterns: str) -> Iterator[Path]:
        """Walk our own files alone: two-letter folders, and only names that we give."""
        for inner in sorted(self.folder.glob("[0-9a-f][0-9a-f]")):
            if inner.is_dir() and not inner.is_symlink():
                for pattern in patterns:
                    yield from inner.glob(("." if pattern == "*.tmp" else "") + "[0-9a-f]" * 64 + pattern)


def _read(path: Path) -> bytes | None:
    """Read a file, asking once more where the file system stumbles; None where there is none."""
    for attempt in range(2):
        try:
            return path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError:
            if attempt == 0:
                time.sleep(_PAUSE)
    return None


def _features_of(path: Path) -> str:
    with path.open("rb") as file:
        start = file.read(_HEADER_BYTES)
    try:
        return metadata_of(start).get("features", "unreadable")
    except ValueError:
        return "unreadable"


def _why(error: OSError) -> str:
    return str(error) if error.strerror is None else f"{error.filename}: {error.strerror}"


def _warn(what: str) -> None:
    warnings.warn(what, CacheWarning, stacklevel=4)
