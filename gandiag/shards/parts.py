"""Parts: what one shard has found out, as values, as bytes and as files.

A part is a JSON file for people and a ``.safetensors`` beside it that the JSON names by SHA-256. The latter alone is
read for numbers: states are kept to the last bit.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gandiag.core.files import require_places, write_files
from gandiag.core.streams import Arrays
from gandiag.core.tensor_files import metadata_of
from gandiag.errors import ConfigError, FileFormatError, GandiagError, IntegrityError

FORM = "gandiag part"
_KEYS = ("run", "shard", "blocks", "dependence", "failures")


@dataclass(frozen=True, kw_only=True, eq=False)
class Part:
    """States of the blocks of one shard, or of several that were merged.

    Attributes
    ----------
    run : mapping
        What the shards of one run have in common.
    shard : (int, int)
        Which of how many, counted from 1; (0, k) for all.
    blocks : tuple of int
        Numbers of the blocks.
    states, fixed : mapping
        Name of a state to its arrays.
    dependence : str
        Why p-values may not be given; empty where they may.
    failures : mapping
        Name of a state to what went wrong with it.
    name : str
        What messages call the part.
    """

    run: Mapping[str, Any]
    shard: tuple[int, int]
    blocks: tuple[int, ...]
    states: Mapping[str, Arrays]
    fixed: Mapping[str, Arrays]
    dependence: str = ""
    failures: Mapping[str, str] = field(default_factory=dict)
    name: str = ""

    def to_bytes(self) -> bytes:
        """Write everything as one ``.safetensors`` file."""
        from safetensors.numpy import save

        arrays: dict[str, NDArray[Any]] = {}
        for group, held in (("state", self.states), ("fixed", self.fixed)):
            for name in sorted(held):
                for key, value in sorted(held[name].items()):
                    arrays[f"{group}/{name}/{key}"] = np.array(value, order="C")
        # A state for which nothing is fixed has no array of that kind, and is named here.
        told = {key: getattr(self, key) for key in _KEYS} | {"made": sorted(self.fixed)}
        return bytes(save(arrays, metadata={"form": FORM, "told": json.dumps(told, sort_keys=True)}))

    @classmethod
    def from_bytes(cls, data: bytes, *, name: str) -> Part:
        """Read what `to_bytes` wrote.

        Raises
        ------
        IntegrityError
            For anything else.
        """
        from safetensors import SafetensorError
        from safetensors.numpy import load

        try:
            metadata = metadata_of(data)
            if metadata.get("form") != FORM:
                raise ValueError("no part of a score")
            told = json.loads(metadata["told"])
            groups: dict[str, dict[str, dict[str, NDArray[Any]]]]
            groups = {"state": {}, "fixed": {str(name): {} for name in told["made"]}}
            for key, value in load(data).items():
                group, of, rest = key.split("/", 2)
                groups[group].setdefault(of, {})[rest] = value
            i, k = told["shard"]
            return cls(
                run=dict(told["run"]),
                shard=(int(i), int(k)),
                blocks=tuple(int(b) for b in told["blocks"]),
                states=groups["state"],
                fixed=groups["fixed"],
                dependence=str(told["dependence"]),
                failures=dict(told["failures"]),
                name=name,
            )
        except (SafetensorError, ValueError, KeyError, TypeError) as error:
            raise IntegrityError(
                f"{name} must be a whole part of a score", received=str(error), remedy="Run that shard again."
            ) from error


def require_place(path: Path) -> None:
    """Refuse a place that no part can be written to.

    Raises
    ------
    ConfigError
        When the place is none for a file, is itself called .safetensors, or such a file of somebody else's, or of
        another part, stands beside it.
    ReportNotWritten
        When the folder takes no files.
    """
    sibling = path.with_suffix(".safetensors") if path.name else path
    if path.suffix == ".safetensors":
        raise ConfigError(
            "a part must not be called .safetensors: its states are", received=str(path), remedy="Call it part-1.json."
        )
    require_places([path], "a part")
    # Of part.1 and part.2 the states would have one name: an earlier run of this part has left its JSON too.
    if sibling.exists() and not (path.exists() and _holds_a_part(sibling)):
        raise ConfigError(
            f"the states of the part belong into {sibling.name}, and there is another file of that name",
            received=str(sibling),
            remedy="Give the part another name, such as part-1.json.",
        )


def _holds_a_part(path: Path) -> bool:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            return bool((file.metadata() or {}).get("form") == FORM)
    except (SafetensorError, OSError):
        return False


def write_part(part: Part, path: Path) -> None:
    """Write a part to ``path``, and its states to the sibling ``<stem>.safetensors``, both whole or not at all.

    Raises
    ------
    ConfigError
        When the place is none for a file, or is itself called .safetensors.
    ReportNotWritten
        When the disk does not take it.
    """
    require_place(path)
    data, sibling = part.to_bytes(), path.with_suffix(".safetensors")
    told = {
        "form": FORM,
        "shard": f"{part.shard[0]}/{part.shard[1]}",
        "blocks": list(part.blocks),
        "run": dict(part.run),
        "states": {"file": sibling.name, "sha256": hashlib.sha256(data).hexdigest()},
    }
    text = json.dumps(told, indent=1, sort_keys=True, allow_nan=False) + "\n"
    write_files({sibling: data, path: text.encode()}, "a part")


def read_part(path: Path) -> Part:
    """Read a part from its JSON file and the states beside it.

    Raises
    ------
    FileFormatError
        When a file is not there, or is no part.
    IntegrityError
        When the states are not those that the JSON names.
    """
    if path.suffix == ".safetensors":
        raise FileFormatError(
            "parts must be named by their JSON files; the states beside them are found by themselves",
            received=path.name,
            remedy=f"Name {path.with_suffix('.json').name}, as part-*.json does.",
        )
    told = _told(path)
    named = told.get("states")
    if told.get("form") != FORM or not isinstance(named, dict) or not isinstance(named.get("file"), str):
        raise FileFormatError(
            f"{path.name} must be a part of a score, as `gandiag score --shard` writes it",
            received="another file",
            remedy="Leave it out; a report cannot be merged.",
        )
    if named["file"] != Path(named["file"]).name or named["file"] in ("", ".", ".."):
        raise IntegrityError(
            f"{path.name} must name a file beside it", received=named["file"], remedy="Run that shard again."
        )
    data = _bytes(path.with_name(named["file"]))
    if hashlib.sha256(data).hexdigest() != named.get("sha256"):
        raise IntegrityError(
            f"{named['file']} must be the file that {path.name} names",
            received="another SHA-256",
            remedy="Put the two files of one shard side by side, or run that shard again.",
        )
    return Part.from_bytes(data, name=path.name)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise FileFormatError(
            "a part of a score must be there to be merged",
            received=f"{path}: {error.strerror}",
            remedy="Copy both files of the shard, or run it again.",
        ) from error


def _told(path: Path) -> dict[str, Any]:
    try:
        told = json.loads(_bytes(path))
    except GandiagError:
        raise
    except (ValueError, RecursionError) as error:
        raise FileFormatError(
            f"{path.name} must be the JSON file of a part", received=str(error), remedy="Run that shard again."
        ) from error
    return told if isinstance(told, dict) else {}
