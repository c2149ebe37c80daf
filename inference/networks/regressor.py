"""Networks that name the direction of view at once, without training views to compare with: crops to rotations."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from PIL import Image

from ..errors import PoseError
from ..files import replacing, writing
from ..geometry import look_at
from ..look import DEFAULT_NETWORK
from . import registry
from .architecture import Array, Layers
from .backends import chosen_device
from .efficientnet import EfficientNetLite0
from .loading import UNREADABLE, WEIGHTS, bundled, ready

if TYPE_CHECKING:
    from torch import Tensor

    from .loading import Network
    from .torch_layers import TorchNetwork

# By judgement; `python -m benchmark.train_chairs` measures the networks as they are
AZIMUTHS = 12  # hypotheses of Lite0Regressor, evenly around the model
TRUNK = "trunk."  # prefix of the names of the parameters of EfficientNet-Lite0 within it
SCALE = ".scale"  # after a weight's name in a file: what its bytes count
TUNED = 5  # blocks of the trunk from here on are trained; those before see edges and colours only


class Prediction(NamedTuple):
    """What a regressor says of N crops: H hypotheses each, the most probable first.

    rotations (N, H, 3, 3) world -> camera, of a camera that looks at the model's centre; probabilities (N, H).
    """

    rotations: np.ndarray
    probabilities: np.ndarray

    @property
    def directions(self) -> np.ndarray:
        """(N, 3) unit: from the model's centre to the camera, by the first hypothesis."""
        return -self.rotations[:, 0, 2]


class PaperRegressor:
    """The network that Eberts & Ulges train from scratch: a crop to the position of the camera on the unit sphere.

    Four 5 x 5 convolutions, each with ReLU and 2 x 2 max pooling, make 13 x 13 x 150 of 208 x 208 pixels; two fully
    connected layers follow, 50 % dropout between them. The paper does not tell the hidden width: 96 keeps the
    bundled file, which is of float16, below 6 MB. The camera is upright.
    """

    inputs, side = 3, 208  # channels, px
    # Names of the convolutions, after the places of the layers in the first version of this network
    CONVOLUTIONS = tuple(f"convolutions.{number}" for number in (0, 3, 6, 9))
    WIDTHS = (3, 20, 50, 100, 150)
    HIDDEN = 96

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Of the weights that a file keeps, layer by layer; each has a bias of as many numbers as its first axis."""
        widths = zip(self.WIDTHS[1:], self.WIDTHS[:-1], strict=True)
        shapes = {name: (*width, 5, 5) for name, width in zip(self.CONVOLUTIONS, widths, strict=True)}
        return {**shapes, "hidden": (self.HIDDEN, 13 * 13 * self.WIDTHS[-1]), "position": (3, self.HIDDEN)}

    def __call__(self, layers: Layers, images: Array) -> Array:
        """Images, 208 px a side, to three numbers: the direction is theirs as a vector, of any length."""
        image = (images - 0.5) / 0.25
        for name in self.CONVOLUTIONS:
            # the paper's order is pooling last: the same numbers
            image = layers.halved(layers.convolution(name, image, then="relu"))
        hidden = layers.dense("hidden", layers.flattened(image), then="relu")
        return layers.dense("position", layers.dropped(hidden, 0.5))

    def predicted(self, output: np.ndarray) -> Prediction:
        directions = output / np.linalg.norm(output, axis=1, keepdims=True).clip(1e-12)
        rotations = np.stack([look_at(direction, np.zeros(3))[:3, :3].T for direction in directions.astype(float)])
        return Prediction(rotations[:, None], np.ones((len(output), 1)))


class Lite0Regressor:
    """EfficientNet-Lite0's trunk, its later half trained further, and a small head: a crop to rotations, roll too.

    An image may look alike from the front and from behind, and a mean of both is wrong: so every one of AZIMUTHS
    hypotheses, evenly around the model, has a probability and a rotation of its own (after Mousavian et al., CVPR
    2017), six numbers that vary continuously with it (Zhou et al., CVPR 2019).
    """

    inputs, side = 3, 160  # channels, px
    azimuths = np.arange(AZIMUTHS) * (math.tau / AZIMUTHS)

    def __init__(self) -> None:
        self.trunk = EfficientNetLite0(TRUNK)

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Of the head's weights, layer by layer; each has a bias of as many numbers as its first axis."""
        head = {"head.0": (128, self.trunk.channels, 3, 3), "head.4": (256, 128 * 5 * 5)}
        return {**head, "weights": (AZIMUTHS, 256), "axes": (AZIMUTHS * 6, 256)}

    def __call__(self, layers: Layers, images: Array) -> Array:
        """Images, 160 px a side, to AZIMUTHS log weights, then six numbers for each hypothesis."""
        middle = layers.convolution("head.0", self.trunk(layers, images), stride=2, then="relu")
        middle = layers.dense("head.4", layers.dropped(layers.flattened(middle), 0.3), then="relu")
        middle = layers.dropped(middle, 0.3)
        return layers.joined([layers.dense("weights", middle), layers.dense("axes", middle)])

    def predicted(self, output: np.ndarray) -> Prediction:
        weights = np.exp((output[:, :AZIMUTHS] - output[:, :AZIMUTHS].max(1, keepdims=True)).astype(float))
        probabilities = weights / weights.sum(1, keepdims=True)
        rotations = self.rotations(output.astype(float), np)
        order = np.argsort(-probabilities, axis=1)
        rotations = np.take_along_axis(rotations, order[..., None, None], 1)
        return Prediction(rotations, np.take_along_axis(probabilities, order, 1))

    def rotations(self, output: Array, library: Any) -> Array:
        """(N, AZIMUTHS, 3, 3): each hypothesis as from the front, turned to its own azimuth. library: numpy or torch,
        whose array the output is."""
        axes = output[:, AZIMUTHS:].reshape(-1, AZIMUTHS, 6)
        front = library.eye(3, dtype=axes.dtype)  # zeros mean the front view: the camera's y is the world's -z
        right = _unit(axes[..., :3] + front[0])
        down = axes[..., 3:] - front[2]
        down = _unit(down - (right * down).sum(-1)[..., None] * right)
        turns = library.asarray(_turned_back(self.azimuths), dtype=axes.dtype)
        return library.stack([right, down, _cross(right, down)], -2) @ turns


