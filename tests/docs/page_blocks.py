"""The blocks of code of a page: found by a reader of Markdown, and run in their order as a reader would.

``python`` runs, and where a block of ``text`` stands right below, prints its lines; one that begins with the name of a
file, ``# my_gan.py``, is that file as well. Of ``console`` each line that begins
with ``$`` runs and prints the lines below it; it ends with 0, or as its remark ``# exits with N`` says. ``toml`` is a
policy, ``yaml`` and ``json`` can be read; ``text`` is what something prints, or words. A remark of HTML before a block
marks it: ``<!-- slow -->``, or ``<!-- not run: reason -->``.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shlex
import subprocess
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[2]
KNOWN = {"python", "console", "toml", "yaml", "json", "text"}
SHORTEST_REASON = 12


@dataclass(frozen=True)
class Block:
    """One block of a page, with the remark before it and the block of ``text`` right below it."""

    line: int
    language: str
    code: str
    remark: str = ""
    printed: str = ""

    @property
    def runs(self) -> bool:
        """Whether it is code, and nothing says that it is not run."""
        return self.language not in ("text", "") and not self.remark.startswith("not run")

    @property
    def slow(self) -> bool:
        """Whether it is kept for the slow tests."""
        return self.remark == "slow"


def blocks(text: str) -> list[Block]:
    """Read the blocks of a page, indented ones among them, which have no language."""
    tokens, found, remark = MarkdownIt("commonmark").parse(text), [], ""
    for at, token in enumerate(tokens):
        if token.type in ("fence", "code_block"):
            below = tokens[at + 1] if at + 1 < len(tokens) else None
            follows = below is not None and below.type == "fence" and below.info.strip() == "text"
            line = token.map[0] + 1 if token.map else 0
            printed = below.content if follows and below is not None and token.info.strip() == "python" else ""
            found.append(Block(line, token.info.strip(), token.content, remark, printed))
        told = re.fullmatch(r"<!-- (.*) -->", token.content.strip()) if token.type == "html_block" else None
        remark = told[1] if told else ""
    return found


def complaints(block: Block) -> list[str]:
    """Say why a block is neither run nor marked."""
    where = f"line {block.line}"
    if block.language not in KNOWN:
        return [f"{where}: {block.language or 'no language'}: say one of {', '.join(sorted(KNOWN))}"]
    if block.remark.startswith("not run") and len(block.remark.partition(": ")[2]) < SHORTEST_REASON:
        return [f"{where}: say why it is not run"]
    if block.language == "console" and not block.code.startswith("$ "):
        return [f"{where}: a console begins with a command"]
    if block.language == "text" and re.search(r"^\$ |^import |^from \w+ import ", block.code, flags=re.MULTILINE):
        return [f"{where}: code that is called text"]
    return []


def run(page: list[Block], folder: Path) -> None:
    """Run blocks in a folder; names live on from block to block."""
    # A module that can be found by its name: dataclasses look theirs up.
    module = ModuleType("page_under_test")
    names = module.__dict__
    with contextlib.ExitStack() as stack:
        # Not by putting the old modules back: what a block imports first (torch!) must never be loaded a second time.
        stack.callback(sys.modules.pop, module.__name__, None)
        sys.modules[module.__name__] = module
        stack.enter_context(contextlib.chdir(folder))
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("default")
        for block in page:
            RUN[block.language](block, names)


def _python(block: Block, names: dict[str, Any]) -> None:
    out = io.StringIO()
    file = re.match(r"# (\w+\.py)\n", block.code)
    if file:
        Path(file[1]).write_text(block.code)
    with contextlib.redirect_stdout(out):
        exec(compile("\n" * block.line + block.code, "page", "exec"), names)  # noqa: S102
    _require(block.printed.splitlines(), out.getvalue(), f"line {block.line}")


def _console(block: Block, names: dict[str, Any]) -> None:
    for part in commands(block.code):
        line, _, expected = part.partition("\n")
        said = re.search(r"# exits with (\d+)", line)
        code, printed = command(line)
        assert code == (int(said[1]) if said else 0), f"{line}: ended with {code}\n{printed}"
        _require(expected.splitlines(), printed, line)


def commands(code: str) -> list[str]:
    """List the commands of a console, each with the lines that are shown below it."""
    return re.split(r"^\$ ", code.replace("\\\n", " "), flags=re.MULTILINE)[1:]


def ours(line: str) -> list[str]:
    """Take a command of ours apart; nothing for others, or where a shell is needed."""
    line = line.partition("\n")[0]
    if re.search(r"[;|&*()<>$]", re.sub(r"'[^']*'|\"[^\"]*\"", "", line.partition(" #")[0])):
        return []
    words = shlex.split(line, comments=True)
    return words if words[:1] == ["gandiag"] or words[:3] == ["python", "-m", "reference_models"] else []


def _require(lines: list[str], printed: str, where: str) -> None:
    """Hold what was printed against the lines that a page shows; spaces at the ends and empty lines do not count."""
    have = [line.strip() for line in printed.splitlines()]
    missing = [line for line in lines if line.strip() and not any(line.strip() in shown for shown in have)]
    assert missing == [], f"{where}: not printed: {missing}\n{printed}"


def command(line: str) -> tuple[int, str]:
    """Run one command: ours within this process, where nothing is imported anew, others by a shell."""
    words = ours(line)
    if words[:1] == ["gandiag"]:
        from gandiag.cli import main

        return _called(main, words)
    if words:
        from reference_models.cli import main as models

        return _called(models, words[2:])
    return _by_shell(line)


def _called(main: Callable[[], None], words: list[str]) -> tuple[int, str]:
    out, code = io.StringIO(), 0
    here = [str(Path.cwd()), *sys.path]
    with contextlib.ExitStack() as stack:
        stack.enter_context(mock.patch.object(sys, "argv", words))
        stack.enter_context(mock.patch.object(sys, "path", here))
        stack.enter_context(mock.patch.dict(os.environ, {"COLUMNS": "80"}))
        stack.enter_context(contextlib.redirect_stdout(out))
        stack.enter_context(contextlib.redirect_stderr(out))
        try:
            main()
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    return code, out.getvalue()


def _by_shell(line: str) -> tuple[int, str]:
    programs = Path.cwd() / ".programs"
    programs.mkdir(exist_ok=True)
    for name, words in {"gandiag": "-m gandiag", "python": ""}.items():
        (programs / name).write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {words} "$@"\n')
        (programs / name).chmod(0o755)
    environment = {**os.environ, "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(["bash", "-c", line], env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def _toml(block: Block, names: dict[str, Any]) -> None:
    from gandiag.gate.policy import read_policies

    Path("gandiag.toml").write_text(block.code)
    assert read_policies(Path("gandiag.toml"))


def _yaml(block: Block, names: dict[str, Any]) -> None:
    import yaml

    assert yaml.safe_load(block.code)


def _json(block: Block, names: dict[str, Any]) -> None:
    json.loads(block.code)


RUN: dict[str, Callable[[Block, dict[str, Any]], None]] = {
    "python": _python,
    "console": _console,
    "toml": _toml,
    "yaml": _yaml,
    "json": _json,
}
