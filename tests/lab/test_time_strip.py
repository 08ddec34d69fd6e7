"""The time strip shows the shares that the trace holds, at steps that are evenly spread, beside those of the data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from gandiag.errors import ConfigError, FileFormatError
from gandiag.lab import LabRecorder, plot_strip, read_trace


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("run")
    generator = nn.Linear(2, 2, bias=False)
    with LabRecorder("toy:gauss?dim=2", generator=generator, latent=2, every=1, out=out) as lab:
        for step in range(5):
            with torch.no_grad():
                generator.weight.copy_(torch.eye(2) * (0.2 + 0.2 * step))
            lab.step(step, losses={"G": 1.0}, examples=8)
    return out


def shares(ax: Any) -> Any:
    return np.asarray(ax.collections[0].get_array()).ravel()


def test_panels_are_the_frames_and_the_data_on_one_scale(run: Path) -> None:
    trace, figure = read_trace(run), plot_strip(run, frames=3)
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["step 0", "step 2", "step 4", "data"]
    for ax, frame in zip(figure.axes, (0, 2, 4), strict=False):
        np.testing.assert_allclose(shares(ax), trace.arrays["q"][frame].ravel(), rtol=1e-6)
    np.testing.assert_allclose(shares(figure.axes[-1]), trace.arrays["p"].ravel(), rtol=1e-6)
    for ax in figure.axes:
        assert ax.collections[0].get_clim() == pytest.approx((0.0, trace.arrays["p"].max()))
    # A narrow generator fills fewer cells than a wide one.
    filled = [int((shares(ax) > 1e-3).sum()) for ax in figure.axes]
    assert filled[0] < filled[1] < filled[2]
    figure.canvas.draw()


def test_fewer_frames_than_asked_for_are_all_shown(run: Path) -> None:
    assert len(plot_strip(read_trace(run), frames=50).axes) == 6
    assert [ax.get_title(loc="left") for ax in plot_strip(run, frames=1).axes] == ["step 0", "data"]


def test_no_frame_and_no_run_are_refused(run: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"`frames` must be a whole number.*1"):
        plot_strip(run, frames=0)
    with pytest.raises(FileFormatError, match="must hold a file that can be read"):
        plot_strip(tmp_path)
