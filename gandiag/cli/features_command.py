"""``gandiag features``."""

from __future__ import annotations

from pathlib import Path

import click

from gandiag.cli._downloads import allow_download


@click.command("features")
@click.argument("source")
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="A .npz or .safetensors.")
@click.option("--features", help="A feature map; see: gandiag list features.")
@allow_download
@click.option("--labels", type=click.Path(exists=True, dir_okay=False), help="A .npy file: the class of each row.")
@click.option("--n", type=click.IntRange(min=4), help="Rows. All rows of a finite source when absent.")
@click.option(
    "--statistics", is_flag=True, help="Write mean and covariance alone, in one pass over any number of rows."
)
@click.option("--no-cache", is_flag=True, help="Neither read nor write the feature cache.")
@click.option("--device", help="Where the network of the feature map runs: cuda, cuda:1 or cpu.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
def command(
    source: str,
    out: Path,
    features: str | None,
    labels: str | None,
    n: int | None,
    statistics: bool,
    no_cache: bool,
    device: str | None,
    seed: int,
) -> None:
    """Map SOURCE, the real data, to features once and write them as a reference.

    gandiag score REFERENCE FAKE then needs neither the real data nor their way through the network. The reference names
    the feature map and its weights; fakes that would be mapped in another way are refused. Other programs read mean
    and covariance from the .npz as mu and sigma.
    """
    import gandiag.api
    from gandiag.cli._outputs import refuse_clashes
    from gandiag.cli._terminal import progress_bar, stdout_for_results_only
    from gandiag.featuring import save_features

    refuse_clashes({"out": out}, (source, labels), what="a reference")
    with stdout_for_results_only(), progress_bar() as progress:
        found = save_features(
            source,
            out,
            features=features,
            labels=None if labels is None else gandiag.api.read_labels(labels),
            n=n,
            seed=seed,
            cache=not no_cache,
            rows=not statistics,
            device=device,
            progress=progress,
        )
    what = "mean and covariance of" if found.rows is None else f"{len(found.rows.fit)} rows set aside and"
    click.echo(f"{out}: {what} {found.n} rows of {found.d} features, {found.fingerprint}")