def _unit(vectors: Array) -> Array:
    return vectors / ((vectors * vectors).sum(-1)[..., None] + 1e-24) ** 0.5


def _cross(a: Array, b: Array) -> Array:
    """In numpy and torch alike."""
    after, before = [1, 2, 0], [2, 0, 1]
    return a[..., after] * b[..., before] - a[..., before] * b[..., after]


def _turned_back(azimuths: np.ndarray) -> np.ndarray:
    """(N, 3, 3): the world turned about its vertical so that a camera at the azimuth comes to stand in front."""
    cosine, sine = np.cos(azimuths), np.sin(azimuths)
    zero, one = np.zeros_like(cosine), np.ones_like(cosine)
    rows = [cosine, sine, zero, -sine, cosine, zero, zero, zero, one]
    return np.stack(rows, -1).reshape(-1, 3, 3)


REGRESSOR_CLASSES = dict(zip(registry.REGRESSORS, (PaperRegressor, Lite0Regressor), strict=True))


def predict(network: Network, crops: np.ndarray) -> Prediction:
    """What a regressor says of crops (N, S, S, 3) uint8 sRGB, framed as `crops.photo_view` does."""
    size = (network.architecture.side, network.architecture.side)
    resized = [np.asarray(Image.fromarray(crop).resize(size, Image.Resampling.BILINEAR)) for crop in crops]
    return network.architecture.predicted(network.run(np.stack(resized)))


def tuned(name: str) -> bool:
    """Whether a file keeps the parameter of that name, because training changes it."""
    words = name.removeprefix(TRUNK).split(".")
    return not name.startswith(TRUNK) or (words[0] == "blocks" and int(words[1]) >= TUNED)


def stored(network: TorchNetwork) -> dict[str, Tensor]:
    """The parameters that a file keeps, by name."""
    return {name: value for name, value in network.state_dict().items() if tuned(name)}


def trunk_parameters() -> dict[str, np.ndarray]:
    """Of EfficientNet-Lite0 as a Lite0Regressor names them."""
    return {f"{TRUNK}{name}": value for name, value in bundled(DEFAULT_NETWORK).items()}


def save_regressor(network: TorchNetwork, path: Path, about: Mapping[str, Any]) -> None:
    """Writes a file for `load_regressor`: bytes, with words about its training. PoseError where it cannot."""
    kind = next(name for name, kind in REGRESSOR_CLASSES.items() if type(network.architecture) is kind)
    arrays = rounded({name: value.cpu().numpy() for name, value in stored(network).items()})
    words = {"kind": np.array(kind), "about": np.array(json.dumps(about))}
    with writing(path), replacing(path) as file:
        np.savez(file, **arrays, **words)


def rounded(parameters: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """As a file keeps them: weights (outputs, ...) as int8 with a scale for each output, biases as float16."""
    arrays = {}
    for name, values in parameters.items():
        if values.ndim == 1:
            arrays[name] = values.astype("<f2")
            continue
        largest = abs(values).max(tuple(range(1, values.ndim)), keepdims=True)
        scale = np.maximum(largest / 127, 1e-12).astype("<f4")
        arrays |= {name: np.rint(values / scale).astype(np.int8), f"{name}{SCALE}": scale}
    return arrays


def unrounded(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What `rounded` was told, float32; older files, whose weights are float16, have no scales."""
    scales = {name.removesuffix(SCALE): values for name, values in arrays.items() if name.endswith(SCALE)}
    values = {name: values.astype(np.float32) for name, values in arrays.items() if not name.endswith(SCALE)}
    return {name: value * scales[name] if name in scales else value for name, value in values.items()}


def load_regressor(network: str, device: str = "auto") -> Network:
    """A bundled regressor by name, or one from a .npz file, ready for `predict`; cached while the file stays as it is.

    PoseError where there is no such file, or one that holds something else.
    """
    path = WEIGHTS / f"{network}.npz" if network in REGRESSOR_CLASSES else Path(network)
    if not path.is_file():
        where = " in the zip; the repository has it" if network in REGRESSOR_CLASSES else ""
        raise PoseError(f'The network file "{path.name}" does not exist{where}.')
    return _loaded(path, path.stat().st_mtime_ns, chosen_device(device))


@lru_cache(maxsize=2)
def _loaded(path: Path, _changed: int, device: str) -> Network:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            architecture = REGRESSOR_CLASSES[str(arrays["kind"])]()
            parameters = unrounded({name: arrays[name] for name in arrays.files if arrays[name].ndim})
    except UNREADABLE as error:
        raise _damaged(path) from error
    whole = trunk_parameters() if isinstance(architecture, Lite0Regressor) else {}
    expected = {name: value.shape for name, value in whole.items() if tuned(name)}
    for name, shape in architecture.shapes.items():
        expected |= {f"{name}.weight": shape, f"{name}.bias": shape[:1]}
    if {name: value.shape for name, value in parameters.items()} != expected:
        raise _damaged(path)
    return ready(architecture, {**whole, **parameters}, device)


def _damaged(path: Path) -> PoseError:
    return PoseError(f'"{path.name}" is damaged, or not a network that Photo Pose trained.')
