"""What pages that load nothing have in common: a policy that allows their own style and script alone, and data."""

from __future__ import annotations

import base64
import hashlib
import re

# What could end a tag, or turn the lines round of one who reads the source; all of it in the basic plane.
_UNSEEN = re.compile("[<>&\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")


def allowed(text: str) -> str:
    """Name a style or a script in a content-security policy by its hash: nothing else may stand in for it."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")


def embedded(json_text: str) -> str:
    r"""Make JSON fit for the inside of a ``script`` element: what could end it is written as an escape.

    Examples
    --------
    >>> embedded('"</script>"')
    '"\\u003c/script\\u003e"'
    """
    return _UNSEEN.sub(lambda found: f"\\u{ord(found.group()):04x}", json_text)
