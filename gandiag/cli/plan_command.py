"""``gandiag plan``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command("plan")
@click.argument("real", required=False)
@click.option("--config", type=_FILE, help="A gandiag.toml or pyproject.toml. The nearest one when nothing is named.")
@click.option("--gate", help="Which gate of the file, where it holds several.")
@click.option("--require", multiple=True, help="A condition, in the place of the policy's; once for each.")
@click.option("--train", help="What the generator was trained on: switches the memorisation test on.")
@click.option("--labels", type=click.Path(exists=True, dir_okay=False), help="A .npy file: the class of each real row.")
@click.option("--alpha", type=float, help="Chance that a sampler with nothing wrong fails.  [default: 0.001]")
@click.option("--n", type=click.IntRange(min=20), help="Rows per side.  [default: 2500]")
@click.option("--effect", "effects", multiple=True, metavar="CONDITION=SIZE", help="How many rows see that much?")
@click.option("--simulate", type=click.IntRange(min=1), metavar="RUNS", help="Try each claim on a planted fault.")
@click.option("--seed", type=click.IntRange(min=0), help="[default: 0]")
@click.option("--features", help="A feature map; see: gandiag list features.")
@click.option("--device", help="cuda does the heavy work there; cpu does not.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(
    real: str | None,
    require: tuple[str, ...],
    labels: str | None,
    effects: tuple[str, ...],
    as_json: bool,
    **asked: Any,
) -> int:
    """Say what a gate sees on REAL, whether a sampler with nothing wrong can pass it, and how many rows it needs.

    Real data are held against themselves: nothing is generated. For every condition: the smallest effect that is seen
    with power 0.95 at n rows per side, the rows that its margin needs, and those for a wished effect, as in
    --effect 'mmd.p=0.01'.
    """
    import gandiag.api
    from gandiag.cli._terminal import progress_bar, stdout_for_results_only

    wished = dict(_effect(text) for text in effects)
    with stdout_for_results_only(), progress_bar() as progress:
        found = gandiag.plan(
            real,
            require=list(require) or None,
            labels=None if labels is None else gandiag.api.read_labels(labels),
            effects=wished,
            progress=progress,
            **{key: value for key, value in asked.items() if value is not None},
        )
    click.echo(json.dumps(found.to_dict(), allow_nan=False, indent=1) if as_json else str(found))
    return 0


def _effect(text: str) -> tuple[str, float]:
    condition, _, size = text.rpartition("=")
    try:
        return condition.strip(), float(size)
    except ValueError:
        raise click.BadParameter(
            f"{text!r} must be CONDITION=SIZE, as in 'mmd.p=0.01'.", param_hint="--effect"
        ) from None
