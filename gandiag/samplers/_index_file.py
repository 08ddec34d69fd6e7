"""``dataset.json``, the index that StyleGAN's tools put beside images: folders are then no classes, it says them.

It holds ``{"labels": [["00000/img00000000.png", 6], ...]}``, or null for no labels.
"""

from __future__ import annotations

import json

from gandiag.errors import FileFormatError, ResourceLimitError

INDEX = "dataset.json"
MOST_BYTES = 512 * 2**20


def refuse_large_index(size: int, *, name: str) -> None:
    """Refuse an index beyond reason before it is read."""
    if size > MOST_BYTES:
        raise ResourceLimitError(
            f"{INDEX} of {name} must have at most {MOST_BYTES >> 20} MiB", received=f"{size} bytes", remedy="Remove it."
        )


def indexed_classes(data: bytes, *, name: str) -> dict[str, int]:
    """Read the class of every path; of labels that are no whole numbers none, and of null none.

    Raises
    ------
    FileFormatError
        For what is no such index.
    """
    try:
        pairs = json.loads(data).get("labels") or []
        return {str(path): label for path, label in pairs if type(label) is int and abs(label) < 2**51}
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise FileFormatError(
            f"{INDEX} of {name} must be an index with labels: [[path, class], ...]",
            received=f"{type(error).__name__}: {str(error)[:200]}",
            remedy="Mend it, or remove it and say with classes whether folders are classes.",
        ) from error
