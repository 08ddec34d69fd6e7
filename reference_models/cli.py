"""The command line: ``python -m reference_models list | train | resume | sample | evaluate | accept | story``.

Results go to stdout, everything else to stderr; the exit codes are those of gandiag.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gandiag.errors import GandiagError

if TYPE_CHECKING:
    from reference_models.core.loop import Run
    from reference_models.core.model import Scalars

_OUT = click.Path(file_okay=False, path_type=Path)
_DEVICE = click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or mps.")
_SEED = click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)


def main() -> None:
    """Run the command line, and turn errors of ours into one line and an exit code."""
    try:
        commands(standalone_mode=False)
    except click.exceptions.Exit as stop:
        sys.exit(stop.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted; what was trained is saved", err=True)
        sys.exit(130)
    except GandiagError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def commands() -> None:
    """Train the classic generators, and sample from them."""


@commands.command("list")
@click.option("--names", is_flag=True, help="Names only, one a line.")
def list_models(names: bool) -> None:
    """List the models and their presets, and the stories."""
    from reference_models.core.model import MODELS
    from reference_models.core.presets import preset_names
    from reference_models.core.stories import STORIES

    if names:
        click.echo("\n".join(MODELS.names()))
        return
    for spec in MODELS:
        click.echo(f"{spec.name}  {spec.summary}")
        click.echo(f"    {spec.formula}\n    {spec.paper}\n    presets {', '.join(preset_names(spec.name))}")
    for story in STORIES:
        click.echo(f"story {story.name}  {story.claim}")


@commands.command("train")
@click.argument("name")
@click.option("--preset", default="cpu", show_default=True, help="See `list`.")
@click.option("--out", type=_OUT, required=True, help="Folder of the run; a run that is there goes on.")
@click.option("--data", multiple=True, help="A source, once per domain, instead of the preset's.")
@click.option("--steps", type=click.IntRange(min=1), help="Steps of the generator, instead of the preset's.")
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="Another setting, once for each.")
@_SEED
@_DEVICE
def train_model(
    name: str,
    preset: str,
    out: Path,
    data: tuple[str, ...],
    steps: int | None,
    settings: tuple[str, ...],
    seed: int,
    device: str,
) -> None:
    """Train the model NAME."""
    from reference_models.core.running import train

    changes = dict(_setting(text) for text in settings)
    if steps is not None:
        changes["steps"] = steps
    with _progress() as bar:
        run = train(
            name, preset, data=list(data) or None, out=out, seed=seed, device=device, callbacks=[bar], **changes
        )
    _tell(run)


@commands.command("resume")
@click.argument("out", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--steps", type=click.IntRange(min=1), help="In all.  [default: the preset's]")
@click.option("--data", multiple=True, help="Where the data are, when they are no built-in.")
@_DEVICE
def resume_run(out: Path, steps: int | None, data: tuple[str, ...], device: str) -> None:
    """Go on with the run in the folder OUT."""
    from reference_models.core.running import resume

    with _progress() as bar:
        run = resume(out, steps=steps, data=list(data) or None, device=device, callbacks=[bar])
    _tell(run)


@commands.command("sample")
@click.argument("checkpoint")
@click.option("-n", "n", type=click.IntRange(min=1), default=1000, show_default=True)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="A .npy or .npz file.")
@_SEED
@_DEVICE
def sample_model(checkpoint: str, n: int, out: Path, seed: int, device: str) -> None:
    """Draw samples from a CHECKPOINT: a file, the folder of a run, or a name that ships with the package."""
    import numpy as np

    from reference_models.core.trained import load

    samples = load(checkpoint, device=device).sample(n, rng=np.random.default_rng(seed))
    if out.suffix == ".npz" and samples.labels is not None:
        np.savez(out, x=samples.values, y=samples.labels)
    else:
        np.save(out, samples.values)
    click.echo(f"{out}: {n} samples of shape {samples.shape}", err=True)


@commands.command("evaluate")
@click.argument("checkpoint")
@click.option("--real", help="Held-out real data.  [default: the test half of bundled digits, or the law]")
@click.option("--n", "n", type=click.IntRange(min=20), help="Rows per side.")
@click.option("--html", type=click.Path(dir_okay=False, path_type=Path))
@_SEED
@_DEVICE
def evaluate_model(checkpoint: str, real: str | None, n: int | None, html: Path | None, seed: int, device: str) -> None:
    """Score a CHECKPOINT with gandiag, against data that it was not trained on where there are such."""
    import gandiag
    from reference_models.core.trained import load

    trained = load(checkpoint, device=device)
    source = trained.facts["data"]["sources"][-1]
    held_out = real or source.replace("split=train", "split=test")
    report = gandiag.score(
        held_out, trained, train=source if held_out != source and "split=" in source else None, n=n, seed=seed
    )
    click.echo(report.to_text())
    if html is not None:
        report.to_html(html)


@commands.command("story")
@click.argument("name")
@click.option("--out", type=_OUT, required=True, help="Folder for the figure and the numbers.")
@click.option("--quick", is_flag=True, help="Seconds instead of a minute or two.")
@_SEED
def tell_story(name: str, out: Path, quick: bool, seed: int) -> None:
    """Show one claim: NAME.png and NAME.json. The exit code is 1 when the claim did not come out."""
    from reference_models.core.stories import STORIES

    story = STORIES.get(name)
    with _progress() as bar:
        tale = story.tell(out, seed=seed, quick=quick, progress=bar.at)
    click.echo(f"{'holds' if tale.holds else 'DOES NOT HOLD'}: {story.claim}")
    for key, value in tale.numbers.items():
        click.echo(f"    {key} = {value}")
    if not tale.holds:
        raise click.exceptions.Exit(1)


@commands.command("accept")
@click.argument("names", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Every model and preset that a judge exists for.")
@click.option("--preset", help="One preset instead of all of the model's.")
@click.option("--seeds", type=click.IntRange(min=1), default=3, show_default=True)
@click.option("--out", type=_OUT, required=True, help="Folder of the runs; what is there is not trained again.")
@click.option("--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Processes.")
@click.option("--write", is_flag=True, help="Store the results, and write the tables of the README.")
def accept_models(
    names: tuple[str, ...], everything: bool, preset: str | None, seeds: int, out: Path, jobs: int, write: bool
) -> None:
    """Train models NAMES with several seeds and judge them. The exit code is 1 when one misses a bar."""
    from reference_models.acceptance.accept import accept, judged_presets, store
    from reference_models.acceptance.page import write as write_page

    if everything == bool(names):
        raise click.UsageError("Name models, or pass --all.")
    chosen = [(m, p) for m, p in judged_presets(names or None) if preset in (None, p)]
    if not chosen:
        raise click.UsageError("No judge exists for that: see `list` for the presets.")
    results = accept(chosen, seeds=seeds, out=out, jobs=jobs)
    for found in results:
        verdict = "passes" if found["passes"] else f"FAILS: {', '.join(found['misses'] + found['broken'])}"
        click.echo(f"{found['model']} {found['preset']}: {verdict}; {found['median']}")
    if write:
        store(results)
        write_page()
    if not all(found["passes"] for found in results):
        raise click.exceptions.Exit(1)


@commands.command("bars")
@click.argument("places", nargs=-1)
@click.option("--times", type=click.IntRange(min=10), default=60, show_default=True, help="Draws of the floor.")
@click.option("--store", type=click.Path(dir_okay=False, path_type=Path), help="Write them there.")
def measure_bars(places: tuple[str, ...], times: int, store: Path | None) -> None:
    """Measure the floors of PLACES and what must fail there, and set the bars; before any model is trained."""
    import json

    from reference_models.acceptance.accept import bars_table
    from reference_models.acceptance.bars import STORE, Bar, measured_bars
    from reference_models.acceptance.places import PLACES
    from reference_models.core.checkpoint import replace_file

    path = store or STORE
    for place in places or PLACES:
        found = measured_bars(PLACES[place](), times=times)
        kept = json.loads(path.read_text()) if path.exists() else {}
        replace_file(path, json.dumps({**kept, place: found}, indent=1, sort_keys=True).encode() + b"\n")
        click.echo(f"{place}\n{bars_table([Bar(**bar) for bar in found['bars']])}")
        for name, entry in found["must_fail"].items():
            click.echo(f"    {name}: {'fails ' + ', '.join(entry['fails']) if entry['fails'] else 'FAILS NOTHING'}")


class _Bar:
    """A progress bar on stderr, silent where that is no terminal."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import Progress

        self._bar = Progress(console=Console(stderr=True), transient=True)
        self._task = self._bar.add_task("", total=None)
        self._shown = 0.0

    def at(self, step: str, done: int, total: int) -> None:
        """Show how far long work is."""
        self._bar.update(self._task, description=step, completed=done, total=total)

    def on_step(self, run: Run, scalars: Scalars) -> None:
        """Show how far a run is, at most ten times a second."""
        now = time.perf_counter()
        if now - self._shown > 0.1 or run.step == run.preset.steps:
            self._shown = now
            self.at(run.spec.name, run.step, run.preset.steps)


@contextmanager
def _progress() -> Iterator[_Bar]:
    bar = _Bar()
    with bar._bar:
        yield bar


def _setting(text: str) -> tuple[str, Any]:
    """Read ``name=value``, the value as TOML where it is some, else as text."""
    import tomllib

    name, equals, value = text.partition("=")
    if not equals or not name.isidentifier():
        raise click.UsageError(f"Write --set name=value, not {text!r}.")
    try:
        return name, tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return name, value


def _tell(run: Run) -> None:
    last = {k: round(v, 4) for k, v in run.history[-1].items()} if run.history else {}
    click.echo(f"{run.spec.name}: {run.step} steps in {run.seconds:.1f} s on {run.model.device}; {last}")
    if run.checkpoint is not None:
        click.echo(str(run.checkpoint))
