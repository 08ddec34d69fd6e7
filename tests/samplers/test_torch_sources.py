"""Modules with latents, data sets, loaders and iterables of batches."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

from gandiag.core.samples import SampleSet
from gandiag.errors import (
    ConfigError,
    ImageDecodeError,
    NonFiniteError,
    SamplerContractError,
    SamplerExhausted,
    SamplerRaised,
    SamplerTimeout,
    ShapeError,
    TooFewSamplesError,
)
from gandiag.samplers._latents import latents_of
from gandiag.sources import open_sampler


def draw(source: object, n: int = 50, seed: int = 1, **options: object) -> SampleSet:
    return open_sampler(source, **options).sample(n, rng=np.random.default_rng(seed))


def generator(latent: int = 3) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(latent, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.5), nn.Linear(16, 2), nn.BatchNorm1d(2)
    )


@pytest.mark.parametrize("batch_size", [1, 7, 50, 256])
def test_modules_do_not_depend_on_the_batch_size(batch_size: int) -> None:
    module = generator()
    np.testing.assert_allclose(
        draw(module, latent="normal:3", batch_size=batch_size).values, draw(module, latent="normal:3").values, atol=1e-5
    )


def test_torch_latents_would_depend_on_the_batch_size() -> None:
    # The reason why NumPy draws the latents: the same seed, three columns, and other values by the size of a batch.
    whole = torch.randn(10, 3, generator=torch.Generator().manual_seed(0))
    parted = torch.Generator().manual_seed(0)
    parts = torch.cat([torch.randn(k, 3, generator=parted) for k in (3, 3, 4)])
    assert not torch.allclose(whole, parts)


@pytest.mark.parametrize("train_mode", [False, True])
def test_b35_a_module_is_given_back_exactly_as_it_was(train_mode: bool) -> None:
    module = generator()
    module[1].eval()
    module[4].weight.requires_grad_(False)
    flags = [m.training for m in module.modules()]
    state = {k: v.clone() for k, v in module.state_dict().items()}
    grads = [p.requires_grad for p in module.parameters()]
    draw(module, 300, latent="normal:3", train_mode=train_mode)
    assert [m.training for m in module.modules()] == flags
    assert [p.requires_grad for p in module.parameters()] == grads
    assert all(torch.equal(v, state[k]) for k, v in module.state_dict().items())
    assert all(p.grad is None for p in module.parameters())
    assert torch.is_grad_enabled()
    assert not torch.is_inference_mode_enabled()


def test_a_module_is_given_back_when_it_raises() -> None:
    class Broken(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm = nn.BatchNorm1d(3)

        def forward(self, z: torch.Tensor) -> torch.Tensor:
            self.norm.running_mean += 1.0
            raise RuntimeError("no memory")

    module = Broken()
    with pytest.raises(SamplerRaised, match=r"after 0 of 50 samples \(batch 1\); got RuntimeError: no memory"):
        draw(module, latent="normal:3")
    assert module.training
    assert torch.equal(module.norm.running_mean, torch.zeros(3))


def test_training_mode_is_noted_and_changes_the_rows() -> None:
    module = generator()
    evaluated, trained = draw(module, latent="normal:3"), draw(module, latent="normal:3", train_mode=True)
    assert not np.allclose(evaluated.values, trained.values)
    assert evaluated.notes == ("the module was in training mode and was run in evaluation mode",)
    assert "rows of a batch may depend on each other" in trained.notes[0]
    assert draw(module.eval(), latent="normal:3").notes == ()


def test_modules_of_another_precision_get_latents_of_theirs() -> None:
    assert draw(generator().double(), latent="normal:3").values.dtype == np.float64


def test_a_module_without_latent_and_a_latent_that_cannot_be_read_are_refused() -> None:
    with pytest.raises(ConfigError, match=r'Sequential needs to know its latent law.*latent="normal:128"'):
        open_sampler(generator())
    with pytest.raises(ConfigError, match=r"one of normal, sphere, uniform; got norml\. Did you mean 'normal'"):
        open_sampler(generator(), latent="norml:3")
    for bad in ("normal", "normal:", "normal:0", "normal:-3", "normal:3x", "3", ""):
        with pytest.raises(ConfigError, match="`latent` must read law:size"):
            open_sampler(generator(), latent=bad)
    with pytest.raises(ConfigError, match="at most 10 million values"):
        open_sampler(generator(), latent="normal:9999x9999")
    with pytest.raises(ConfigError, match="`latent` must be text such as"):
        open_sampler(generator(), latent=3)


def test_latent_laws_have_their_support_and_shape() -> None:
    rng = np.random.default_rng(0)
    normal = latents_of("normal:4x2x1")(2000, rng)
    assert normal.shape == (2000, 4, 2, 1)
    assert normal.dtype == np.float32
    # 16000 draws: the mean has a standard error of 0.008, the variance of 0.011.
    assert abs(normal.mean()) < 0.04
    assert abs(normal.var() - 1) < 0.06
    uniform = latents_of("uniform:8")(2000, rng)
    assert uniform.min() >= -1
    assert uniform.max() <= 1
    assert abs(uniform.var() - 1 / 3) < 0.02
    sphere = latents_of("sphere:2x3")(100, rng)
    np.testing.assert_allclose((sphere**2).sum(axis=(1, 2)), 1.0, rtol=1e-5)


def test_latents_may_be_a_distribution_or_a_callable() -> None:
    module = generator().eval()
    law = torch.distributions.Independent(torch.distributions.Laplace(torch.zeros(3), torch.ones(3)), 1)
    np.testing.assert_array_equal(draw(module, latent=law).values, draw(module, latent=law).values)
    np.testing.assert_allclose(
        draw(module, latent=lambda n, rng: rng.standard_normal((n, 3))).values,
        draw(module, latent="normal:3").values,
        atol=1e-5,
    )
    with pytest.raises(ConfigError, match=r"one latent per row.*got shape \(3,\) when asked for 50"):
        draw(module, latent=lambda n: np.zeros(3))


def test_a_plain_function_of_latents_is_a_generator() -> None:
    samples = draw(lambda z: z * 2.0 + 1.0, latent="uniform:2", value_range=(-1, 3))
    assert samples.values.shape == (50, 2)


def test_outputs_in_a_dict_need_a_key() -> None:
    class Wrapped(nn.Module):
        def forward(self, z: torch.Tensor) -> dict[str, torch.Tensor]:
            return {"images": z.reshape(-1, 1, 2, 2), "extra": z}

    assert draw(Wrapped(), latent="normal:4", key="images").shape == (2, 2)
    with pytest.raises(SamplerContractError, match="got a dict with keys images, extra"):
        draw(Wrapped(), latent="normal:4")
    with pytest.raises(SamplerContractError, match="entry called 'imgs'; got images, extra"):
        draw(Wrapped(), latent="normal:4", key="imgs")


def test_images_of_a_module_come_channels_last() -> None:
    module = nn.Sequential(nn.ConvTranspose2d(4, 3, 8), nn.Tanh())
    samples = draw(module, latent="normal:4x1x1")
    assert samples.shape == (8, 8, 3)
    assert samples.value_range == (-1.0, 1.0)


def test_a_module_with_a_sample_method_is_drawn_from_and_left_in_its_mode() -> None:
    class Decoder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = generator()

        def sample(self, n: int) -> torch.Tensor:
            return self.net(torch.randn(n, 3))

    module = Decoder()
    np.testing.assert_array_equal(draw(module).values, draw(module).values)
    assert all(m.training for m in module.modules())
    assert any("uncontrolled" in note for note in draw(module).notes)


ROWS = np.random.default_rng(0).normal(size=(200, 2)).astype(np.float32)
LABELS = np.repeat(np.arange(4), 50)


def sorted_set() -> TensorDataset:
    return TensorDataset(torch.tensor(ROWS), torch.tensor(LABELS))


@pytest.mark.parametrize(
    "source",
    [
        sorted_set(),
        DataLoader(sorted_set(), batch_size=16),
        DataLoader(sorted_set(), batch_size=16, shuffle=True),
        [(torch.tensor(row), int(label)) for row, label in zip(ROWS, LABELS, strict=True)],
    ],
    ids=["dataset", "loader", "shuffled loader", "list of pairs"],
)
def test_finite_sources_are_drawn_everywhere_with_their_labels(source: object) -> None:
    if isinstance(source, list):

        class Pairs(Dataset):
            def __len__(self) -> int:
                return 200

            def __getitem__(self, at: int) -> tuple:
                return source[at]

        sampler = open_sampler(Pairs())
    else:
        sampler = open_sampler(source)
    assert sampler.size == 200
    samples = sampler.sample(80, rng=np.random.default_rng(0))
    assert set(samples.labels) == {0, 1, 2, 3}
    assert samples.lag == 1
    for row, label in zip(samples.values, samples.labels, strict=True):
        at = np.flatnonzero((row == ROWS).all(axis=1))
        assert LABELS[at[0]] == label
    assert len(np.unique(samples.values, axis=0)) == 80
    again = sampler.sample(80, rng=np.random.default_rng(0))
    np.testing.assert_array_equal(samples.values, again.values)
    with pytest.raises(SamplerExhausted, match="200 of 201"):
        sampler.sample(201, rng=np.random.default_rng(0))


def test_the_whole_of_a_set_is_drawn_once_each() -> None:
    rows = draw(DataLoader(sorted_set(), batch_size=7), 200).values
    np.testing.assert_array_equal(np.unique(rows, axis=0), np.unique(ROWS, axis=0))


def test_dicts_need_a_key() -> None:
    class Dicts(Dataset):
        def __len__(self) -> int:
            return 30

        def __getitem__(self, at: int) -> dict:
            return {"image": torch.tensor(ROWS[at]), "label": int(LABELS[at])}

    assert draw(Dicts(), 10, key="image").labels is not None
    assert draw(DataLoader(Dicts(), batch_size=4), 10, key="image").values.shape == (10, 2)
    with pytest.raises(SamplerContractError, match=r"key= must name the entry.*got key None and entries image, label"):
        draw(Dicts(), 10)


def test_second_entries_that_are_no_classes_are_not_labels() -> None:
    assert draw(TensorDataset(torch.tensor(ROWS), torch.rand(200, 5)), 20).labels is None
    assert draw(DataLoader(TensorDataset(torch.tensor(ROWS), torch.rand(200)), batch_size=9), 20).labels is None


def test_b24_items_of_several_sizes_are_refused() -> None:
    class Mixed(Dataset):
        def __len__(self) -> int:
            return 10

        def __getitem__(self, at: int) -> torch.Tensor:
            return torch.zeros(8, 8 + at % 2)

    with pytest.raises(ShapeError, match=r"got 5 of 8×8, 5 of 8×9|got 5 of 8×9, 5 of 8×8"):
        draw(Mixed(), 10)


def test_b02_an_empty_set_and_b29_a_raising_item_are_reported() -> None:
    class Bad(Dataset):
        def __init__(self, rows: int) -> None:
            self.rows = rows

        def __len__(self) -> int:
            return self.rows

        def __getitem__(self, at: int) -> torch.Tensor:
            raise OSError("disk")

    with pytest.raises(TooFewSamplesError, match="Bad must hold at least one sample"):
        open_sampler(Bad(0))
    with pytest.raises(SamplerRaised, match=r"after 0 of 5 samples \(item [0-9]+\); got OSError: disk"):
        draw(Bad(9), 5)


def batches(count: int, rows: int = 10) -> Iterator[torch.Tensor]:
    source = torch.Generator().manual_seed(0)
    for _ in range(count):
        yield torch.randn(rows, 2, generator=source)


def test_b33_iterators_are_read_in_order_and_may_end_early() -> None:
    sampler = open_sampler(batches(10))
    assert sampler.size is None
    rows = sampler.sample(25, rng=np.random.default_rng(0)).values
    np.testing.assert_array_equal(rows, torch.cat(list(batches(3)))[:25].numpy())
    with pytest.raises(SamplerExhausted, match=r"ended before there were enough samples; got 100 of 101"):
        draw(batches(10), 101)


def test_a_loader_that_leaves_rows_out_says_no_size() -> None:
    assert open_sampler(DataLoader(sorted_set(), batch_size=16, drop_last=True)).size is None

    class Stream(IterableDataset):
        def __iter__(self) -> Iterator[torch.Tensor]:
            return iter(torch.tensor(ROWS))

    assert open_sampler(DataLoader(Stream(), batch_size=16)).size is None
    assert len(draw(DataLoader(Stream(), batch_size=16))) == 50


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: iter([np.zeros((3, 2)), np.full((3, 2), np.nan)]), NonFiniteError, "first rows 3, 4, 5"),
        (
            lambda: iter([np.zeros((3, 2)), np.zeros((3, 4))]),
            SamplerContractError,
            r"one shape; got \(4,\) after \(2,\)",
        ),
        (lambda: iter([np.zeros((0, 2))]), SamplerContractError, r"must hold rows; got shape \(0, 2\)"),
        (lambda: iter([None]), SamplerContractError, "got None"),
        (lambda: (1 / 0 for _ in range(3)), SamplerRaised, r"\(batch 1\); got ZeroDivisionError"),
    ],
    ids=["B01", "B30-wide", "B30-empty", "B30-none", "B29"],
)
def test_faults_of_batches_are_reported(make: object, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        draw(make(), 6)


def test_b32_an_endless_slow_iterator_is_stopped() -> None:
    import itertools
    import time

    def slow() -> Iterator[np.ndarray]:
        for _ in itertools.count():
            time.sleep(0.03)
            yield np.zeros((2, 2))

    with pytest.raises(SamplerTimeout, match=r"1000 samples within 0\.05 s"):
        draw(slow(), 1000, timeout=0.05)


def test_b34_a_reused_batch_buffer_is_copied() -> None:
    buffer = np.empty((10, 2))

    def reusing() -> Iterator[np.ndarray]:
        for at in range(5):
            buffer[:] = at
            yield buffer

    np.testing.assert_array_equal(np.unique(draw(reusing(), 50).values), np.arange(5.0))


def test_b17_dependent_batches_say_their_lag_and_a_declared_lag_thins() -> None:
    walk = np.cumsum(np.random.default_rng(0).normal(size=(1000, 2)), axis=0)
    samples = draw(iter(np.split(walk, 10)), 400)
    assert samples.lag > 1
    assert "Declare lag= to thin them" in samples.notes[-1]
    thinned = draw(iter(np.split(walk, 10)), 50, lag=20)
    np.testing.assert_array_equal(thinned.values, walk[::20])
    assert thinned.lag == 1


class Pictures(torch.utils.data.Dataset):
    """A torch data set of (image, class) as torchvision has them before any transform."""

    def __init__(self, images: list[object], form: str = "pair") -> None:
        self.images, self.form = images, form

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, at: int) -> object:
        image = self.images[at]
        return {"pair": (image, at % 3), "dict": {"picture": image, "label": at % 3}, "alone": image}[self.form]


def of_sizes(*modes: str) -> list[object]:
    from PIL import Image

    rng = np.random.default_rng(0)
    return [Image.fromarray(rng.integers(0, 256, (3, 5, 3)).astype(np.uint8)).convert(mode) for mode in modes]


@pytest.mark.parametrize("form", ["pair", "dict", "alone"])
def test_pillow_images_of_a_data_set_follow_the_rules_of_files(form: str) -> None:
    images = of_sizes("RGB", "L", "P", "CMYK")
    samples = open_sampler(Pictures(images, form)).sample(4, rng=np.random.default_rng(1))
    order = np.random.default_rng(1).permutation(4)
    assert (samples.kind, samples.shape) == ("image", (3, 5, 3))
    for row, at in zip(samples.values, order, strict=True):
        np.testing.assert_array_equal(row, np.array(images[at].convert("RGB")))
    for note in ("1 images converted from P to RGB", "1 images converted from CMYK to RGB"):
        assert note in samples.notes
    assert "1 grey images were repeated to RGB, as the others are" in samples.notes
    assert form == "alone" or np.array_equal(samples.labels, order % 3)


def test_pillow_images_that_the_rules_refuse_are_refused_by_item() -> None:
    images = of_sizes("RGB", "RGBA")
    images[1].putalpha(7)
    with pytest.raises(ImageDecodeError, match="item 1 of Pictures must not be transparent"):
        open_sampler(Pictures(images)).sample(2, rng=np.random.default_rng(0))
    samples = open_sampler(Pictures(images), alpha="white").sample(2, rng=np.random.default_rng(0))
    assert "1 images laid over white" in samples.notes
    small = [*of_sizes("RGB"), of_sizes("RGB")[0].resize((4, 4))]
    with pytest.raises(ShapeError, match="one size; got 1 of"):
        open_sampler(Pictures(small)).sample(2, rng=np.random.default_rng(0))


@pytest.mark.parametrize("collate", ["list", "pair", "dict"])
def test_loaders_of_pillow_images_are_read_in_batches(collate: str) -> None:
    images = of_sizes(*["RGB"] * 7)

    def joined(items: list[tuple[object, int]]) -> object:
        pictures, classes = [item[0] for item in items], [item[1] for item in items]
        return {"list": pictures, "pair": (pictures, classes), "dict": {"x": pictures, "y": classes}}[collate]

    loader = torch.utils.data.DataLoader(Pictures(images), batch_size=3, collate_fn=joined)
    samples = open_sampler(loader).sample(7, rng=np.random.default_rng(0))
    expected = np.stack([np.array(image) for image in images])
    np.testing.assert_array_equal(
        np.unique(samples.values.reshape(7, -1), axis=0), np.unique(expected.reshape(7, -1), axis=0)
    )
    assert collate == "list" or sorted(samples.labels) == [0, 0, 0, 1, 1, 2, 2]


def test_loaders_of_dicts_and_channels_first_tensors_are_read() -> None:
    rng = np.random.default_rng(0)
    images = torch.from_numpy(rng.uniform(0, 1, (9, 3, 6, 7)).astype(np.float32))

    class Dicts(torch.utils.data.Dataset):
        def __len__(self) -> int:
            return 9

        def __getitem__(self, at: int) -> dict[str, object]:
            return {"pixel_values": images[at], "labels": at % 2, "path": f"{at}.png"}

    loader = torch.utils.data.DataLoader(Dicts(), batch_size=4)
    with pytest.raises(SamplerContractError, match=r"key= must name the entry .* pixel_values, labels, path"):
        open_sampler(loader).sample(9, rng=rng)
    samples = open_sampler(loader, key="pixel_values", value_range=(0, 1)).sample(9, rng=rng)
    assert (samples.kind, samples.shape, samples.value_range) == ("image", (6, 7, 3), (0.0, 1.0))
    assert "channels were moved from first to last" in samples.notes
    assert sorted(samples.labels) == [0] * 5 + [1] * 4
