"""Build the site: ``python docs/make_site.py`` writes build/docs, and any warning is an error.

The pages of docs/ are its source and stay readable where they are. They are laid out in build/docs-source with what is
written at build time: a page per metric, per reference model and per public name. A link to a model's file leads to
its page, and the lists of links of index.md and course.md become the site's tables of contents; what is listed nowhere
is put at their end.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
sys.path[:0] = [str(ROOT), str(DOCS / "site")]

import site_api  # noqa: E402
import site_cards  # noqa: E402
import site_models  # noqa: E402
from site_links import broken_links  # noqa: E402
from site_prose import relinked, targets  # noqa: E402

SOURCE, OUT = ROOT / "build" / "docs-source", ROOT / "build" / "docs"
# Pages that lie outside of docs/.
ELSEWHERE = ("reference_models/README.md", "CHANGELOG.md")
KEPT = {".md", ".png", ".svg", ".yml", ".toml", ".py", ".json"}


def where(path: str) -> str | None:
    """Say where a path of the repository lies on the site; files that are no page can be downloaded."""
    model = re.fullmatch(r"reference_models/models/(\w+)\.py", path)
    if model and model[1] in site_models.MODELS.names():
        return site_models.place(model[1])
    if path.startswith("docs/"):
        return path.removeprefix("docs/")
    return path if path in ELSEWHERE or path.endswith(".png") else f"files/{path}"


def lay_out(source: Path = SOURCE) -> None:
    """Write all pages, pictures and quoted files into a folder."""
    shutil.rmtree(source, ignore_errors=True)
    written = {**site_cards.pages(), **site_models.pages(), **site_models.sources(), **site_api.pages()}
    for path in sorted(DOCS.rglob("*")):
        name = path.relative_to(DOCS).as_posix()
        if path.suffix in KEPT and not name.startswith("site/") and name not in written:
            _copy(path, source / name, source)
    for page in ELSEWHERE:
        _copy(ROOT / page, source / page, source)
    for name, text in written.items():
        _write(source / name, text)
    for picture in (ROOT / "reference_models").glob("*.png"):
        _copy(picture, source / "reference_models" / picture.name, source)
    site_models.draw(source / "models")
    _grow(source, "index.md", standing(source))
    _grow(source, "course.md", [site_models.place(name) for name in site_models.MODELS.names()])


def standing(source: Path) -> list[str]:
    """List the pages that stand for themselves; the others are the children of theirs."""
    found = [path.relative_to(source).as_posix() for path in sorted(source.rglob("*.md"))]
    under = ("metrics/", "models/", "api/", "files/", "code/")
    return [name for name in found if not name.startswith(under) and name != "index.md"]


def _copy(path: Path, to: Path, source: Path) -> None:
    if path.suffix != ".md":
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, to)
        return
    place = path.relative_to(ROOT).as_posix()
    text = relinked(targets(path.read_text()), place, where)
    for linked in re.findall(r"\]\((?:\.\./)*(files/[^)#]+)", text):
        _copy(ROOT / linked.removeprefix("files/"), source / linked, source)
    _write(to, text)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def contents(text: str, known: list[str]) -> list[tuple[str, list[str]]]:
    """Read the sections of a page and the pages that its lists link to."""
    found: list[tuple[str, list[str]]] = []
    seen: set[str] = set()
    for section in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        title, _, body = section.partition("\n")
        listed = re.findall(r"^- \[[^\]]*\]\(([^)#]+)[^)]*\)", body, flags=re.MULTILINE)
        new = [name for name in dict.fromkeys(listed) if name in known and name not in seen]
        seen.update(new)
        found.append((title, new))
    rest = [name for name in known if name not in seen]
    return [*found, ("More", rest)]


def _grow(source: Path, page: str, known: list[str]) -> None:
    """Put tables of contents at the end of a page, by its own sections and lists of links."""
    text = (source / page).read_text()
    trees, more = [], []
    for title, names in contents(text, known):
        if names:
            trees.append(f"```{{toctree}}\n:hidden:\n:caption: {title}\n\n" + "\n".join(names) + "\n```")
            more = names if title == "More" else []
    listed = "\n".join(f"- [](<{name}>)" for name in more)
    shown = f"\n\n## More\n\n{listed}" if more else ""
    (source / page).write_text(f"{text.rstrip()}{shown}\n\n" + "\n\n".join(trees) + "\n")


def build(source: Path = SOURCE, out: Path = OUT) -> int:
    """Run Sphinx, look at every link of what it built, and give the exit code: a warning is an error."""
    shutil.rmtree(out, ignore_errors=True)
    command = [sys.executable, "-m", "sphinx", "-b", "html", "-c", str(DOCS / "site"), "-q", "-W", "--keep-going"]
    code = subprocess.run([*command, str(source), str(out)], cwd=ROOT, check=False).returncode
    broken = list(broken_links(out)) if code == 0 else []
    for page, link in broken:
        sys.stderr.write(f"{page}: {link} leads nowhere, or is fetched from outside\n")
    return code or int(bool(broken))


def main() -> int:
    """Lay out and build."""
    lay_out()
    code = build()
    if code == 0:
        sys.stdout.write(f"{OUT.relative_to(ROOT)}/index.html\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
