"""The lab's recorder: what a trace holds is what the networks do, exactly where it can be; training is untouched."""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from gandiag.core.rng import stream
from gandiag.datasets.ring8 import open_ring8
from gandiag.errors import ConfigError, FileFormatError, ShapeError
from gandiag.lab import LabRecorder, read_trace
from gandiag.lab.cells import View, best_discriminator, divergences, exact_shares, floors
from gandiag.lab.frames import Frame
from gandiag.lab.looking import Eyes, Noise
from gandiag.lab.real_side import RealSide, known_density
from gandiag.lab.recorder import MOST_FRAMES
from gandiag.lab.trace import NAME, Trace

REAL = "toy:gauss?dim=2"


def linear(weights: list[list[float]]) -> nn.Module:
    layer = nn.Linear(len(weights[0]), len(weights), bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(weights))
    return layer


def recorded(out: Path, *, steps: int = 3, generator: Any = None, **options: Any) -> Trace:
    chosen = {"latent": 2, "every": 1, "discriminator": linear([[0.5, -0.25]])} | options
    with LabRecorder(REAL, generator=generator or linear([[1.0, 0.0], [0.0, 1.0]]), out=out, **chosen) as lab:
        for step in range(steps):
            lab.step(step, losses={"D": 1.0 + step, "G": torch.tensor(0.5)}, examples=32)
    return read_trace(out)


@pytest.fixture(scope="module")
def trace(tmp_path_factory: pytest.TempPathFactory) -> Trace:
    return recorded(tmp_path_factory.mktemp("run"))


def test_a_trace_comes_back_as_it_was_written_byte_for_byte(trace: Trace, tmp_path: Path) -> None:
    again = read_trace(trace.write(tmp_path / "copy"))
    assert again.facts == trace.facts
    assert again.to_bytes() == trace.to_bytes()
    assert trace.arrays["steps"].tolist() == [0, 1, 2]
    assert trace.series("loss/D").tolist() == [1.0, 2.0, 3.0]


def pace(examples: Any, out: Path) -> float:
    times = itertools.count()
    options: dict[str, Any] = {"latent": 2, "every": 2, "clock": lambda: float(next(times))}
    with LabRecorder(REAL, generator=linear([[1.0, 0.0], [0.0, 1.0]]), out=out, **options) as lab:
        for step in range(5):
            lab.step(step, examples=examples)
    return Frame.of_trace(read_trace(out))[-1].scalars["examples_per_second"]


@pytest.mark.parametrize("batch", [torch.zeros(32, 2), (torch.zeros(32, 2), torch.zeros(32))])
def test_examples_are_counted_from_a_number_or_from_what_they_are(batch: Any, tmp_path: Path) -> None:
    found = pace(batch, tmp_path / "rows")
    assert found == pace(32, tmp_path / "number")
    assert found == pytest.approx(pace(16, tmp_path / "half") * 2.0)


def test_the_identity_on_normal_noise_is_at_the_floor_and_d_star_is_a_half(trace: Trace) -> None:
    mean, high = trace.facts["floors"]["js"]
    assert np.all(np.abs(trace.series("js") - mean) < 3 * (high - mean))
    q = trace.arrays["q"][0].astype(float)
    held = trace.arrays["p"] > 1e-3
    best = best_discriminator(trace.arrays["p"].astype(float), q)
    assert np.abs(best[held] - 0.5).max() < 0.03
    assert trace.facts["q_from"] == "flow"
    assert trace.facts["exact"]


def test_slopes_of_a_linear_critic_are_its_weights(trace: Trace) -> None:
    assert np.allclose(trace.arrays["slopes"], [0.5, -0.25])
    assert np.allclose(trace.arrays["at_points"], trace.arrays["points"] @ [0.5, -0.25], atol=1e-6)


def test_density_of_the_manifold_is_the_prior_over_the_determinant() -> None:
    turned = [[0.0, 2.0], [3.0, 0.0]]  # determinant -6: the plane is turned over
    noise = Noise(width=2, prior="normal")
    z = np.random.default_rng(0).normal(size=(50, 2))
    images, density = Eyes(linear(turned), None).sheet(z, np.eye(2), noise)
    assert np.allclose(images, z @ np.transpose(turned), atol=1e-5)
    assert np.allclose(density, -noise.density(z) / 6.0, rtol=1e-5)


def test_density_on_a_curve_is_the_prior_over_the_speed() -> None:
    z = np.linspace(-0.9, 0.9, 7)[:, None]
    _, density = Eyes(linear([[3.0], [4.0]]), None).sheet(z, np.eye(1), Noise(width=1, prior="uniform"))
    assert np.allclose(density, 0.5 / 5.0)


