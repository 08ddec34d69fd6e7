"""What a ``.safetensors`` file says about itself, read from its first bytes."""

from __future__ import annotations

import json


def metadata_of(data: bytes) -> dict[str, str]:
    """Read the metadata of a file.

    Parameters
    ----------
    data : bytes
        The file, or at least its header.

    Returns
    -------
    dict
        Empty where the file says nothing.

    Raises
    ------
    ValueError
        When there is no whole header.
    """
    length = int.from_bytes(data[:8], "little")
    if not 2 <= length <= len(data) - 8:
        raise ValueError("no header")
    found = json.loads(data[8 : 8 + length])
    metadata = found.get("__metadata__") if isinstance(found, dict) else None
    return {str(k): str(v) for k, v in metadata.items()} if isinstance(metadata, dict) else {}
