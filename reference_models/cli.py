"""The command line, ``python -m reference_models COMMAND``: models trained and sampled, claims and figures shown.

Results go to stdout, everything else to stderr; the exit codes are those of gandiag.
"""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gandiag.errors import GandiagError
from reference_models.proof_cli import accept_models, measure_bars, tell_published, tell_stories

if TYPE_CHECKING:
    from reference_models.core.loop import Callback, Run

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
    """List the models and their presets, the stories, and the published figures."""
    from reference_models.core.model import MODELS
    from reference_models.core.presets import preset_names
    from reference_models.core.published import PUBLISHED
    from reference_models.core.stories import STORIES

    if names:
        click.echo("\n".join(MODELS.names()))
        return
    for spec in MODELS:
        click.echo(f"{spec.name}  {spec.summary}")
        click.echo(f"    {spec.formula}\n    {spec.paper}\n    presets {', '.join(preset_names(spec.name))}")
    for story in STORIES:
        click.echo(f"story {story.name}  {story.claim}")
    for figure in PUBLISHED:
        click.echo(f"published {figure.name}  {figure.title}: {figure.source}")


@commands.command("train")
@click.argument("name")
@click.option("--preset", default="cpu", show_default=True, help="See `list`.")
@click.option("--out", type=_OUT, required=True, help="Folder of the run; a run that is there goes on.")
@click.option("--data", multiple=True, help="A source, once per domain, instead of the preset's.")
@click.option("--steps", type=click.IntRange(min=1), help="Steps of the generator, instead of the preset's.")
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="Another setting, once for each.")
@click.option("--lab", type=click.IntRange(min=1), help="Record a frame for `gandiag lab` every so many steps.")
@_SEED
@_DEVICE
def train_model(
    name: str,
    preset: str,
    out: Path,
    data: tuple[str, ...],
    steps: int | None,
    settings: tuple[str, ...],
    lab: int | None,
    seed: int,
    device: str,
) -> None:
    """Train the model NAME."""
    from reference_models.core.lab import Lab
    from reference_models.core.progress import progress_bar
    from reference_models.core.running import train

    changes = dict(_setting(text) for text in settings)
    if steps is not None:
        changes["steps"] = steps
    with progress_bar() as bar, ExitStack() as stack:
        watchers: list[Callback] = [bar] if lab is None else [bar, stack.enter_context(Lab(lab))]
        run = train(
            name, preset, data=list(data) or None, out=out, seed=seed, device=device, callbacks=watchers, **changes
        )
    _tell(run)


@commands.command("resume")
@click.argument("out", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--steps", type=click.IntRange(min=1), help="In all.  [default: the preset's]")
@click.option("--data", multiple=True, help="Where the data are, when they are no built-in.")
@_DEVICE
def resume_run(out: Path, steps: int | None, data: tuple[str, ...], device: str) -> None:
    """Go on with the run in the folder OUT."""
    from reference_models.core.progress import progress_bar
    from reference_models.core.running import resume

    with progress_bar() as bar:
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
    if out.suffix == ".npz":
        arrays = {"x": samples.values} if samples.labels is None else {"x": samples.values, "y": samples.labels}
        np.savez(out, **arrays)
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
    from reference_models.core.data import from_file
    from reference_models.core.trained import load

    trained = load(checkpoint, device=device)
    source = from_file(trained.facts["data"]["sources"][-1])
    held_out = real or source.replace("split=train", "split=test")
    train = trained.seen(source) if held_out != source and "split=" in source else None
    report = gandiag.score(trained.seen(held_out), trained, train=train, n=n, seed=seed)
    click.echo(report.to_text())
    if html is not None:
        report.to_html(html)


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


for _command in (accept_models, measure_bars, tell_stories, tell_published):
    commands.add_command(_command)
