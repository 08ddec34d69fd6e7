"""What reports call a source: its address as given, less the folders of absolute paths, for reports travel."""

from __future__ import annotations

from pathlib import PurePosixPath, PureWindowsPath

from gandiag.samplers._address import Address
from gandiag.samplers.command import Command


def title(address: Address) -> str:
    """Name an address."""
    if address.scheme == "exec":
        return Command(address.base).shown
    for flavour in (PurePosixPath, PureWindowsPath):
        path = flavour(address.base)
        if address.form != "builtin" and path.is_absolute():
            return address.text.replace(address.base, path.name or "root", 1)
    return address.text