def test_cells_integrate_a_narrow_law_that_their_centres_would_miss() -> None:
    law = open_ring8(sigma=0.02)
    rows, _ = law.draw(20_000, stream(0, "test"))
    view = View.around(rows, 40)
    shares = exact_shares(law.log_density, view, rows)
    counts = view.counts(rows) / len(rows)
    assert shares.sum() == pytest.approx(1.0, abs=1e-9)
    assert shares[-1] < 2e-4
    assert np.abs(shares - counts).max() < 0.01
    at_centres = np.exp(law.log_density(view.grid())).sum() * (view.side / view.cells) ** 2
    assert abs(at_centres - 1.0) > 0.05


def test_what_lies_outside_the_view_is_counted_and_wraps_nowhere() -> None:
    view = View(low=(0.0, 0.0), side=1.0, cells=10)
    counts = view.counts(np.array([[-0.05, 0.55], [1.0, 0.5], [0.05, 0.95], [0.5, 7.0]]))
    assert counts[-1] == 3
    assert counts.reshape(-1)[9 * 10 + 0] == 1


def test_divergences_have_their_closed_values() -> None:
    p = np.array([0.5, 0.5, 0.0, 0.0])
    apart = divergences(p, np.array([0.0, 0.0, 500.0, 500.0]))
    assert apart["js"] == pytest.approx(math.log(2))
    assert 5 < apart["kl"] < math.inf
    same = divergences(p, np.array([500.0, 500.0, 0.0, 0.0]))
    assert same == pytest.approx({"js": 0.0, "kl": 0.0, "kl_reverse": 0.0})


def test_the_floor_holds_what_a_perfect_generator_shows() -> None:
    rng = np.random.default_rng(1)
    p = rng.dirichlet(np.ones(200))
    mean, high = floors(p, 2000, rng)["js"]
    seen = np.array([divergences(p, rng.multinomial(2000, p).astype(float))["js"] for _ in range(400)])
    assert seen.mean() == pytest.approx(mean, rel=0.03)
    assert 0.005 < (seen > high).mean() < 0.06


def test_counts_stand_in_where_no_density_is_known() -> None:
    rows = np.random.default_rng(0).normal(size=(3000, 2))
    side = RealSide.of(rows, None, 0)
    assert not side.exact
    assert side.shares.sum() == pytest.approx(1.0)
    assert known_density("toy:ring8!drop_modes=3") is None
    assert known_density("toy:moons") is not None


def test_modes_are_counted_by_their_share() -> None:
    side = RealSide.of("toy:ring8?sigma=0.1", None, 0)
    rows, labels = open_ring8(sigma=0.1).draw(8000, stream(0, "test"))
    assert labels is not None
    found = side.modes_of(rows[labels < 5])
    assert found["modes"] == 5
    assert found["within_3sd"] == pytest.approx(1 - math.exp(-4.5), abs=0.01)


def test_training_is_bit_for_bit_what_it_is_without_the_lab(tmp_path: Path) -> None:
    def weights(out: Path | None) -> torch.Tensor:
        torch.manual_seed(0)
        G = nn.Sequential(nn.Linear(2, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 2))
        D = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 1))
        optimiser = torch.optim.Adam([*G.parameters(), *D.parameters()])
        lab = None if out is None else LabRecorder(REAL, generator=G, discriminator=D, latent=2, every=2, out=out)
        for step in range(5):
            loss = nn.functional.softplus(-D(G(torch.randn(16, 2)))).mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            if lab is not None:
                lab.step(step, losses={"G": loss})
        held = [v.double().ravel() for net in (G, D) for v in net.state_dict().values()]
        return torch.cat([*held, torch.rand(2).double()])

    assert torch.equal(weights(None), weights(tmp_path))


def test_what_a_step_changes_is_seen_before_it_begins_and_its_time_does_not_count(tmp_path: Path) -> None:
    now, net, critic = [0.0], linear([[1.0, 0.0], [0.0, 1.0]]), linear([[0.5, -0.25]])

    def slow(x: torch.Tensor) -> torch.Tensor:
        now[0] += 100.0
        out: torch.Tensor = critic(x)
        return out

    with LabRecorder(
        REAL, generator=net, discriminator=slow, latent=2, every=2, out=tmp_path, clock=lambda: now[0]
    ) as lab:
        for step in range(5):
            now[0] += 1.0
            with torch.no_grad():
                critic.weight.add_(1.0)
                net.weight.mul_(2.0)
            lab.step(step, examples=10)
    trace = read_trace(tmp_path)
    assert trace.arrays["steps"].tolist() == [0, 2, 4]
    assert trace.arrays["within"].tolist() == [0, 1, 1]
    assert np.allclose(trace.arrays["points"][1:], 2 * trace.arrays["points_before"][1:], rtol=1e-5)
    at = View(low=tuple(trace.facts["view"][:2]), side=trace.facts["view"][2], cells=40).grid()
    weights = np.array([[0.5, -0.25]]) + np.array(
        [[0.0], [2.0], [4.0]]
    )  # before steps 2 and 4, and in the first frame 1
    weights[0] += 1.0
    assert np.allclose(trace.arrays["disc_before"].reshape(3, -1), weights @ at.T, atol=1e-4)
    assert np.allclose(trace.arrays["slopes_before"][2], [5.5, 4.75])  # of D after its update, where G's samples were
    assert trace.arrays["seconds"].tolist() == [1.0, 3.0, 5.0]
    assert trace.series("examples_per_second")[1:].tolist() == [10.0, 10.0]


