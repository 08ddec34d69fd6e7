"""``gandiag score``."""

from __future__ import annotations

from typing import Any

import click
from click.core import ParameterSource

from gandiag.cli._downloads import allow_download
from gandiag.cli._outputs import Outputs, report_files


@click.command("score")
@click.argument("real")
@click.argument("fake", nargs=-1, required=True)
@click.option("--train", help="What the generator was trained on: switches the memorisation tests on.")
@click.option("--labels", type=click.Path(exists=True, dir_okay=False), help="A .npy file: the class of each real row.")
@click.option("--n", type=click.IntRange(min=4), help="Rows per side. All rows of finite sources when absent.")
@click.option("--metrics", help="Names or topics (transport, …, all), separated by commas.")
@click.option("--features", help="A feature map; see: gandiag list features.")
@allow_download
@click.option("--latent", help="Latent of a bare generator module: normal:128, uniform:100.")
@click.option("--batch-size", type=click.IntRange(min=1), help="Rows per call of a generator.")
@click.option("--timeout", type=click.FloatRange(min=0, min_open=True), help="Seconds that drawing a fake may take.")
@click.option("--draw-twice", is_flag=True, help="Draw fakes twice under one seed, and note what differs.")
@click.option("--permutations", type=click.IntRange(min=19), default=2499, show_default=True, help="At most, per test.")
@click.option("--by-class", is_flag=True, help="Score every class alone as well: conditional generators.")
@click.option("--no-cache", is_flag=True, help="Neither read nor write the feature cache; see: gandiag cache info.")
@click.option("--accept-unverified", is_flag=True, help="Take statistics of another program for REAL, knowingly.")
@click.option("--shard", help="Score shard i/k alone (3/16) and write its part to --json; see: gandiag merge.")
@click.option("--device", help="cuda does the heavy work there; cpu does not.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@report_files
def command(
    real: str,
    fake: tuple[str, ...],
    train: str | None,
    labels: str | None,
    n: int | None,
    metrics: str | None,
    features: str | None,
    latent: str | None,
    batch_size: int | None,
    timeout: float | None,
    draw_twice: bool,
    permutations: int,
    by_class: bool,
    no_cache: bool,
    accept_unverified: bool,
    shard: str | None,
    device: str | None,
    seed: int,
    outputs: Outputs,
) -> int:
    """Score one or more samplers (FAKE) against REAL data.

    A source is a file (x.npy, x.npz, x.csv, x.safetensors, net.onnx), a folder, zip archive or tar shards of images,
    code that you own (my_gan.py:sampler, package.module:attr; this runs that code), a program (exec:"./gen {n} {seed}";
    this runs that program), a built-in (toy:ring8, data:digits?split=test) or a pathology of one
    (data:digits!drop_modes=3). Options of a source stand behind a question mark: photos?recursive=yes.
    """
    import gandiag.api
    from gandiag.cli._sharded import scored_in_shards
    from gandiag.cli._terminal import exit_code, progress_bar, stdout_for_results_only, write_and_print
    from gandiag.shards.ranks import rank_of_environment

    outputs.refuse_clashes((real, *fake, train, labels))
    opening = {"latent": latent, "batch_size": batch_size, "timeout": timeout, "draw_twice": draw_twice or None}
    asked: dict[str, Any] = {
        "metrics": None if metrics is None else [m.strip() for m in metrics.split(",") if m.strip()],
        "features": features,
        "n": n,
        "seed": seed,
        "cache": not no_cache,
        **{key: value for key, value in opening.items() if value is not None},
    }
    if shard is not None or rank_of_environment() is not None:
        others = {"--train": train, "--labels": labels, "--by-class": by_class, "--device": device}
        named = click.get_current_context().get_parameter_source("permutations") is ParameterSource.COMMANDLINE
        others |= {"--permutations": named, "--accept-unverified": accept_unverified}
        return scored_in_shards(real, fake, shard, outputs, others, asked)
    with stdout_for_results_only(), progress_bar() as progress:
        report = gandiag.score(
            real,
            _distinct(fake),
            train=train,
            labels=None if labels is None else gandiag.api.read_labels(labels),
            permutations=permutations,
            device=device,
            by_class=by_class,
            accept_unverified=accept_unverified,
            progress=progress,
            **asked,
        )
    write_and_print(report, outputs)
    return exit_code(report)


def _distinct(sources: tuple[str, ...]) -> dict[str, str]:
    """Name each source by its address, as reports show it; a name given twice is numbered."""
    from gandiag.api import shown

    out: dict[str, str] = {}
    for source in sources:
        first = name = shown(source)
        count = 2
        while name in out:
            name, count = f"{first} ({count})", count + 1
        out[name] = source
    return out
