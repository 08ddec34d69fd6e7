"""The second hidden layer of VGG16, 4096 rectified numbers, through torch-fidelity: ``vgg16:/path/to/weights.pth``.

They are the features of the improved precision and recall (Kynkäänniemi et al. 2019, "Improved precision and recall
metric for assessing generative models"). The weights are torchvision's of ImageNet, ``vgg16-397923af.pth``, from a
path, the folder of weights or torch's cache. Needs torch-fidelity with a torchvision that fits torch. Images are
resized to 224 by 224 as in TensorFlow 1, as torch-fidelity does it.
"""

from __future__ import annotations

from gandiag.core.samples import SampleSet
from gandiag.core.specs import FeatureSpec
from gandiag.features._fidelity import extractor
from gandiag.features._network_map import NetworkMap
from gandiag.features._weights import Known

WEIGHTS = Known(
    of="vgg16",
    file="vgg16-397923af.pth",
    url="https://download.pytorch.org/models/vgg16-397923af.pth",
    sha256="397923af",
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
        module="feature_extractor_vgg16",
        kind="FeatureExtractorVGG16",
        network="vgg16",
        layer="fc2_relu",
        plain=True,
    )


FEATURES = FeatureSpec(
    name="vgg16",
    summary="Second hidden layer of VGG16, through torch-fidelity; needs its weights in a local file.",
    fit=fit,
    kinds=frozenset({"image"}),
    argument="path of the weights",
)
