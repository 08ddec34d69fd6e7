"""What a tree of files holds as images: one rule for folders and archives of what is taken, labelled and skipped.

Images are taken by their ending (any case) in the order of the bytes of their path below the root, which is the same on
every file system. Images that lie directly in the root are the set. Where there are none, its subfolders are classes,
one level deep. ``recursive`` takes images of any depth; ``classes`` says whether the first subfolder is their class.
Where an index lies in the root (see `_index_file`) it says the classes, unless ``classes`` is said.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gandiag.core.classes import class_code
from gandiag.errors import TooFewSamplesError
from gandiag.samplers._images import ENDINGS
from gandiag.samplers._index_file import INDEX
from gandiag.samplers._settings import Settings


@dataclass(frozen=True, kw_only=True, eq=False)
class Listing:
    """The images of a tree.

    Parameters
    ----------
    paths : list of str
        Below the root, with slashes.
    labels : list of int, optional
    notes : tuple of str
    """

    paths: list[str]
    labels: list[int] | None
    notes: tuple[str, ...] = ()


# Reasons that are nouns, where there are several.
_MANY = {
    "link": "links",
    "hidden folder": "hidden folders",
    "subfolder": "subfolders",
    "pipe or device": "pipes or devices",
}


def reason_to_skip(name: str) -> str:
    """Say why a file of this name is no image to be taken, "" where it is one."""
    if name.startswith("."):
        return "hidden"
    ending = os.path.splitext(name)[1].lower()  # noqa: PTH122 - names only
    if ending in ENDINGS:
        return ""
    return (ending if ending.isprintable() and len(ending) <= 12 else "other ending") or "no ending"


def listed(
    paths: Iterable[str],
    skipped: Counter[str],
    settings: Settings,
    *,
    name: str,
    index: Mapping[str, int] | None = None,
) -> Listing:
    """Choose among the images of a tree, counting what is left out; an ``index`` may say their classes."""
    ordered = sorted(paths, key=os.fsencode)
    if index is not None and settings.classes is None and ordered:
        return _indexed(ordered, index)
    top = [path for path in ordered if "/" not in path]
    if settings.recursive:
        chosen, classes = ordered, settings.classes == "subfolders"
    elif top and settings.classes != "subfolders":
        chosen, classes = top, False
    else:
        chosen, classes = [path for path in ordered if path.count("/") == 1], settings.classes != "none"
    if classes:
        chosen = [path for path in chosen if "/" in path]
    left = len(ordered) - len(chosen)
    if left:
        skipped["in other folders" if classes else "in subfolders"] += left
    if not chosen:
        raise TooFewSamplesError(
            f"{name} must hold images ({', '.join(sorted(ENDINGS))})",
            received="none" + in_words(skipped),
            remedy="Check the path; subfolders are read one level deep, as classes, or at any depth with recursive=True"
            + (", and links are never followed." if skipped["link"] else "."),
        )
    labels = [class_code(path.partition("/")[0]) for path in chosen] if classes else None
    notes = () if labels is None else (f"the {len(set(labels))} subfolders were read as classes",)
    return Listing(paths=chosen, labels=labels, notes=notes)


def _indexed(ordered: list[str], index: Mapping[str, int]) -> Listing:
    """Take all images of a tree with an index, at any depth: there, folders are no classes."""
    found = [index.get(path) for path in ordered]
    labels = [label for label in found if label is not None]
    if len(labels) == len(ordered):
        return Listing(paths=ordered, labels=labels, notes=(f"{len(set(labels))} classes from {INDEX}",))
    without = f"{INDEX} says the class of {len(labels)} of {len(ordered)} images: classes were left out"
    return Listing(paths=ordered, labels=None, notes=(without,) if labels else (f"{INDEX} says no classes",))


def in_words(skipped: Counter[str]) -> str:
    """Count what was skipped, by reason; empty where nothing was.

    Examples
    --------
    >>> in_words(Counter({"link": 20, "hidden": 3, ".txt": 1}))
    ', skipped 20 links, 3 hidden, 1 .txt'
    """
    reasons = [f"{count} {_MANY.get(why, why) if count > 1 else why}" for why, count in skipped.most_common() if count]
    return f", skipped {', '.join(reasons)}" if reasons else ""
