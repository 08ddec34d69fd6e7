"""Where the cache lies, how large it may grow, and whether it may be trusted.

``GANDIAG_CACHE`` names the folder, or switches the cache off (``off``); ``GANDIAG_CACHE_SIZE`` is the most that it may
hold (``20GB``, ``500MB``; 10 GB when absent).
"""

from __future__ import annotations

import importlib
import os
import re
import stat
from pathlib import Path

from gandiag.core.files import in_home, is_homeless
from gandiag.errors import ConfigError

FOLDER, SIZE = "GANDIAG_CACHE", "GANDIAG_CACHE_SIZE"
MOST_BYTES = 10 * 10**9
_OFF = ("off", "none", "0", "no", "false")
_UNITS = {"": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}


def folder() -> Path | None:
    """Find the folder of the cache, without touching it; None where it is switched off."""
    named = os.environ.get(FOLDER, "").strip()
    if named.lower() in _OFF:
        return None
    if named:
        found = in_home(named)
        return found if is_homeless(found) else found.absolute()
    try:
        return Path(importlib.import_module("platformdirs").user_cache_path("gandiag", appauthor=False))
    except (ImportError, RuntimeError):  # the latter for a user without a home
        return in_home(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "gandiag"


def most_bytes() -> int:
    """Read how large the cache may grow.

    Raises
    ------
    ConfigError
        For a size that is none.
    """
    text = os.environ.get(SIZE, "").strip()
    if not text:
        return MOST_BYTES
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)\s*([KMGT]B)?", text.upper())
    if found is None:
        raise ConfigError(
            f"{SIZE} must be a size such as 20GB or 500MB", received=text, remedy="Mend the environment variable."
        )
    return int(float(found[1]) * _UNITS[found[2] or ""])


def made(place: Path) -> None:
    """Make the folder where it is not there, for this user alone.

    Raises
    ------
    OSError
        Where it cannot be made, or `require_own` refuses it.
    """
    if not is_homeless(place) and not place.exists():
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
    require_own(place)


def require_own(place: Path) -> None:
    """Refuse what is no folder of this user alone.

    Raises
    ------
    OSError
        Where others could have put something into it, too: a checksum guards against accidents, not against them.
    """
    if is_homeless(place):
        raise FileNotFoundError(f"{place} is in a home that there is not ({FOLDER} names another place)")
    if not place.is_dir():
        raise NotADirectoryError(f"{place} is no folder")
    if not hasattr(os, "geteuid"):
        return
    found = place.stat()
    if found.st_uid != os.geteuid():
        raise PermissionError(f"{place} belongs to another user")
    if stat.S_IMODE(found.st_mode) & 0o022:
        raise PermissionError(f"{place} can be written to by others (chmod go-w mends that)")
