"""Commands of the table of lectures: taken apart without being run, and run."""

from __future__ import annotations

import ast
import copy
import importlib.util
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import click

from gandiag.cli import COMMANDS
from gandiag.cli.list_command import TOPICS
from gandiag.core.specs import DATASETS, METRICS, PATHOLOGIES

ROOT = Path(__file__).parents[2]


def complaints(line: str) -> list[str]:
    """Say what is wrong with a command, whose parts are joined by &&; nothing is run."""
    return [found for part in line.split(" && ") for found in _of_part(shlex.split(part))]


def _of_part(args: list[str]) -> list[str]:
    if args[:1] == ["gandiag"]:
        return _of_gandiag(args[1:])
    if args[:3] == ["python", "-m", "reference_models"]:
        return _of_models(args[3:])
    if args[:2] == ["python", "-c"] and len(args) == 3:
        return _of_code(args[2])
    return [f"no command of ours: {args}"]


def _parsed(command: click.Command, args: list[str], found: list[str]) -> dict[str, Any]:
    # Files that a command reads may be made by the part before it.
    command = copy.deepcopy(command)
    for parameter in command.params:
        if isinstance(parameter.type, click.Path):
            parameter.type.exists = False
    try:
        return command.make_context(str(command.name), list(args)).params
    except click.ClickException as error:
        found.append(error.format_message())
        return {}


def _of_gandiag(args: list[str]) -> list[str]:
    if not args or args[0] not in COMMANDS:
        return [f"no command {args[:1]}"]
    found: list[str] = []
    module = importlib.import_module(f"gandiag.cli.{args[0]}_command")
    asked = _parsed(module.command, args[1:], found)
    text = " ".join(args)
    found += [
        f"no data set {n}" for n in re.findall(r"(?:toy|data|model):([a-z0-9_-]+)", text) if n not in DATASETS.names()
    ]
    found += [f"no pathology {n}" for n in re.findall(r"!([a-z_]+)=", text) if n not in PATHOLOGIES.names()]
    metrics = asked.get("metrics") or ""
    known = {*METRICS.names(), *TOPICS, "all", ""}
    # `calibrate` takes metrics one by one, and those of others.
    names = metrics.split(",") if isinstance(metrics, str) else []
    return found + [f"no metric {name}" for name in names if name not in known]


def _of_models(args: list[str]) -> list[str]:
    from reference_models.cli import commands
    from reference_models.core.model import MODELS
    from reference_models.core.presets import preset_names
    from reference_models.core.stories import STORIES

    if not args or args[0] not in commands.commands:
        return [f"no command {args[:1]}"]
    found: list[str] = []
    asked = _parsed(commands.commands[args[0]], args[1:], found)
    if args[0] == "story":
        found += [f"no story {name}" for name in asked.get("names", ()) if name not in STORIES.names()]
    if args[0] == "train" and asked:
        name = asked["name"]
        if name not in MODELS.names() or asked["preset"] not in preset_names(name):
            return [*found, f"no model {name} with a preset {asked['preset']}"]
        fields = MODELS.get(name).config.__dataclass_fields__
        found += [f"no setting {s}" for s in asked["settings"] if s.partition("=")[0] not in fields]
    return found


def _of_code(code: str) -> list[str]:
    try:
        tree = ast.parse(code)
    except SyntaxError as error:
        return [str(error)]
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            found += [f"{node.module} has no {a.name}" for a in node.names if not _holds(node.module or "", a.name)]
    return found


def _holds(module: str, name: str) -> bool:
    """Say whether a module of ours defines a name or has it for a submodule, by its text; others are found or not."""
    if not module.startswith(("gandiag", "reference_models")):
        return importlib.util.find_spec(module.partition(".")[0]) is not None
    path = ROOT.joinpath(*module.split("."))
    if path.is_dir():
        if (path / f"{name}.py").exists() or (path / name).is_dir():
            return True
        path = path / "__init__"
    source = path.with_suffix(".py")
    return (
        source.exists()
        and re.search(rf"^(def |class )?{name}\b|import .*\b{name}\b", source.read_text(), re.M) is not None
    )


def run(line: str, folder: Path, limit: float) -> str:
    """Run a command in a folder, part by part, and give what was printed, its lines joined.

    A part that ends with an error is an error.
    """
    programs = {"gandiag": [sys.executable, "-m", "gandiag"], "python": [sys.executable]}
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200"}
    printed = []
    for part in line.split(" && "):
        program, *args = shlex.split(part)
        done = subprocess.run(
            [*programs[program], *args], cwd=folder, env=environment, capture_output=True, text=True, timeout=limit
        )
        if done.returncode:
            raise AssertionError(f"{part} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
        printed.append(done.stdout)
    return " ".join("".join(printed).split())
