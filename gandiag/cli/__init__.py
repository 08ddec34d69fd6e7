"""The command line: results on stdout, everything else on stderr, one exit code per kind of trouble.

``0`` done, ``1`` a check that was asked for did not pass, ``2`` usage or configuration, ``3`` data or sampler,
``4`` numerical or internal, ``5`` a limit was reached, ``130`` interrupted.
"""

from __future__ import annotations

import importlib
import os
import sys
import threading
import traceback
from pathlib import Path
from typing import Any

import click

from gandiag import __version__
from gandiag.errors import GandiagError

# Name -> one line. The module of a command is imported when it is called, never for --help.
COMMANDS = {
    "demo": "The whole thing on bundled digits, in a minute: writes report.html and report.json.",
    "score": "Score one or more samplers against real data.",
    "merge": "Make one report of the parts that shards of a score have written.",
    "plot": "One figure of a report, in the width and the letters of a venue, with its numbers as CSV.",
    "table": "A table of a report: LaTeX with what is significantly best in bold, Markdown, CSV.",
    "lab": "One page that replays a recorded training run in the plane, or compares two.",
    "features": "Map the real side once and keep it: a reference for many scores.",
    "check": "Judge whether a sampler may pass: pass, fail or inconclusive, with a declared false-alarm rate.",
    "baseline": "Keep what a sampler was when it was accepted, and see what has changed since.",
    "plan": "What a gate sees with so many rows, and how many rows it needs.",
    "list": "List metrics, samplers, features, plots, diagnoses, datasets or pathologies.",
    "calibrate": "Whether the p-values of a metric keep their level, and what they see.",
    "cache": "What the feature cache holds, and how to empty it.",
    "doctor": "What is installed, what works, and what to do about what does not.",
}


# Options of sources, which have no option of a command, with what could stand for them in an address.
_ADDRESSED = {
    "alpha": "white",
    "frames": "first",
    "key": "NAME",
    "lag": "1",
    "layout": "channels_first",
    "recursive": "yes",
    "value_range": "0:1",
}


class LazyGroup(click.Group):
    """Loads the module of a command only when the command is run."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the commands in the order of their use."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"gandiag.cli.{cmd_name}_command").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """Say the nearest command for one that does not exist."""
        from gandiag.core.names import nearest

        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            ctx.fail(f"There is no command {args[0]!r}. " + nearest(args[0], list(COMMANDS), "See gandiag --help."))
        return super().resolve_command(ctx, args)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="gandiag")
def program() -> None:
    """Is my generator any good? Scores any sampler against real data, from samples alone.

    Says how far apart both are, whether that number means anything, and what is wrong.
    """


def main() -> None:
    """Run the command line and turn errors into exit codes."""
    try:
        sys.exit(program(standalone_mode=False) or 0)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted", err=True)
        _leave_threads_behind()
        sys.exit(130)
    except GandiagError as error:
        sys.exit(_told(f"{error}{_in_an_address(error.remedy)}", error.exit_code))
    except MemoryError as error:
        sys.exit(_told(f"out of memory. {error}. Give fewer rows with --n, or fewer metrics.", 5))
    except BrokenPipeError:
        sys.exit(141)
    except OSError as error:
        sys.exit(_told(f"a file must be readable and stdout writable; got {error}. Mend it, and run again.", 3))
    except Exception as error:
        at = traceback.extract_tb(error.__traceback__)[-1]
        what = f"{type(error).__name__} at {Path(at.filename).name}:{at.lineno}: {error}"
        sys.exit(_told(f"internal error; got {what}. This is a bug of gandiag: please report it.", 4))


def _in_an_address(remedy: str) -> str:
    """Say how an option that a remedy names as Python does is written here, where sources are text."""
    named = [option for option in _ADDRESSED if f"{option}=" in remedy and f"?{option}=" not in remedy]
    return (
        f" On the command line such an option stands behind the source: SOURCE?{named[0]}={_ADDRESSED[named[0]]}"
        if named
        else ""
    )


def _told(message: str, code: int) -> int:
    """Say why on stderr, without what could steer a terminal, and return the exit code."""
    from gandiag.core.wording import printable

    click.echo(f"gandiag: {printable(message)}", err=True)
    return code


def _leave_threads_behind() -> None:
    """End at once where metrics are still at work: nothing is written before they are done."""
    if any(thread.name.startswith("gandiag") for thread in threading.enumerate()):
        sys.stderr.flush()
        os._exit(130)
