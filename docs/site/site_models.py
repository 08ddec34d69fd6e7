"""One page per reference model: the formula, the code beside it, what it scored, its pictures."""

from __future__ import annotations

import ast
import inspect
import re
import tomllib
from pathlib import Path

import numpy as np
from site_prose import escaped, fenced, markdown

from reference_models import losses
from reference_models.acceptance.accept import table
from reference_models.core.model import MODELS, ModelSpec
from reference_models.core.presets import preset_names

ROOT = Path(__file__).parents[2]
HOUSE = ROOT / "reference_models"
CODE = "code"  # where the sources lie on the site, for Sphinx to quote from


def place(name: str) -> str:
    """Say where the page of a model lies on the site."""
    return f"models/{name}.md"


def pages() -> dict[str, str]:
    """Write the pages of all models; path on the site -> text."""
    rows = [line.strip("|").split(" | ") for line in table().replace("\\|", "&#124;").splitlines()]
    return {place(spec.name): _page(spec, rows) for spec in MODELS}


def sources() -> dict[str, str]:
    """Give the files that the pages quote; path on the site -> text."""
    files = [HOUSE / "losses.py", *sorted((HOUSE / "models").glob("*.py"))]
    return {f"{CODE}/{path.name}": path.read_text() for path in files}


def _page(spec: ModelSpec, rows: list[list[str]]) -> str:
    first, _, rest = (inspect.getdoc(inspect.getmodule(spec.model)) or "").partition("\n")
    parts = [
        f"# {first.partition(',')[0].rstrip('.')}: `{spec.name}`",
        f"{escaped(spec.summary)}\n\n*{escaped(spec.paper)}.*",
        f"## The idea\n\n{escaped(first)}\n\n{markdown(rest)}",
        f"## The formula, and the code\n\n{fenced(spec.formula)}",
        _beside("One step of training", _step(spec)),
        *[_beside(f"`{name}`", _quoted(file, name)) for file, name in _losses(spec)],
        f"The whole file is {{download}}`reference_models/models/{_file(spec.model)} <../{CODE}/{_file(spec.model)}>`.",
        _trying(spec),
        _acceptance(spec, rows),
        _pictures(spec),
        _claims(spec),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _beside(title: str, code: str) -> str:
    return f"### {title}\n\n{code}"


def _file(thing: object) -> str:
    return Path(inspect.getsourcefile(thing) or "").name  # type: ignore[arg-type]


def _quoted(file: str, name: str) -> str:
    return f"```{{literalinclude}} ../{CODE}/{file}\n:language: python\n:pyobject: {name}\n:dedent:\n```"


def _step(spec: ModelSpec) -> str:
    """Quote ``step`` from the class that defines it."""
    owner = next(kind for kind in spec.model.__mro__ if "step" in vars(kind))
    return _quoted(_file(owner), f"{owner.__name__}.step")


def _losses(spec: ModelSpec) -> list[tuple[str, str]]:
    """List the losses that a model is trained by: functions of its own file by their name, and shared ones it uses."""
    tree = ast.parse((HOUSE / "models" / _file(spec.model)).read_text())
    own = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
    used = {ast.unparse(node).removeprefix("losses.") for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    shared = [
        name
        for name, value in vars(losses).items()
        if inspect.isfunction(value) and value.__module__ == losses.__name__ and name in used
    ]
    telling = re.compile(r"loss|elbo|energy|penalty|objective|divergence|score|coupl|log_prob|nll|kl")
    skipped = {"game_scalars", "gradient_norm"}
    return [
        *((_file(spec.model), name) for name in own if telling.search(name) and not name.startswith("_")),
        *(("losses.py", name) for name in shared if name not in skipped),
    ]


def _trying(spec: ModelSpec) -> str:
    presets = preset_names(spec.name)
    first = next((name for name in presets if name.startswith("cpu")), presets[0])
    command = f"$ python -m reference_models train {spec.name} --preset {first} --out runs/{spec.name}"
    listed = ", ".join(f"`{name}`" for name in presets)
    return f"## Train it\n\n{fenced(command, 'console')}\n\nPresets: {listed}."


def _acceptance(spec: ModelSpec, rows: list[list[str]]) -> str:
    """Turn the model's rows of the table of acceptance on their side: on a page of one model they are few and long."""
    names = [cell.strip() for cell in rows[0]]
    mine = [[cell.strip() for cell in row] for row in rows[2:] if row[0].strip() == spec.name]
    if not mine:
        return ""
    lines = []
    for row in mine:
        told = dict(zip(names, row, strict=True))
        facts = ", ".join(
            f"{what}: {told[what]}" for what in ("judged as", "seeds", "minutes") if told.get(what) != "–"
        )
        lines.append(f"**`{told['preset']}`** ({facts}): {told['result']}.\n:   {told['medians']}")
    head = (
        "## What it scored\n\nBars were set before training, from what fresh real samples score; medians over seeds. "
    )
    return f"{head}[The bars](../reference_models/README.md).\n\n" + "\n\n".join(lines)


def _pictures(spec: ModelSpec) -> str:
    parts = [
        f"{escaped(claim)}\n\n![{escaped(claim)}](../stories/{name}.png)" for name, claim in _stories(spec.name).items()
    ]
    parts += [
        f"Samples of the checkpoint that ships, `model:{name}`.\n\n![Samples of {name}]({name}.png)"
        for name in shipped()
        if _trained(name) == spec.name
    ]
    return "## Pictures\n\n" + "\n\n".join(parts) if parts else ""


def _stories(model: str) -> dict[str, str]:
    """Find the stories that a model plays in, by the name in their code, and their claims."""
    from reference_models.core.stories import STORIES

    played = re.compile(rf"""["']{model}["'/]|models\.{model}\b|models import (?:.*, )?{model}\b""")
    shown = {path.stem for path in (ROOT / "docs" / "stories").glob("*.png")}
    return {
        story.name: story.claim
        for story in STORIES
        if story.name in shown and played.search((HOUSE / "stories" / f"{story.name}.py").read_text())
    }


def _claims(spec: ModelSpec) -> str:
    """Link the claims of the lectures whose command names the model."""
    found = []
    for deck in sorted((ROOT / "docs" / "lectures").glob("S*.toml")):
        for claim in tomllib.loads(deck.read_text())["claim"]:
            if re.search(rf"(?:train|accept) {spec.name}\b", claim.get("command", "")):
                anchor = re.sub(r"[^a-z0-9]+", "-", claim["id"].lower())
                found.append(f"- [{escaped(claim['title'])}](../lectures/index.md#{anchor}): {claim['verdict']}")
    return "## What lectures say of it\n\n" + "\n".join(found) if found else ""


def shipped() -> list[str]:
    """List the checkpoints that ship."""
    return sorted(path.stem for path in (HOUSE / "checkpoints").glob("*.safetensors"))


def _trained(name: str) -> str:
    from reference_models.core.checkpoint import read_facts

    return str(read_facts(HOUSE / "checkpoints" / f"{name}.safetensors")["name"])


def draw(folder: Path) -> None:
    """Draw samples of every checkpoint that ships, one picture each."""
    import gandiag

    for name in shipped():
        values = np.asarray(gandiag.open_sampler(f"model:{name}").sample(48, rng=np.random.default_rng(0)).values)
        rows = values.reshape(4, 12, *values.shape[1:3]).transpose(0, 2, 1, 3)
        _save(rows.reshape(rows.shape[0] * rows.shape[1], -1), folder / f"{name}.png")


def _save(grey: np.ndarray, path: Path) -> None:
    from PIL import Image

    low, high = float(grey.min()), float(grey.max())
    levels = np.uint8(255 - 255 * (grey - low) / (high - low))
    Image.fromarray(levels).resize((6 * grey.shape[1], 6 * grey.shape[0]), Image.Resampling.NEAREST).save(path)
