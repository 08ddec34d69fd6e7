"""One page per metric: its card, its own words, and how it is asked for."""

from __future__ import annotations

import importlib
import inspect

from site_prose import escaped, fenced, markdown

from gandiag.cli.list_command import BETTER, TOPICS
from gandiag.core.specs import METRICS, MetricSpec


def pages() -> dict[str, str]:
    """Write all pages; path on the site -> text."""
    return {"metrics.md": _index(), **{f"metrics/{spec.name}.md": _page(spec) for spec in METRICS}}


def _index() -> str:
    parts = [
        "# Metrics\n\nOne page each: what it answers, what it sees and cannot see, how it is computed, what it costs. "
        "[Which number answers my question](choose-a-metric.md) has the opinion. A topic can be asked for as a whole: "
        "`--metrics transport`."
    ]
    for topic, title in TOPICS.items():
        specs = [spec for spec in METRICS if spec.topic == topic]
        if specs:
            rows = "\n".join(f"| [`{spec.name}`](metrics/{spec.name}.md) | {escaped(spec.summary)} |" for spec in specs)
            names = "\n".join(f"metrics/{spec.name}" for spec in specs)
            parts.append(f"## {title} (`{topic}`)\n\n| metric | answers |\n|---|---|\n{rows}")
            parts.append(f"```{{toctree}}\n:hidden:\n\n{names}\n```")
    return "\n\n".join(parts) + "\n"


def _page(spec: MetricSpec) -> str:
    module = importlib.import_module(spec.measure.__module__)
    rows = "\n".join(f"| {name} | {escaped(text)} |" for name, text in _card(spec))
    own = "" if module.__name__.endswith("._critic_test") else markdown(inspect.getdoc(module) or "")
    return (
        f"# {spec.title}: `{spec.name}`\n\n{escaped(spec.summary)}\n\n| | |\n|---|---|\n{rows}\n\n"
        f"## In its own words\n\n{own}\n\n## Asking for it\n\n"
        f"{fenced(f'gandiag score REAL FAKE --metrics {spec.name}')}\n{_options(spec)}"
    )


def _card(spec: MetricSpec) -> list[tuple[str, str]]:
    low, high = ("unbounded" if edge is None else f"{edge:g}" for edge in (spec.low, spec.high))
    runs = "by default" if spec.default else "when it is named, or its topic"
    declared = {
        "swapping real and fake changes nothing": spec.symmetric,
        "scaling both changes nothing": spec.scale_invariant,
        "exactly 0 for a sample against itself": spec.zero_on_equal,
    }
    return [
        ("sees", spec.sees),
        ("cannot see", spec.blind_to),
        ("what it is", f"{spec.kind.replace('_', ' ')}, in {spec.unit}, from {low} to {high}"),
        ("direction", BETTER[spec.direction]),
        ("rows", f"at least {spec.min_real} real and {spec.min_fake} fake; at most {spec.most_rows} a side are used"),
        ("needs", ", ".join(sorted(spec.needs)) or "nothing but the two samples"),
        ("holds, by test", "; ".join(text for text, holds in declared.items() if holds) or "none of the symmetries"),
        ("runs", runs + (f", and on {spec.also_on} features" if spec.also_on else "")),
        ("cost", spec.cost),
        ("topic", f"`{spec.topic}`"),
        ("source", spec.source),
    ]


def _options(spec: MetricSpec) -> str:
    taken = [p for p in inspect.signature(spec.measure).parameters.values() if p.default is not inspect.Parameter.empty]
    if not taken:
        return ""
    rows = "\n".join(f"| `{p.name}` | `{p.default!r}` |" for p in taken)
    how = f'options={{"{spec.name}": {{"{taken[0].name}": ...}}}}'
    return f"\nOptions, as in `{how}`:\n\n| option | default |\n|---|---|\n{rows}\n"
