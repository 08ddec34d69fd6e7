"""Inception features: torch-fidelity's own on the same weights, what an image may be, and which file is taken."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gandiag.core.samples import SampleSet
from gandiag.core.specs import FEATURES
from gandiag.errors import ConfigError, FileFormatError, IntegrityError, RangeError, ShapeError
from gandiag.features import inception as module
from gandiag.features._images import as_bytes
from gandiag.features._network_map import NetworkMap
from gandiag.features.inception import fit


def images(n: int = 2, shape: tuple[int, ...] = (24, 32, 3), seed: int = 0) -> NDArray[np.uint8]:
    """Smooth random pictures: stripes of random width, direction and colour."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: shape[0], : shape[1]]
    waves = [np.sin(rng.normal() * x + rng.normal() * y + rng.uniform(0, 6)) for _ in range(n)]
    out = np.stack(waves)[..., None] * rng.normal(size=(n, 1, 1, 3)) * 90 + 128
    out = np.clip(out, 0, 255).astype(np.uint8)
    return out if len(shape) == 3 else out[..., 0]


def sample_set(values: Any, value_range: tuple[float, float] | None = (0, 255), **more: Any) -> SampleSet:
    return SampleSet(values=values, kind="image", value_range=value_range, source="pictures", **more)


def digest_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def mapped(inception_weights: Path) -> NetworkMap:
    return fit(sample_set(images()), f"{inception_weights}?sha256={digest_of(inception_weights)}&device=cpu")


@pytest.mark.differential("D23")
def test_d23_features_are_torch_fidelitys_and_an_error_of_a_hundredth_is_not(
    mapped: NetworkMap, inception_weights: Path
) -> None:
    import torch
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    peer = FeatureExtractorInceptionV3("peer", ["2048"], feature_extractor_weights_path=str(inception_weights))
    values = images(3)
    expected = peer(torch.from_numpy(np.moveaxis(values, -1, 1).copy()))[0].numpy()
    found = mapped(sample_set(values))
    assert found.shape == (3, 2048)
    assert found.dtype == np.float64
    assert np.isfinite(expected).all()
    assert expected.std(axis=0).max() > 1e-3 * np.abs(expected).max()  # else all images would agree
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        np.testing.assert_allclose(1.01 * found, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())
    # Floats in the declared range and grey images are brought to the same bytes.
    floats = mapped(sample_set(values[:1] / 255.0, (0.0, 1.0)))
    np.testing.assert_allclose(floats, found[:1], rtol=1e-5, atol=1e-5 * np.abs(expected).max())


def test_the_fingerprint_carries_the_digest(mapped: NetworkMap, inception_weights: Path) -> None:
    assert mapped.fingerprint() == f"inception:2048:{digest_of(inception_weights)[:12]}:tf-legacy:float32"
    assert mapped.modes(None) is None  # type: ignore[arg-type]


def test_images_become_bytes_of_three_channels() -> None:
    colour, grey = images(), images(shape=(24, 32))
    expected = np.moveaxis(colour, -1, 1)
    np.testing.assert_array_equal(as_bytes(colour, sample_set(colour), "inception"), expected)
    np.testing.assert_array_equal(as_bytes(colour, sample_set(colour, None), "inception"), expected)
    for low, high in ((0.0, 1.0), (-1.0, 1.0)):
        values = colour / 255.0 * (high - low) + low
        np.testing.assert_array_equal(as_bytes(values, sample_set(values, (low, high)), "inception"), expected)
        # Read in the wrong range they would be other bytes: what users of other tools trip over.
        wrong = as_bytes(values, sample_set(values, (-2.0, 2.0)), "inception")
        assert (wrong != expected).mean() > 0.5
    for values in (grey, grey[..., None]):
        np.testing.assert_array_equal(
            as_bytes(values, sample_set(values), "inception"), np.repeat(grey[:, None], 3, axis=1)
        )
    cut = as_bytes(np.full((1, 2, 2), 7.0), sample_set(np.full((1, 2, 2), 7.0), (0.0, 1.0)), "inception")
    assert cut.max() == cut.min() == 255


def test_what_is_no_image_or_has_no_range_is_refused(mapped: NetworkMap) -> None:
    with pytest.raises(ShapeError, match=r"grey or colour images; got image samples of shape \(4, 4, 4\)"):
        fit(sample_set(np.zeros((2, 4, 4, 4), dtype=np.uint8)))
    with pytest.raises(ShapeError, match=r"got vector samples of shape \(4,\)"):
        mapped(SampleSet(values=np.zeros((2, 4))))
    with pytest.raises(RangeError, match=r"value range of pictures; got images of float64 without one"):
        mapped(sample_set(np.zeros((2, 8, 8)), None))


