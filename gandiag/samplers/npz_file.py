"""``.npz`` archives: one member is read, nothing is ever unpacked to disk.

The member is chosen by ``key``, or is the only one, or is called arr_0, samples, images or x; labels come from
``labels`` or ``y`` where the length fits. Archives that would swell beyond reason are refused before they do.
"""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from gandiag.core.protocols import Sampler
from gandiag.core.specs import SamplerSpec
from gandiag.errors import FileFormatError, GandiagError, ResourceLimitError
from gandiag.samplers._finite import MOST_BYTES_READ, FiniteSampler
from gandiag.samplers._members import chosen_member, labels_beside
from gandiag.samplers._members_of_zip import refuse_odd_names, refuse_overlap, refuse_swelling
from gandiag.samplers._npy import read_array, read_header, require_file
from gandiag.samplers._receive import as_labels, to_numpy
from gandiag.samplers._settings import Settings

MOST_MEMBERS = 1000

_PIECE = 2**24
_LENGTHS_AT = 26  # of the name and of the extra field, in the header of a member


def accepts(source: object) -> bool:
    """Tell whether the source is a path ending in .npz."""
    return isinstance(source, Path) and source.suffix.lower() == ".npz"


def open_npz(source: Any, **options: Any) -> Sampler:
    """Open an .npz archive."""
    settings = Settings.read(options, uses=("labels", "key"), by=".npz files")
    name = settings.name or source.name
    require_file(source, name=name)
    try:
        with zipfile.ZipFile(source) as archive:
            members = members_of(archive, name=name)
            member = chosen_member(members, settings.key, name=name)
            values = _values(source, archive, members[member], name=name)
            rows = len(values) if values.ndim else 0
            labels, notes = labels_beside(
                members, member, rows, lambda label: read_member(archive, members[label], name=name), name=name
            )
    except GandiagError:
        raise
    except Exception as error:
        raise FileFormatError(
            f"{name} must be a whole .npz archive",
            received=f"{type(error).__name__}: {error}",
            remedy="Write it again with np.savez.",
        ) from error
    if settings.labels is not None:
        labels, notes = as_labels(settings.labels, rows, name=name), ()
    if len(members) > 1:
        notes = (f"the array {member!r} of {len(members)} was read", *notes)
    return FiniteSampler(values, name=name, settings=settings, labels=labels, notes=notes)


def members_of(archive: zipfile.ZipFile, *, name: str) -> dict[str, zipfile.ZipInfo]:
    """List the arrays of an archive after looking for everything that an honest archive does not have."""
    infos = archive.infolist()
    if len(infos) > MOST_MEMBERS:
        raise ResourceLimitError(
            f"{name} must have at most {MOST_MEMBERS} members", received=len(infos), remedy="Split it."
        )
    again = "Write it again with np.savez."
    refuse_odd_names(infos, name=name, remedy=again)
    members: dict[str, zipfile.ZipInfo] = {}
    for info in infos:
        key = info.filename.removesuffix(".npy")
        if key in members:
            raise FileFormatError(
                f"{name} must not hold two members of one name", received=ascii(key), remedy="Write it again."
            )
        members[key] = info
    refuse_overlap(infos, name=name, remedy=again)
    refuse_swelling(infos, name=name, remedy="Save it as .npy, which is read without unpacking.")
    return members


def read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, *, name: str) -> NDArray[Any]:
    """Read one array of an archive that was looked through."""
    with archive.open(info) as member:
        return read_array(member, info.file_size, name=f"{name}[{info.filename}]")


def _values(source: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo, *, name: str) -> NDArray[Any]:
    """Read the samples, or map them where they are large and not packed, as np.savez leaves them."""
    if info.compress_type != zipfile.ZIP_STORED or info.file_size <= MOST_BYTES_READ:
        return to_numpy(read_member(archive, info, name=name), name=name)
    with archive.open(info) as member:
        shape, fortran, dtype, offset = read_header(member, info.file_size, name=f"{name}[{info.filename}]")
        while member.read(_PIECE):
            pass  # a wrong checksum is said at the end; a map would not notice
    with source.open("rb") as file:
        file.seek(info.header_offset + _LENGTHS_AT)
        lengths = file.read(4)
    start = info.header_offset + _LENGTHS_AT + 4 + sum(struct.unpack("<HH", lengths))
    order: Literal["C", "F"] = "F" if fortran else "C"
    return np.memmap(source, dtype=dtype, mode="r", offset=start + offset, shape=shape, order=order)


SAMPLER = SamplerSpec(
    name="npz_file",
    summary="An .npz archive; key= names the array where there are several.",
    accepts=accepts,
    open=open_npz,
    priority=-10,
)
