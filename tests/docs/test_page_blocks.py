"""No block of code of the documentation escapes: it runs, or it says what it is."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from page_blocks import ROOT, Block, blocks, commands, complaints, ours, run

sys.path.insert(0, str(ROOT / "tests" / "lectures"))

import lecture_commands

DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
# Pages whose code has a test of its own: how many blocks it runs, of which language; None is all of them.
ELSEWHERE = {
    "examples/ci/README.md": ("tests/pytest_plugin/test_sample_repository.py", "console", None),
    "gallery.md": ("tests/plots/test_gallery.py", "python", None),
    "images.md": ("tests/samplers/test_images_page.py", "python", 1),
    "lectures/index.md": ("tests/lectures/test_lecture_commands.py", "console", None),
    "published/index.md": ("tests/reference_models/test_published_figures.py", "console", None),
    "pytest.md": ("tests/pytest_plugin/test_page.py", "python", 1),
    "watch-your-training.md": ("tests/monitor/test_training_page.py", "python", 1),
}


def name_of(page: Path) -> str:
    return page.relative_to(DOCS).as_posix()


def left(page: Path) -> list[Block]:
    """List the blocks that are to be run here."""
    found = [block for block in blocks(page.read_text()) if block.runs]
    _, language, count = ELSEWHERE.get(name_of(page), ("", "", 0))
    elsewhere = [block for block in found if block.language == language][:count]
    return [block for block in found if block not in elsewhere]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What a reader has: rows and images in files, and a generator of their own."""
    from PIL import Image

    shutil.copytree(DOCS / "examples", tmp_path / "docs" / "examples")
    monkeypatch.setenv("GANDIAG_CACHE", str(tmp_path / "cache"))
    rng = np.random.default_rng(0)
    for name in ("real", "fake", "mine", "theirs", "train"):
        np.save(tmp_path / f"{name}.npy", rng.standard_normal((300, 60)) + 0.3 * (name == "theirs"))
    for name in ("real", "fake"):
        (tmp_path / name).mkdir()
        for i in range(24):
            Image.fromarray(rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)).save(tmp_path / name / f"{i}.png")
    (tmp_path / "gandiag.toml").write_text('[gate.own]\nreal = "real.npy"\nfake = "fake.npy"\n')
    (tmp_path / "my_gan.py").write_text(
        "import numpy as np\n\n\ndef sampler(n, rng):\n    angle = 2 * np.pi * rng.integers(8, size=n) / 8\n"
        "    ring = np.column_stack([np.cos(angle), np.sin(angle)])\n"
        "    return ring + 0.05 * rng.standard_normal((n, 2))\n"
    )
    return tmp_path


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_block_says_what_it_is(page: Path) -> None:
    assert [text for block in blocks(page.read_text()) for text in complaints(block)] == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_command_parses_and_what_it_names_exists(page: Path) -> None:
    """Those that are not run as well."""
    shown = [block.code for block in blocks(page.read_text()) if block.language == "console"]
    lines = [words for code in shown for line in commands(code) if (words := ours(line))]
    assert [found for words in lines for found in lecture_commands.complaints(shlex.join(words))] == []


@pytest.mark.parametrize("page", [p for p in PAGES if any(not b.slow for b in left(p))], ids=name_of)
def test_the_blocks_of_a_page_run(page: Path, folder: Path) -> None:
    run([block for block in left(page) if not block.slow], folder)


@pytest.mark.slow
@pytest.mark.parametrize("page", [p for p in PAGES if any(b.slow for b in left(p))], ids=name_of)
def test_all_blocks_of_a_page_run(page: Path, folder: Path) -> None:
    run(left(page), folder)


@pytest.mark.parametrize("page", sorted(ELSEWHERE))
def test_what_runs_elsewhere_is_read_there(page: str) -> None:
    text = (ROOT / ELSEWHERE[page][0]).read_text()
    named = (DOCS / page).name if "/" not in page else page.split("/")[0]
    assert named in text or f"make_{named}" in text


# What is wrong, and what is said of it.
BROKEN = {
    "```python\n1 / 0\n```\n": "division by zero",
    "```python\nscore(real)\n```\n": "name 'score' is not defined",
    "```python\nprint(1)\n```\n\n```text\n2\n```\n": r"not printed: \['2'\]",
    "```console\n$ gandiag scored x y\n```\n": "scored x y: ended with 2",
    "```console\n$ false | cat && false\n```\n": "ended with 1",
    "```console\n$ python -m reference_models train gann --out x\n```\n": "ended with 2",
    "```console\n$ gandiag list metrics --names   # exits with 1\n```\n": "ended with 0",
    "```console\n$ gandiag list metrics --names\nno_such_metric\n```\n": r"not printed: \['no_such_metric'\]",
    '```toml\n[gate.x]\nreel = "toy:ring8"\n```\n': "reel",
    "```yaml\na: [\n```\n": "parsing",
    "```json\n{\n```\n": "Expecting property name",
}


@pytest.mark.parametrize(("text", "said"), BROKEN.items())
def test_a_broken_block_fails(text: str, said: str, folder: Path) -> None:
    page = blocks(text)
    assert [found for block in page for found in complaints(block)] == []
    with pytest.raises(Exception, match=said):
        run([block for block in page if block.runs], folder)


def test_what_a_block_imports_is_not_loaded_a_second_time(folder: Path) -> None:
    (folder / "imported_by_a_block.py").write_text("")
    code = "import sys\nsys.path.insert(0, '.')\nimport imported_by_a_block\nsys.path.pop(0)\n"
    run(blocks(f"```python\n{code}```\n"), folder)
    assert sys.modules.pop("imported_by_a_block", None) is not None
    assert "page_under_test" not in sys.modules


ESCAPED = {
    "no language": "```\ngandiag score a b\n```\n",
    "a language that nothing runs": "```bash\nls\n```\n",
    "indented": "words\n\n    gandiag score a b\n",
    "in a list": "- words\n\n  ```\n  gandiag score a b\n  ```\n",
    "without a reason": "<!-- not run: no -->\n```python\nx\n```\n",
    "code that is called text": "```text\nimport gandiag\n```\n",
    "output without a command": "```console\ngandiag list\n```\n",
}


@pytest.mark.parametrize("text", ESCAPED.values(), ids=ESCAPED)
def test_a_block_that_would_escape_is_found(text: str) -> None:
    assert [found for block in blocks(text) for found in complaints(block)] != []


def test_a_remark_marks_the_block_right_below_it_alone() -> None:
    text = "<!-- slow -->\n```python\na\n```\n\n```python\nb\n```\n\n<!-- slow -->\n\nwords\n\n```python\nc\n```\n"
    assert [block.slow for block in blocks(text)] == [True, False, False]
