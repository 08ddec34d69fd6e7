"""The commands that show what is claimed: ``accept``, ``bars``, ``story`` and ``published``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from gandiag.core.catalog import Catalog

_OUT = click.Path(file_okay=False, path_type=Path)


@click.command("accept")
@click.argument("names", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Every model and preset that a judge exists for.")
@click.option("--preset", help="One preset instead of all of the model's.")
@click.option("--seeds", type=click.IntRange(min=1), default=3, show_default=True)
@click.option(
    "--out", type=_OUT, required=True, help="Folder of the runs. What is judged, or among results kept, stays."
)
@click.option("--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Processes.")
@click.option(
    "--images",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="An .npz of x_train, y_train, x_test, y_test to train on and judge by; for presets such as gpu28.",
)
@click.option("--write", is_flag=True, help="Store the results, and write the tables of the README.")
def accept_models(
    names: tuple[str, ...],
    everything: bool,
    preset: str | None,
    seeds: int,
    out: Path,
    jobs: int,
    images: Path | None,
    write: bool,
) -> None:
    """Train models NAMES with several seeds and judge them. The exit code is 1 when one misses a bar."""
    from reference_models.acceptance.accept import accept, judged_presets, store
    from reference_models.acceptance.page import write as write_page

    if everything == bool(names):
        raise click.UsageError("Name models, or pass --all.")
    if images is not None and preset is None:
        raise click.UsageError("--images needs --preset, such as gpu28.")
    known = judged_presets(names or None) if images is None else [(name, str(preset)) for name in names]
    chosen = [(m, p) for m, p in known if preset in (None, p)]
    if not chosen:
        raise click.UsageError("No judge exists for that: see `list` for the presets.")
    results = accept(chosen, seeds=seeds, out=out, jobs=jobs, images=images)
    for found in results:
        verdict = "passes" if found["passes"] else f"FAILS: {', '.join(found['misses'] + found['broken'])}"
        click.echo(f"{found['model']} {found['preset']}: {verdict}; {found['median']}")
    if write:
        store(results, bars=None if images is None else out / "bars.json")
        write_page()
    if not all(found["passes"] for found in results):
        raise click.exceptions.Exit(1)


@click.command("bars")
@click.argument("places", nargs=-1)
@click.option("--times", type=click.IntRange(min=10), default=200, show_default=True, help="Draws of the floor.")
@click.option("--store", type=click.Path(dir_okay=False, path_type=Path), help="Write them there.")
def measure_bars(places: tuple[str, ...], times: int, store: Path | None) -> None:
    """Measure the floors of PLACES and what must fail there, and set the bars; before any model is trained."""
    from gandiag.core.files import replace_file
    from reference_models.acceptance.accept import bars_table
    from reference_models.acceptance.bars import STORE, Bar, measured_bars
    from reference_models.acceptance.places import PLACES

    path = store or STORE
    for place in places or PLACES:
        found = measured_bars(PLACES[place](), times=times)
        kept = json.loads(path.read_text()) if path.exists() else {}
        replace_file(path, json.dumps({**kept, place: found}, indent=1, sort_keys=True).encode() + b"\n")
        click.echo(f"{place}\n{bars_table([Bar(**bar) for bar in found['bars']])}")
        for name, entry in found["must_fail"].items():
            click.echo(f"    {name}: {'fails ' + ', '.join(entry['fails']) if entry['fails'] else 'FAILS NOTHING'}")


_NAMES = click.argument("names", nargs=-1)
_EVERYTHING = click.option("--all", "everything", is_flag=True, help="All of them.")
_FOLDER = click.option("--out", type=_OUT, required=True, help="Folder for figures, numbers, and their page.")
_QUICK = click.option("--quick", is_flag=True, help="Seconds each, instead of a minute or two.")
_SEED = click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)


@click.command("story")
@_NAMES
@_EVERYTHING
@_FOLDER
@_QUICK
@_SEED
def tell_stories(names: tuple[str, ...], everything: bool, out: Path, quick: bool, seed: int) -> None:
    """Show claims: NAME.png and NAME.json each. The exit code is 1 when one did not come out."""
    from reference_models.core.stories import STORIES, write_page

    _tell(STORIES, names, everything, out, write_page, quick=quick, seed=seed)


@click.command("published")
@_NAMES
@_EVERYTHING
@_FOLDER
@_QUICK
@_SEED
def tell_published(names: tuple[str, ...], everything: bool, out: Path, quick: bool, seed: int) -> None:
    """Run figures of papers again: NAME.png and NAME.json each. The exit code is 1 when one did not come out."""
    from reference_models.core.published import PUBLISHED, write_page

    _tell(PUBLISHED, names, everything, out, write_page, quick=quick, seed=seed)


def _tell(
    catalog: Catalog[Any],
    names: tuple[str, ...],
    everything: bool,
    out: Path,
    write_page: Callable[[Path], None],
    *,
    quick: bool,
    seed: int,
) -> None:
    from reference_models.core.progress import progress_bar
    from reference_models.core.stories import shown

    if everything == bool(names):
        raise click.UsageError("Name some, or pass --all.")
    failed = False
    for story in [catalog.get(name) for name in names or catalog.names()]:
        with progress_bar() as bar:
            tale = story.tell(out, seed=seed, quick=quick, progress=bar.at)
        click.echo(f"{story.name} {'holds' if tale.holds else 'DOES NOT HOLD'}: {story.claim}")
        for key, value in tale.numbers.items():
            click.echo(f"    {key} = {shown(value)}")
        failed |= not tale.holds
    write_page(out)
    if failed:
        raise click.exceptions.Exit(1)