def test_a_long_run_keeps_at_most_a_hundred_frames_evenly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from gandiag.lab import recorder

    monkeypatch.setattr(recorder, "MOST_FRAMES", 6)
    trace = recorded(tmp_path, steps=20)
    steps = trace.arrays["steps"].tolist()
    assert steps == [0, 4, 8, 12, 16, 19]
    assert MOST_FRAMES == 100


def test_a_run_goes_on_and_refuses_to_be_overwritten(tmp_path: Path) -> None:
    recorded(tmp_path, steps=2)
    with pytest.raises(ConfigError, match="trace of another run"):
        recorded(tmp_path)
    G, D = linear([[1.0, 0.0], [0.0, 1.0]]), linear([[0.5, -0.25]])
    with LabRecorder(REAL, generator=G, discriminator=D, latent=2, every=1, out=tmp_path, resume=True) as lab:
        lab.rewind(0)
        lab.step(1)
        lab.step(2)
    assert read_trace(tmp_path).arrays["steps"].tolist() == [0, 1, 2]
    with pytest.raises(ConfigError, match="same data"):
        LabRecorder("toy:ring8", generator=G, latent=2, out=tmp_path, resume=True)


def test_outputs_that_are_not_finite_are_named_and_make_no_frame(tmp_path: Path) -> None:
    net = linear([[1.0, 0.0], [0.0, 1.0]])
    with LabRecorder(REAL, generator=net, latent=2, every=1, out=tmp_path) as lab:
        assert lab.step(0)
        with torch.no_grad():
            net.weight.fill_(float("nan"))
        assert not lab.step(1)
    trace = read_trace(tmp_path)
    assert trace.arrays["steps"].tolist() == [0]
    assert trace.facts["broken"] == [1]
    assert "disc" not in trace.arrays


def test_wide_latents_are_seen_through_a_slice_and_counts(tmp_path: Path) -> None:
    trace = recorded(tmp_path, steps=1, generator=linear([[1.0, 0, 0, 0], [0, 1.0, 0, 0]]), latent=4, prior="uniform")
    assert trace.facts["q_from"] == "samples"
    assert trace.arrays["manifold"].shape == (1, 21, 21, 2)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"generator": linear([[1.0, 0.0]])}, "shape \\(n, 2\\)"),
        ({"discriminator": linear([[1.0, 0.0], [0.0, 1.0]])}, "one number per sample"),
        ({"loss": "hinge"}, "`loss` must be one of"),
        ({"prior": "sphere"}, "`prior` must be"),
        ({"every": 0}, "`every` and `pack` at least 1"),
        ({"pack": 0}, "`every` and `pack` at least 1"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path: Path, options: dict[str, Any], match: str) -> None:
    with pytest.raises((ConfigError, ShapeError), match=match):
        recorded(tmp_path, steps=1, **options)


def test_data_of_another_width_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ShapeError, match="rows of two numbers"):
        LabRecorder("toy:gauss?dim=3", generator=nn.Identity(), out=tmp_path)


def test_a_step_that_does_not_rise_is_refused(tmp_path: Path) -> None:
    lab = LabRecorder(REAL, generator=nn.Identity(), latent=2, out=tmp_path)
    lab.step(3)
    with pytest.raises(ConfigError, match="steps must rise"):
        lab.step(3)


def test_torn_and_foreign_files_are_refused(trace: Trace, tmp_path: Path) -> None:
    data = trace.to_bytes()
    place = itertools.count()
    lacking = Trace(facts=trace.facts, arrays={k: v for k, v in trace.arrays.items() if k != "slopes"})
    broken = Trace(facts=trace.facts, arrays=trace.arrays | {"q": np.full_like(trace.arrays["q"], np.nan)})
    falling = Trace(facts=trace.facts, arrays=trace.arrays | {"steps": np.array([2, 1, 0])})
    for bad in (b"", data[:50], data[:-40], lacking.to_bytes(), broken.to_bytes(), falling.to_bytes()):
        folder = tmp_path / str(next(place))
        folder.mkdir()
        (folder / NAME).write_bytes(bad)
        with pytest.raises(FileFormatError, match="must be whole"):
            read_trace(folder)
    with pytest.raises(FileFormatError, match="a file that can be read"):
        read_trace(tmp_path)