def test_without_weights_the_way_to_them_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(module.VARIABLE, raising=False)
    monkeypatch.setenv("GANDIAG_WEIGHTS", str(tmp_path / "none"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "none"))
    with pytest.raises(
        ConfigError,
        match=r"downloaded; got no path, .*Fetch https://.* set GANDIAG_INCEPTION_WEIGHTS.*--allow-download",
    ):
        fit(sample_set(images()))
    monkeypatch.setenv(module.VARIABLE, str(tmp_path / "absent.pth"))
    with pytest.raises(ConfigError, match=r"must be readable; got .*absent\.pth: No such file"):
        FEATURES.get("inception").fit(sample_set(images()))
    with pytest.raises(ConfigError, match="the feature map inception has no such option; got sha265"):
        fit(sample_set(images()), "x.pth?sha265=1")


def test_another_file_is_refused_unless_its_digest_is_named(tmp_path: Path, torchvision_schemas: None) -> None:
    import torch

    path = tmp_path / "other.pth"
    torch.save({"a": torch.zeros(2)}, path)
    with pytest.raises(IntegrityError, match=rf"SHA-256 6726825d0af5.*got {digest_of(path)}.*knowingly"):
        fit(sample_set(images()), str(path))
    with pytest.raises(IntegrityError, match="must have SHA-256 abc;"):
        fit(sample_set(images()), f"{path}?sha256=abc")
    # Named, it is read, and found to be no such network.
    with pytest.raises(FileFormatError, match="must hold the tensors of the TensorFlow Inception network"):
        fit(sample_set(images()), f"{path}?sha256={digest_of(path)}")


