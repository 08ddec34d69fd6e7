"""Grids of a discriminator's verdicts: in order, by the numbers that it gave, and the module given back as it was."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).parent / "plots"))

from reading import cut_off, written, written_over

from gandiag.errors import SamplerContractError, ShapeError
from gandiag.plots._paper import drawn_numbers
from gandiag.verdict_grid import plot_verdicts, verdict_grid


class Brightness(nn.Module):
    """Believes in bright images; its running mean and its dropout would show if it were not in evaluation mode."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.dropout = nn.BatchNorm1d(1), nn.Dropout(0.5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.dropout(self.norm(x.flatten(1).mean(1, keepdim=True)))[:, 0]


def images(rows: int, shift: float = 0.0, *size: int) -> torch.Tensor:
    drawn = torch.randn(rows, *(size or (1, 6, 6)), generator=torch.Generator().manual_seed(rows))
    return drawn * 3 + shift


def test_images_stand_in_the_order_of_their_verdicts() -> None:
    grid = verdict_grid(Brightness(), images(50), images(70, -0.2), count=10)
    for side, said in ((grid.real, grid.on_real), (grid.fake, grid.on_fake)):
        assert np.all(np.diff(said) >= 0)
        means = side.reshape(10, -1).mean(axis=1) / np.sqrt(1 + 1e-5)
        np.testing.assert_allclose(said, 1 / (1 + np.exp(-means)), rtol=1e-5)
    everything = torch.cat([images(50)]).flatten(1).mean(1)
    assert grid.rejected == float((everything < 0).double().mean())
    assert grid.passed == float((images(70, -0.2).flatten(1).mean(1) >= 0).double().mean())
    assert grid.judged == (50, 70)
    best = everything.argmax()
    np.testing.assert_array_equal(grid.real[-1, ..., 0], images(50)[best, 0])


def test_the_discriminator_is_given_back_as_it_was() -> None:
    judge = Brightness().train()
    before = {key: value.clone() for key, value in judge.state_dict().items()}
    verdict_grid(judge, images(8), images(8))
    assert judge.training
    assert judge.dropout.training
    assert all(torch.equal(value, before[key]) for key, value in judge.state_dict().items())


def test_a_grid_of_wrong_order_is_not_what_is_made() -> None:
    """As they come, which is how boards show them, verdicts do not rise."""
    said = torch.sigmoid(Brightness().eval()(images(30))).detach().numpy()
    assert not np.all(np.diff(said) >= 0)


@pytest.mark.parametrize(("count", "size"), [(32, (1, 8, 8)), (5, (3, 4, 9)), (1, (7, 5))])
def test_the_figure_can_be_read_and_its_bars_are_the_verdicts(count: int, size: tuple[int, ...]) -> None:
    grid = verdict_grid(Brightness(), images(40, 0.0, *size), images(40, -0.1, *size), count=count)
    pair = plot_verdicts(grid)
    figure: Any = pair[0].figure
    texts = written(figure)
    assert (cut_off(texts, figure), written_over(texts)) == ([], [])
    for ax, said in zip(pair, (grid.on_real, grid.on_fake), strict=True):
        np.testing.assert_allclose([bar.get_width() / 0.92 for bar in ax.patches], said, rtol=1e-9)
        assert [text.get_text().rstrip("!") for text in ax.texts] == [f"{100 * v:.0f}" for v in said]
    wrong = [text.get_text().endswith("!") for text in pair[0].texts]
    assert wrong == (grid.on_real < 0.5).tolist()
    assert sum(row["kind"] == "bar" for row in drawn_numbers(figure)) >= 2 * count


def test_what_is_no_image_or_no_verdict_is_refused() -> None:
    with pytest.raises(ShapeError, match="`fake` must hold images"):
        verdict_grid(Brightness(), images(4), torch.zeros(4, 2))
    with pytest.raises(ShapeError, match="`real` must hold images"):
        verdict_grid(Brightness(), images(4)[:0], images(4))
    with pytest.raises(SamplerContractError, match="one number per row"):
        verdict_grid(lambda x: x, images(4), images(4))
    with pytest.raises(Exception, match="ax"):
        plot_verdicts(verdict_grid(Brightness(), images(4), images(4)), ax=object())
