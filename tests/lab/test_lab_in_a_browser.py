"""The lab as readers see it: it plays, by mouse and by keys; wide, narrow, light, dark, on paper; axe-core on all."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from browser import Browser, Page, axe_source

sys.path.insert(0, str(Path(__file__).parent))

from test_lab_page import HOSTILE, trace_of

from gandiag.lab import LabRecorder, Trace, write_page

pytestmark = pytest.mark.slow

LOOKS = [(width, dark) for width in (1280, 390) for dark in (False, True)]
PAGES = ("one", "two", "hostile", "packed")


def packed_run(out: Path) -> Path:
    """Record a few steps of a discriminator that judges packs of two."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    G, D = nn.Linear(2, 2), nn.Sequential(nn.Flatten(), nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
    steps = torch.optim.Adam([*G.parameters(), *D.parameters()], 0.05)

    def judged(x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = D(x[:, None].expand(-1, 2, -1))
        return out

    with LabRecorder("toy:ring8", generator=G, discriminator=judged, latent=2, pack=2, every=2, out=out) as lab:
        for _ in range(6):
            loss = nn.functional.softplus(-D(G(torch.randn(64, 2)).reshape(32, 2, 2))).mean()
            steps.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            steps.step()
            lab.step(losses={"G": loss}, examples=64)
    return out


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pages")
    write_page([trace_of(name="a")], folder / "one.html")
    write_page([trace_of(name="a"), trace_of(9, name="b", judged=False, output="critic")], folder / "two.html")
    evil = trace_of(name=HOSTILE)
    scalars = ["loss/D", "loss/G", "js", "kl", "kl_reverse", f"loss/{HOSTILE}"]
    evil = Trace(facts={**evil.facts, "scalars": scalars}, arrays=evil.arrays)
    write_page([evil, trace_of(name="b", output="critic")], folder / "hostile.html")
    write_page([packed_run(folder / "packed")], folder / "packed.html")
    return folder


def opened(browser: Browser, pages: Path, name: str, **look: object) -> Page:
    return browser.open((pages / f"{name}.html").as_uri(), **look)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize(("width", "dark"), LOOKS)
def test_the_lab_is_quiet_and_fits(browser: Browser, pages: Path, name: str, width: int, dark: bool) -> None:
    page = opened(browser, pages, name, width=width, dark=dark)
    assert not page.evaluate("document.getElementById('lab').hidden")  # the script ran to its end
    for box in ("manifold", "arrows", "log"):
        page.evaluate(f"document.querySelector('[data-layer={box}]').click()")
    page.evaluate("document.querySelectorAll('details').forEach((one) => (one.open = true))")
    assert page.complaints == []
    assert page.requests == []
    assert page.overflow() == []
    page.close()


@pytest.mark.parametrize("name", PAGES)
def test_the_lab_can_be_printed(browser: Browser, pages: Path, name: str) -> None:
    page = opened(browser, pages, name, width=1280, dark=True)
    page.evaluate("document.querySelectorAll('details').forEach((one) => (one.open = true))")
    page.on_paper()
    assert page.overflow() == []
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.pdf().startswith(b"%PDF-")
    assert page.complaints == []
    page.close()


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize(("width", "dark"), [(1280, True), (390, False)])
def test_axe_finds_no_serious_violation(browser: Browser, pages: Path, name: str, width: int, dark: bool) -> None:
    source = axe_source()
    if source is None:
        pytest.skip("axe-core is not there: name its axe.min.js in AXE_CORE (npm pack axe-core has it)")
    page = opened(browser, pages, name, width=width, dark=dark)
    assert page.axe(source) == []
    page.close()


def test_keys_and_clicks_move_through_the_frames(browser: Browser, pages: Path) -> None:
    page = opened(browser, pages, "two", width=1280)

    def press(key: str) -> str:
        for kind in ("keyDown", "keyUp"):
            page.call("Input.dispatchKeyEvent", type=kind, key=key)
        return str(page.evaluate("document.getElementById('where').textContent"))

    assert press("Shift") == "step 80"  # where the longer run ended
    assert press("Home") == "step 0"
    assert press("ArrowRight") == "step 10"
    assert press("End") == "step 80"
    assert press("ArrowLeft") == "step 70"
    before = page.evaluate("document.querySelector('[data-layer=manifold]').checked")
    press("5")
    assert page.evaluate("document.querySelector('[data-layer=manifold]').checked") != before
    caption = page.evaluate("document.querySelector('[data-within-caption]').textContent")
    assert caption.startswith("within this step: 1 before, 2 D after its update")
    assert press("Home") == "step 0"
    assert page.evaluate("document.querySelector('[data-within-caption]').textContent") == "within one step"
    press(" ")
    assert page.evaluate("document.getElementById('play').textContent") == "Pause"
    later = "new Promise((on) => setTimeout(() => on(document.getElementById('where').textContent), 1500))"
    assert page.evaluate(later) != "step 0"
    page.evaluate("document.querySelector('[data-strip]').click()")
    assert page.evaluate("document.getElementById('play').textContent") == "Play"
    assert page.complaints == []
    page.close()


def test_without_script_the_numbers_stand_in_tables(browser: Browser, pages: Path) -> None:
    page = opened(browser, pages, "one", width=390, script=False)
    page.call("Emulation.setScriptExecutionDisabled", value=False)
    assert page.evaluate("document.getElementById('lab').hidden")
    assert page.evaluate("document.querySelectorAll('tbody tr').length") == 5
    assert page.evaluate("document.querySelector('tbody').checkVisibility()")
    page.close()
