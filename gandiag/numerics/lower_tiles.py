"""Tiles of a symmetric matrix: those below the diagonal carry all of it."""

from __future__ import annotations

from collections.abc import Iterator


def lower_tiles(rows: int, tile: int) -> Iterator[tuple[slice, slice]]:
    """Yield the tiles ``(rows, columns)`` on and below the diagonal, row by row."""
    for i in range(0, rows, tile):
        for j in range(0, i + 1, tile):
            yield slice(i, min(i + tile, rows)), slice(j, min(j + tile, rows))
