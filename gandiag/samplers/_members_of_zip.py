"""Members of zip archives that nobody vouches for: named plainly, once each, apart from each other, of sane size."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import PurePosixPath

from gandiag.errors import FileFormatError, ResourceLimitError

MOST_BYTES = 16 * 2**30
MOST_SWELLING = 200
SMALL = 64 * 2**20

_ENCRYPTED = 1
_LOCAL_HEADER = 30
_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})


def refuse_odd_names(infos: Sequence[zipfile.ZipInfo], *, name: str, remedy: str) -> None:
    """Refuse members that lead elsewhere, are encrypted, or share a name; names are never used as paths anyway."""
    seen: set[str] = set()
    for info in infos:
        parts = PurePosixPath(info.filename.replace("\\", "/"))
        if parts.is_absolute() or ".." in parts.parts or ":" in info.filename or info.flag_bits & _ENCRYPTED:
            raise FileFormatError(
                f"members of {name} must have plain names and no encryption",
                received=ascii(info.filename),
                remedy=remedy,
            )
        if info.filename in seen:
            raise FileFormatError(
                f"{name} must not hold two members of one name", received=ascii(info.filename), remedy=remedy
            )
        seen.add(info.filename)


def refuse_overlap(infos: Sequence[zipfile.ZipInfo], *, name: str, remedy: str) -> None:
    """Refuse members that share bytes (a bomb needs few of them), or are packed in an unusual way."""
    end = 0
    for info in sorted(infos, key=lambda info: info.header_offset):
        if info.header_offset < end or info.compress_type not in _METHODS:
            raise FileFormatError(
                f"members of {name} must lie one after another, stored or deflated",
                received=f"{info.filename!a} at byte {info.header_offset}, method {info.compress_type}",
                remedy=remedy,
            )
        end = info.header_offset + _LOCAL_HEADER + info.compress_size


def refuse_swelling(infos: Sequence[zipfile.ZipInfo], *, name: str, remedy: str, most: int | None = MOST_BYTES) -> None:
    """Refuse archives that would swell beyond reason, before a byte is unpacked."""
    total = sum(info.file_size for info in infos)
    packed = max(1, sum(info.compress_size for info in infos))
    if (most is not None and total > most) or (total > SMALL and total > MOST_SWELLING * packed):
        limit = "" if most is None else f"{most >> 30} GiB or "
        raise ResourceLimitError(
            f"{name} must not swell beyond {limit}{MOST_SWELLING} times its size",
            received=f"{packed} bytes that claim {total}",
            remedy=remedy,
        )