class _Marker:
    """A pickle that writes a file when it is loaded the unsafe way."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.path,))


def test_s02_code_in_the_file_does_not_run(tmp_path: Path, torchvision_schemas: None) -> None:
    import torch

    path, marker = tmp_path / "evil.pth", tmp_path / "ran"
    torch.save(_Marker(marker), path)
    with pytest.raises(FileFormatError, match="must hold the tensors"):
        fit(sample_set(images()), f"{path}?sha256={digest_of(path)}")
    assert not marker.exists()


def test_class_probabilities_are_torch_fidelitys(mapped: NetworkMap, inception_weights: Path) -> None:
    import torch
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    peer = FeatureExtractorInceptionV3(
        "peer", ["logits_unbiased"], feature_extractor_weights_path=str(inception_weights)
    )
    values = images(2)
    logits = peer(torch.from_numpy(np.moveaxis(values, -1, 1).copy()))[0].double()
    assert mapped.classify is not None
    found = mapped.classify(mapped(sample_set(values)))
    np.testing.assert_allclose(found, logits.softmax(dim=1).numpy(), rtol=1e-4)
    np.testing.assert_allclose(found.sum(axis=1), 1.0, rtol=1e-12)


def test_resize_modes_are_other_features_under_other_names(inception_weights: Path) -> None:
    values = images(1, (400, 320, 3))
    given = f"{inception_weights}?sha256={digest_of(inception_weights)}&device=cpu"
    found, names = [], set()
    for mode in ("tf-legacy", "torch-legacy", "clean"):
        one = fit(sample_set(values), f"{given}&resize={mode}")
        found, names = [*found, one(sample_set(values))[0]], names | {one.fingerprint()}
    assert len(names) == 3
    size = np.abs(found[0]).max()
    assert all(1e-5 * size < np.abs(other - found[0]).max() < 0.2 * size for other in found[1:])
    for option, told in (
        ("resize=cubic", "one of tf-legacy, torch-legacy, clean"),
        ("precision=int8", "float32, bf16"),
    ):
        with pytest.raises(ConfigError, match=f"of inception must be .*{told}"):
            fit(sample_set(values), f"{given}&{option}")
    with pytest.raises(ConfigError, match="`device` of inception must be cpu, or a CUDA device that is there; got tpu"):
        fit(sample_set(values), f"{inception_weights}?device=tpu")


@pytest.mark.slow
def test_bf16_is_another_map_and_off_by_thousandths(mapped: NetworkMap, inception_weights: Path) -> None:
    given = f"{inception_weights}?sha256={digest_of(inception_weights)}&device=cpu&precision=bf16"
    one = fit(sample_set(images()), given)
    assert one.fingerprint() == mapped.fingerprint().replace("float32", "bf16")
    found, exact = one(sample_set(images())), mapped(sample_set(images()))
    assert 1e-5 < np.abs(found - exact).max() / np.abs(exact).max() < 2e-2


def test_tensors_of_another_shape_are_named(tmp_path: Path, inception_weights: Path) -> None:
    import torch

    state = torch.load(inception_weights, weights_only=True)
    state["Mixed_6c.branch7x7_2.bn.bias"] = torch.zeros(3)
    torch.save(state, tmp_path / "bent.pth")
    given = f"{tmp_path / 'bent.pth'}?sha256={digest_of(tmp_path / 'bent.pth')}"
    with pytest.raises(FileFormatError, match=r"got Mixed_6c.branch7x7_2.bn.bias of shape \(3,\)"):
        fit(sample_set(images()), given)


@pytest.mark.slow
@pytest.mark.differential("D23")
def test_d23_scores_are_those_of_torch_fidelitys_features(mapped: NetworkMap, inception_weights: Path) -> None:
    """FID, KID, precision, recall and the inception score of both packages, each on its own features."""
    import torch
    from torch_fidelity import metric_fid, metric_isc, metric_kid, metric_prc
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    from gandiag.metrics.inception_score import inception_score
    from gandiag.metrics.kid import kernel_distance
    from gandiag.numerics.balls import neighbourhoods
    from gandiag.numerics.frechet_distance import frechet_distance

    peer = FeatureExtractorInceptionV3(
        "peer", ["2048", "logits_unbiased"], feature_extractor_weights_path=str(inception_weights)
    )
    sides = [images(48, seed=1), images(48, seed=2) // 2]
    ours = [mapped(sample_set(side)) for side in sides]
    theirs = [peer(torch.from_numpy(np.moveaxis(side, -1, 1).copy())) for side in sides]
    real, fake = (side[0] for side in theirs)
    size = float(real.abs().max())
    for mine, side in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(mine, side[0].numpy(), atol=1e-5 * size)
    states = [metric_fid.fid_features_to_statistics(side) for side in (real, fake)]
    fid = metric_fid.fid_statistics_to_metric(*states, False)["frechet_inception_distance"]
    assert frechet_distance(*ours) == pytest.approx(fid, rel=1e-3)
    exact = frechet_distance(real.numpy().astype(float), fake.numpy().astype(float))
    assert frechet_distance(*ours) == pytest.approx(exact, rel=1e-6)
    assert 1.01 * frechet_distance(*ours) != pytest.approx(exact, rel=1e-6)
    kid = metric_kid.kid_features_to_metric(real, fake, kid_subsets=1, kid_subset_size=48, verbose=False)
    assert kernel_distance(*ours)[0] == pytest.approx(kid["kernel_inception_distance_mean"], rel=1e-6, abs=1e-6)
    # Its first input is the generated one.
    found = metric_prc.prc_features_to_metric(
        fake, real, prc_neighborhood=3, prc_batch_size=10_000, save_cpu_ram=False, verbose=False
    )
    balls = neighbourhoods(*ours, 3)
    assert [balls.precision, balls.recall] == pytest.approx([found["precision"], found["recall"]], abs=1e-6)
    isc = metric_isc.isc_features_to_metric(theirs[1][1].double(), splits=2, shuffle=False)["inception_score_mean"]
    assert mapped.classify is not None
    assert inception_score(mapped.classify(ours[1]), 2) == pytest.approx(isc, rel=1e-6)


@pytest.mark.differential("D23")
def test_d23_torch_legacy_features_are_pytorch_fids(inception_weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    peers = pytest.importorskip("pytorch_fid.inception")
    state = torch.load(inception_weights, weights_only=True)
    monkeypatch.setattr(peers, "load_state_dict_from_url", lambda *args, **kwargs: state)
    peer = peers.InceptionV3([3]).eval()
    values = images(2)
    with torch.inference_mode():
        expected = peer(torch.from_numpy(np.moveaxis(values, -1, 1) / np.float32(255)))[0].flatten(1).numpy()
    given = f"{inception_weights}?sha256={digest_of(inception_weights)}&device=cpu"
    ours = [fit(sample_set(values), f"{given}&resize={mode}") for mode in ("torch-legacy", "tf-legacy")]
    found = [one(sample_set(values)) for one in ours]
    np.testing.assert_allclose(found[0], expected, atol=1e-5 * expected.max())
    for wrong in (found[1], 1.01 * found[0]):
        with pytest.raises(AssertionError, match="Not equal to tolerance"):
            np.testing.assert_allclose(wrong, expected, atol=1e-5 * expected.max())
