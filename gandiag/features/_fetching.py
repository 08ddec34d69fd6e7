"""Fetching one file whose digest is known; asked for by the user, over https alone, whole or not at all."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any
from urllib.request import HTTPRedirectHandler, OpenerDirector, Request, build_opener

from gandiag.core.files import is_homeless, replace_file
from gandiag.errors import ConfigError, IntegrityError

LARGEST = 2 * 10**9  # bytes
_SECONDS = 60.0  # without a byte
_BLOCK = 2**20
_FEWEST_DIGITS = 8


class _HttpsOnly(HTTPRedirectHandler):
    def redirect_request(self, req: Request, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Request | None:
        """Follow a redirection to https, and refuse any other."""
        _require_https(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def opener() -> OpenerDirector:
    """Make what opens addresses; the system's proxies and certificates hold."""
    return build_opener(_HttpsOnly())


def fetch(url: str, sha256: str, path: Path) -> bytes:
    """Fetch a file, check it, put it in place and return its bytes.

    Parameters
    ----------
    url : str
    sha256 : str
        What the file must have, or its first digits.
    path : pathlib.Path
        Where it is kept; folders are made.

    Raises
    ------
    ConfigError
        When the address cannot be read, or is none of https.
    IntegrityError
        When what came has another digest; nothing is kept then.
    """
    _require_https(url)
    if is_homeless(path):
        raise ConfigError(
            "downloaded weights must be kept in a folder, and this user has no home",
            received=str(path),
            remedy="Name a folder with GANDIAG_WEIGHTS.",
        )
    try:
        with opener().open(url, timeout=_SECONDS) as answer:
            data = _read(answer, url)
    except OSError as error:
        raise ConfigError(
            "the weights must be reachable to be downloaded",
            received=f"{url}: {getattr(error, 'reason', None) or error}",
            remedy=f"Fetch them elsewhere and put them at {path}.",
        ) from error
    found = hashlib.sha256(data).hexdigest()
    if not agrees(found, sha256):
        raise IntegrityError(
            f"what is downloaded from {url} must have SHA-256 {sha256}",
            received=f"{found} ({len(data)} bytes)",
            remedy=f"Nothing was kept. Try again, or fetch the file elsewhere and put it at {path}.",
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, data)
    return data


def agrees(found: str, expected: str) -> bool:
    """Tell whether a digest is the expected one, of which at least the first eight digits must be known."""
    return len(expected) >= _FEWEST_DIGITS and found.startswith(expected)


def _read(answer: Any, url: str) -> bytes:
    parts, size = [], 0
    while block := answer.read(_BLOCK):
        parts.append(block)
        size += len(block)
        if size > LARGEST:
            raise ConfigError(
                f"a download must have at most {LARGEST} bytes", received=url, remedy="Fetch the file by hand."
            )
    return b"".join(parts)


def _require_https(url: str) -> None:
    if not url.startswith("https://"):
        raise ConfigError("weights are fetched over https alone", received=url, remedy="Fetch the file by hand.")
