"""DCGAN: the rules of its networks at every size, separate passes, and what samples are normalised by."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from gandiag.errors import ConfigError
from reference_models.core.loop import fit
from reference_models.core.rng import Keys
from reference_models.core.running import begin
from reference_models.models.dcgan import Discriminator, Generator, grid, normalised_by, small_normal

SIZES = {8: (4, 1), 28: (7, 2), 32: (4, 3), 64: (4, 4)}


@pytest.mark.parametrize("side", SIZES)
def test_every_size_goes_up_and_down_by_halves(side: int) -> None:
    shape = (3, side, side)
    assert grid(shape, 4) == SIZES[side]
    judge = Discriminator(shape, width=2, pack=2)
    image = Generator(5, shape, width=2)(torch.zeros(4, 5))
    assert image.shape == (4, *shape)
    assert judge(image.reshape(2, 2, *shape)).shape == (2,)
    strided = [m for m in judge.modules() if isinstance(m, nn.Conv2d) and m.stride == (2, 2)]
    assert len(strided) == SIZES[side][1]
    assert not [m for m in judge.modules() if isinstance(m, nn.Linear | nn.MaxPool2d | nn.AvgPool2d)]


def test_the_paper_s_network_of_64_has_the_paper_s_channels() -> None:
    convolutions = [m for m in Generator(100, (3, 64, 64), width=128).modules() if isinstance(m, nn.ConvTranspose2d)]
    assert [m.out_channels for m in convolutions] == [1024, 512, 256, 128, 3]


@pytest.mark.parametrize("shape", [(2,), (1, 28, 14), (1, 9, 9), (1, 26, 26)])
def test_images_of_other_sizes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ConfigError, match="images must be square"):
        grid(shape, 4)


def normalised(net: nn.Module, x: Tensor) -> dict[str, bool]:
    """Tell whether the layer next to the input, and next to the output, is a normalisation."""
    layers = [m for m in net.modules() if not list(m.children())]
    first = next(i for i, m in enumerate(layers) if isinstance(m, nn.Conv2d | nn.ConvTranspose2d))
    last = max(i for i, m in enumerate(layers) if isinstance(m, nn.Conv2d | nn.ConvTranspose2d))
    return {
        "input": any(isinstance(m, nn.BatchNorm2d) for m in layers[: first + 2]),
        "between": any(isinstance(m, nn.BatchNorm2d) for m in layers[first + 1 : last]),
        "output": any(isinstance(m, nn.BatchNorm2d) for m in layers[last:]),
    }


def test_batch_normalisation_is_everywhere_but_at_the_output_of_g_and_the_input_of_d() -> None:
    shape = (1, 28, 28)
    judge, maker = Discriminator(shape, width=4), Generator(5, shape, width=4)
    assert normalised(judge, torch.zeros(2, *shape)) == {"input": False, "between": True, "output": False}
    assert not normalised(maker, torch.zeros(2, 5))["output"]
    assert normalised(maker, torch.zeros(2, 5))["between"]
    wrong = nn.Sequential(nn.Conv2d(1, 4, 4), nn.BatchNorm2d(4), nn.Conv2d(4, 1, 1), nn.BatchNorm2d(1))
    assert normalised(wrong, torch.zeros(2, *shape)) == {"input": True, "between": True, "output": True}


def test_weights_begin_with_a_standard_deviation_of_a_fiftieth() -> None:
    weight = torch.cat([w.detach().flatten() for w in Generator(50, (1, 28, 28), width=16).parameters() if w.ndim == 4])
    error = 0.02 / (2 * len(weight)) ** 0.5
    assert float(weight.std()) == pytest.approx(0.02, abs=4 * error)
    assert float(weight.mean()) == pytest.approx(0, abs=4 * 0.02 / len(weight) ** 0.5)
    other = nn.Conv2d(16, 64, 4).weight.detach()  # torch's own beginning does not pass
    assert float(other.std()) != pytest.approx(0.02, abs=4 * 0.02 / (2 * other.numel()) ** 0.5)
    layer = nn.BatchNorm2d(4000)
    small_normal(layer)
    assert float(layer.weight.detach().mean()) == pytest.approx(1, abs=4 * 0.02 / 4000**0.5)


def test_real_and_made_images_pass_the_discriminator_in_separate_batches() -> None:
    run = begin("dcgan", "smoke", device="cpu")
    given: list[Tensor] = []
    run.model.networks["D"].register_forward_pre_hook(lambda _, inputs: given.append(inputs[0].detach()))
    fit(run, 1)
    assert [len(x) for x in given] == [16, 16, 16]
    levels = (given[0] + 1) * 8  # real images have whole grey levels, made ones none
    torch.testing.assert_close(levels, levels.round(), atol=1e-4, rtol=0)
    for made in given[1:]:
        with pytest.raises(AssertionError, match="not close"):
            torch.testing.assert_close((made + 1) * 8, ((made + 1) * 8).round(), atol=1e-4, rtol=0)


def trained(**settings: Any) -> Any:
    run = begin("dcgan", "smoke", device="cpu", **settings)
    return fit(run, 10).model


def test_samples_by_the_batch_hang_on_no_neighbours_and_leave_the_running_means() -> None:
    model = trained(bn="batch")
    means = {k: v.clone() for k, v in model.G.state_dict().items()}
    few, many = model.sample(32, Keys(4)), model.sample(320, Keys(4))  # torch draws fewer than 16 numbers otherwise
    torch.testing.assert_close(few, many[:32])
    assert all(torch.equal(v, means[k]) for k, v in model.G.state_dict().items())
    model.config = dataclasses.replace(model.config, bn="running")
    with pytest.raises(AssertionError, match="not close"):
        torch.testing.assert_close(model.sample(32, Keys(4)), few)


def test_the_reference_batch_is_brought_to_mean_0_and_standard_deviation_1() -> None:
    norm = nn.BatchNorm2d(3, affine=False).eval()
    x = 5 + 2 * Keys(0).normal("x", 64, 3, 4, 4)
    with torch.no_grad(), normalised_by("batch", norm, x):
        y = norm(x)
        assert not norm.training
    torch.testing.assert_close(y.mean(dim=(0, 2, 3)), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(y.std(dim=(0, 2, 3)), torch.ones(3), atol=1e-3, rtol=0)
    assert (norm.training, norm.momentum) == (False, 0.1)
    with torch.no_grad(), normalised_by("running", norm, x):
        torch.testing.assert_close(norm(x), x, atol=1e-3, rtol=1e-3)  # fresh running means leave it alone


def test_in_training_mode_an_image_hangs_on_its_neighbours() -> None:
    model = trained()
    z = Keys(2).normal("z", 8, 4)
    model.G.eval()
    with torch.no_grad():
        torch.testing.assert_close(model.G(z)[:4], model.G(z[:4]))
        model.G.train()
        with pytest.raises(AssertionError, match="not close"):
            torch.testing.assert_close(model.G(z)[:4], model.G(z[:4]))


@pytest.mark.parametrize("settings", [{"pack": 2}, {"smoothing": 0.1}])
def test_options_train(settings: dict[str, Any]) -> None:
    run = fit(begin("dcgan", "smoke", device="cpu", **settings), 2)
    assert run.history[-1]["d_loss"] > 0


def test_vectors_are_refused() -> None:
    with pytest.raises(ConfigError, match="images must be square"):
        begin("dcgan", "smoke", data=["toy:ring8"], scale="none", device="cpu")
