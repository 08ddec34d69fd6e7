"""``gandiag list``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from gandiag.core.specs import MetricSpec

TOPICS = {
    "two_sample": "Two-sample tests",
    "support": "Collisions and support",
    "transport": "Transport",
    "divergences": "Divergences",
    "embedding": "Embedding scores",
    "modes": "Modes",
    "memorisation": "Memorisation and privacy",
    "conditional": "Conditional generators",
}
BETTER = {"lower": "lower is better", "higher": "higher is better", "target": "off the floor either way is worse"}
KINDS = ("metrics", "samplers", "features", "plots", "diagnoses", "datasets", "pathologies")


@click.command("list")
@click.argument("kind", type=click.Choice(KINDS))
@click.option("--names", is_flag=True, help="Names only, one a line.")
@click.option("--markdown", is_flag=True, help="The cards of all metrics as Markdown: docs/metrics.md.")
def command(kind: str, names: bool, markdown: bool) -> None:
    """List what there is of one KIND, with a line on each."""
    from gandiag.core import specs

    catalog = getattr(specs, kind.upper())
    if markdown:
        if kind != "metrics":
            raise click.UsageError("--markdown goes with metrics.")
        click.echo(metric_cards())
        return
    if names:
        click.echo("\n".join(catalog.names()))
        return
    if kind == "metrics":
        click.echo("\n".join(_line(spec) for spec in catalog))
        return
    rows = [(_address(spec), spec.summary) for spec in catalog]
    width = max(len(name) for name, _ in rows)
    for name, summary in rows:
        click.echo(f"{name:<{width}}  {summary}")


def _line(spec: MetricSpec) -> str:
    """Say what one metric is in four short lines."""
    rows = f"from {spec.min_real} real and {spec.min_fake} fake rows"
    needs = f"; needs {', '.join(sorted(spec.needs))}" if spec.needs else ""
    suite = "" if spec.default else f"; by name, or on {spec.also_on} features" if spec.also_on else "; by name only"
    return (
        f"{spec.name}  {spec.summary}\n"
        f"    {spec.topic}; {spec.kind.replace('_', ' ')} in {spec.unit}, {BETTER[spec.direction]}\n"
        f"    {rows}{needs}{suite}\n"
        f"    cost {spec.cost}\n"
        f"    sees {spec.sees}\n"
        f"    cannot see {spec.blind_to}"
    )


def _address(spec: object) -> str:
    """Datasets are listed by the address that opens them."""
    scheme = getattr(spec, "scheme", None)
    name = str(getattr(spec, "name", ""))
    return name if scheme is None else f"{scheme}:{name}"


def metric_cards() -> str:
    """Write the card of every metric as Markdown."""
    from gandiag.core.specs import METRICS

    head = "# Metrics\n\nWritten by `gandiag list metrics --markdown`; a test fails when this page is stale.\n"
    shelves = []
    for topic, title in TOPICS.items():
        cards = "\n".join(_card(spec) for spec in METRICS if spec.topic == topic)
        if cards:
            shelves.append(f"\n## {title} (`{topic}`)\n{cards}")
    return head + "\n".join(shelves)


def _card(spec: MetricSpec) -> str:
    low, high = ("unbounded" if edge is None else f"{edge:g}" for edge in (spec.low, spec.high))
    needs = f" Needs: {', '.join(sorted(spec.needs))}." if spec.needs else ""
    rows = [
        ("answers", spec.summary),
        ("sees", spec.sees),
        ("cannot see", spec.blind_to),
        (
            "what it is",
            f"{spec.kind.replace('_', ' ')}, in {spec.unit}, from {low} to {high}; {BETTER[spec.direction]}",
        ),
        (
            "rows",
            f"at least {spec.min_real} real and {spec.min_fake} fake; at most {spec.most_rows} a side are used.{needs}",
        ),
        ("cost", f"{spec.cost}"),
        ("source", spec.source),
    ]
    lines = [f"\n### {spec.title} (`{spec.name}`)\n", "| | |", "|---|---|"]
    return "\n".join(lines + [f"| {name} | {text.replace('|', chr(92) + '|')} |" for name, text in rows])
