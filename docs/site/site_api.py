"""The reference of the public names, from their docstrings."""

from __future__ import annotations

import inspect

from site_prose import fenced

import gandiag

SHELVES = {
    "Scoring": ("score", "open_sampler", "save_features", "score_shard", "score_ranks", "merge"),
    "The gate": ("check", "plan", "self_test", "update_baseline", "diff_baseline"),
    "Training": ("Monitor",),
    "What comes back": ("Report", "Result", "Diagnosis", "SampleSet", "Verdict", "Plan", "SelfTest"),
    "A metric of your own": ("check_metric",),
    "Errors": (),
}


def pages() -> dict[str, str]:
    """Write the pages of the reference; a name without a shelf stands among the errors or at the end."""
    placed = {name for names in SHELVES.values() for name in names}
    rest = [name for name in gandiag.__all__ if name not in placed]
    shelves = {title: list(names) for title, names in SHELVES.items()}
    shelves["Errors"] = [name for name in rest if inspect.isclass(getattr(gandiag, name))]
    shelves["More"] = [name for name in rest if not inspect.isclass(getattr(gandiag, name))]
    made = {"api.md": _index(shelves)}
    for names in shelves.values():
        made |= {f"api/{name}.md": _page(name) for name in names}
    return made


def _index(shelves: dict[str, list[str]]) -> str:
    parts = ["# API reference\n\nThe public names of `gandiag`; what begins with an underscore may change at any time."]
    for title, names in shelves.items():
        if names:
            rows = "\n".join(f"| [`{name}`](api/{name}.md) | {_line(name)} |" for name in names)
            tree = "\n".join(f"api/{name}" for name in names)
            parts.append(f"## {title}\n\n| name | is |\n|---|---|\n{rows}\n\n```{{toctree}}\n:hidden:\n\n{tree}\n```")
    return "\n\n".join(parts) + "\n"


def _line(name: str) -> str:
    first = (inspect.getdoc(getattr(gandiag, name)) or "").split("\n\n")[0].replace("\n", " ")
    return first.replace("``", "`").replace("|", "\\|")


def _page(name: str) -> str:
    kind = "autoclass" if inspect.isclass(getattr(gandiag, name)) else "autofunction"
    members = "\n   :members:\n   :inherited-members: Exception" if kind == "autoclass" else ""
    return f"# {name}\n\n{fenced(f'.. {kind}:: gandiag.{name}{members}', '{eval-rst}')}\n"
