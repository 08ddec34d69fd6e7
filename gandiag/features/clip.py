"""Image embeddings of CLIP ViT-B/32, 512 numbers, through torch-fidelity: ``clip:/path/to/ViT-B-32.pt``.

Embeddings of a network that learnt from captions follow what people call similar more closely than ImageNet classes do
(Kynkäänniemi et al. 2023, "The role of ImageNet classes in Fréchet inception distance"; Jayasumana et al. 2024,
"Rethinking FID"). The weights are OpenAI's archive of TorchScript, of which the tensors are taken; its SHA-256 is
pinned. Needs torch-fidelity with a torchvision that fits torch. Images are resized to 224 by 224 as in TensorFlow 1, as
torch-fidelity does it; other networks of the family come by `open_clip`.
"""

from __future__ import annotations

from gandiag.core.samples import SampleSet
from gandiag.core.specs import FeatureSpec
from gandiag.features._fidelity import extractor
from gandiag.features._network_map import NetworkMap
from gandiag.features._weights import Known

_SHA256 = "40d365715913c9da98579312b702a82c18be219cc2a73407c4526f58eba950af"
WEIGHTS = Known(
    of="clip",
    file=f"clip-vit-b-32-{_SHA256}.pt",
    url=f"https://openaipublic.azureedge.net/clip/models/{_SHA256}/ViT-B-32.pt",
    sha256=_SHA256,
)


def fit(samples: SampleSet, address: str = "") -> NetworkMap:
    """Load the weights; nothing is fitted.

    Parameters
    ----------
    samples : SampleSet
        Must be images.
    address : str
        Path of the weights, with ``?sha256=`` and ``?device=`` after it.

    Raises
    ------
    ConfigError
        When there are no weights.
    IntegrityError
        When the file is another than the one expected.
    MissingExtra
        When torch-fidelity cannot be imported.
    """
    return extractor(
        samples,
        known=WEIGHTS,
        address=address,
        module="feature_extractor_clip",
        kind="FeatureExtractorCLIP",
        network="clip-vit-b-32",
        layer="clip",
        plain=False,
    )


FEATURES = FeatureSpec(
    name="clip",
    summary="Image embeddings of CLIP ViT-B/32, through torch-fidelity; needs its weights in a local file.",
    fit=fit,
    kinds=frozenset({"image"}),
    argument="path of the weights",
)
