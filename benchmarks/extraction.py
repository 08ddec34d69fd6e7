"""Images a second through Inception against torch-fidelity and pytorch-fid: ``python benchmarks/extraction.py``.

All three take the same bytes, the same random weights and single precision, in turn, several times each. Time is of the
processor, over all threads, so that a machine on which others work gives fair ratios too; the wall clock stands beside
it. Then the default statistics on features as wide, whose share of the extraction at 10 000 images is worked out.
Random weights cost what trained ones do. pytorch-fid is left out where it is not installed.
"""

from __future__ import annotations

import io
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from _machine import others
from _timing import Size, asked_size, load_torchvision

from gandiag.features._inception_network import SIDE, Network
from gandiag.features._resizing import tf_legacy, torch_legacy

TITLE = "Extraction of Inception features"
IMAGES, PIXELS, RUNS = 32, 256, 3
ROWS, WIDTH = 10_000, 2048
TARGETS = {"torch-fidelity": 1.6, "pytorch-fid": 1.3}


def weights() -> dict[str, Any]:
    """Random weights of the Inception network, with batch norms that do something."""
    import torch

    load_torchvision()
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    class Unloaded(FeatureExtractorInceptionV3):
        def load_state_dict(self, *args: Any, **kwargs: Any) -> None:
            pass

    empty = io.BytesIO()
    torch.save({}, empty)
    empty.seek(0)
    torch.manual_seed(0)
    state = Unloaded("random", ["2048"], feature_extractor_weights_path=empty).state_dict()
    for name, tensor in state.items():
        if name.endswith("conv.weight"):
            state[name] = 2.0 * tensor
        elif name.endswith(("bn.weight", "running_var")):
            state[name] = 0.5 + torch.rand(tensor.shape)
        elif name.endswith(("bn.bias", "running_mean")):
            state[name] = 0.1 * torch.randn(tensor.shape)
    return dict(state)


def networks(state: dict[str, Any]) -> dict[str, Callable[[Any], Any]]:
    """Give every tool as a function of bytes (b, 3, h, w)."""
    import torch
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    fidelity = FeatureExtractorInceptionV3("peer", ["2048"], feature_extractor_weights_path=file)
    own = Network(state, "cpu", "float32")

    def ours(images: Any) -> Any:
        last = images.float().contiguous(memory_format=torch.channels_last)
        return own((tf_legacy(last, SIDE) - 128.0) / 128.0)

    def ours_for_pytorch_fid(images: Any) -> Any:
        last = images.float().contiguous(memory_format=torch.channels_last)
        return own(torch_legacy(last, SIDE) / 127.5 - 1.0)

    found = {"gandiag": ours, "torch-fidelity": lambda images: fidelity(images)[0]}
    try:
        from pytorch_fid import inception
    except ImportError:
        return found
    inception.load_state_dict_from_url = lambda *args, **kwargs: state
    peer = inception.InceptionV3([3]).eval()
    found["pytorch-fid"] = lambda images: peer(images.float() / 255.0)[0].flatten(1)
    found["gandiag, torch-legacy"] = ours_for_pytorch_fid
    return found


def in_turn(routes: dict[str, Callable[[], Any]], runs: int) -> dict[str, tuple[float, float, Any]]:
    """Give median seconds of the processor and of the clock, and what came out; one round of warming up before."""
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in routes}
    values: dict[str, Any] = {}
    for run in range(runs + 1):
        for name, route in routes.items():
            wall, cpu = time.perf_counter(), time.process_time()
            values[name] = route()
            spent = time.process_time() - cpu, time.perf_counter() - wall
            print(f"  {name}: {spent[0]:.2f} s of the processor, {spent[1]:.2f} s", file=sys.stderr, flush=True)
            if run:
                times[name].append(spent)
    return {
        name: (statistics.median(t[0] for t in spent), statistics.median(t[1] for t in spent), values[name])
        for name, spent in times.items()
    }


def extraction(size: Size) -> tuple[list[str], float]:
    """Write the table of images a second, and give our processor seconds per image."""
    import torch

    count, pixels, runs = (1, 32, 1) if size == "quick" else (IMAGES, PIXELS, RUNS)
    rng = np.random.default_rng(0)
    images = torch.from_numpy(rng.integers(0, 256, (count, 3, pixels, pixels)).astype(np.uint8))
    with torch.inference_mode():
        routes = {name: (lambda f=f: f(images).numpy()) for name, f in networks(weights()).items()}
        found = in_turn(routes, runs)
    threads = torch.get_num_threads()
    head = "| tool | images a second | a processor second | ours over it | target | largest difference of a feature |"
    lines = [head, "|---|---|---|---|---|---|"]
    for name, (cpu, wall, value) in found.items():
        own = "gandiag, torch-legacy" if name == "pytorch-fid" else "gandiag"
        off = np.abs(value - found[own][2]).max() / np.abs(value).max()
        ratio, target = cpu / found[own][0], TARGETS.get(name)
        compared = f"{ratio:.2f}×" if target else "–"
        wanted = f"{target:g}×, {'reached' if ratio >= target else 'missed'}" if target else "–"
        told = f"{off:.0e} of the largest" if target else "–"
        lines.append(f"| {name} | {count / wall:.2f} | {count / cpu:.2f} | {compared} | {wanted} | {told} |")
    lines.append(
        f"\n{count} images of {pixels} by {pixels} at once, {threads} threads, medians of {runs} rounds in turn."
    )
    return lines, found["gandiag"][0] / count


def statistics_share(size: Size, per_image: float) -> list[str]:
    """Time the default statistics on features as wide as Inception's, against the extraction of as many images."""
    import gandiag

    rows, width = (60, 8) if size == "quick" else (ROWS, WIDTH)
    rng = np.random.default_rng(1)
    spectrum = (np.arange(1, width + 1) ** -0.5).astype(np.float32)
    real, fake = (rng.standard_normal((rows, width), dtype=np.float32) * spectrum for _ in range(2))
    cpu, wall = time.process_time(), time.perf_counter()
    report = gandiag.score(real, fake, features="identity", seed=0)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    extracting = 2 * rows * per_image
    count = len(report.fakes[0].results)
    return [
        f"All {count} default statistics of {rows} real and {rows} fake rows of {width} features: "
        f"{cpu:.0f} s of the processor ({wall:.0f} s by the clock), "
        f"{cpu / extracting:.1%} of the {extracting:.0f} s that the extraction of as many images takes (target: 10 %)."
    ]


def page(size: Size) -> str:
    """Run the area and write its part of the page."""
    company = others()
    before = "" if company is None else f"Other processes kept {company:.1f} cores busy when this began.\n"
    lines, per_image = extraction(size)
    return "\n".join([before, *lines, "", *statistics_share(size, per_image), ""])


if __name__ == "__main__":
    print(page(asked_size(sys.argv)))
