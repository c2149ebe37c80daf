"""Inception-v3 against torchvision's own class, with weights by chance: nothing is downloaded for a test."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from photo_pose.inference.errors import PoseError
from photo_pose.inference.networks import inception, loading
from photo_pose.inference.networks.registry import identity
from photo_pose.inference.views.retrieval import POOLED, pooled

OFFICIAL = "inception_v3_google-0cc3c7bd.pth"


def named(content: Path, stem: str) -> Path:
    """The file under a name that promises its hash."""
    digits = hashlib.sha256(content.read_bytes()).hexdigest()[:8]
    return content.rename(content.with_name(f"{stem}-{digits}{content.suffix}"))


def loaded(name: str, folder: Path) -> inception.InceptionV3:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("PHOTO_POSE_WEIGHTS", str(folder))
        return inception.load_inception(name)


@pytest.fixture(scope="module")
def whole() -> torch.nn.Module:
    """torchvision's network, with weights that neither fade nor grow from layer to layer."""
    torch.manual_seed(0)
    network = inception._architecture()(init_weights=False).eval()
    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(module.weight)
    return network


@pytest.fixture(scope="module")
def folder(whole, tmp_path_factory) -> Path:
    """A weights folder with a file as torchvision publishes it."""
    folder = tmp_path_factory.mktemp("weights")
    torch.save(whole.state_dict(), folder / "weights.pth")
    named(folder / "weights.pth", "inception_v3_google")
    return folder


@pytest.fixture
def partial(whole, tmp_path) -> Path:
    """A weights folder with a file that ends with layer 6."""
    arrays = {key: value.numpy() for key, value in whole.state_dict().items()}
    kept = {key: value for key, value in arrays.items() if not key.startswith(("Mixed_6d", "Mixed_6e", "Mixed_7", "A"))}
    np.savez(tmp_path / "weights.npz", **kept)
    named(tmp_path / "weights.npz", "inception_v3_part")
    return tmp_path


@pytest.mark.parametrize(("layer", "channels", "cells"), [(1, 256, 17), (4, 768, 8), (7, 768, 8), (10, 2048, 3)])
def test_layers_are_those_of_torchvision(whole, folder, layer, channels, cells):
    network = loaded(f"inception_v3:{layer}", folder).eval()
    picture = np.random.default_rng(1).integers(0, 256, (1, inception.INPUT_SIDE, inception.INPUT_SIDE, 3), np.uint8)
    features = loading.extract_features(network, picture)
    assert features.shape == (1, cells, cells, channels)
    kept = []
    hook = getattr(whole, inception.LAYERS[layer - 1]).register_forward_hook(lambda *given: kept.append(given[2]))
    with torch.inference_mode():
        whole(torch.from_numpy(picture).permute(0, 3, 1, 2) / 127.5 - 1)
    hook.remove()
    np.testing.assert_allclose(features, kept[0].permute(0, 2, 3, 1).numpy(), atol=1e-4 * features.max())
    assert features.std() > 0.01
    assert pooled(features).shape == (1, POOLED * POOLED * channels)


def test_the_bare_name_is_layer_7_or_the_last_that_is_there(folder, partial):
    assert loaded("inception_v3", folder).architecture.number == 7
    assert loaded("inception_v3", partial).architecture.number == 6
    with pytest.raises(PoseError, match=r"ends with layer 6: choose inception_v3:6"):
        loaded("inception_v3:7", partial)


@pytest.mark.parametrize("name", ["inception_v3:0", "inception_v3:12", "inception_v3:", "inception_v3:last"])
def test_other_layers_are_refused(folder, name):
    with pytest.raises(PoseError, match="no such layer"):
        loaded(name, folder)


def test_caches_tell_layers_and_weights_apart(folder, partial, monkeypatch):
    names = set()
    for place in (folder, partial):
        monkeypatch.setenv("PHOTO_POSE_WEIGHTS", str(place))
        names |= {identity("inception_v3:5"), identity("inception_v3:6")}
    assert len(names) == 4
    assert identity("efficientnet_lite0") == "efficientnet_lite0"


def test_without_weights_the_user_learns_where_they_go(tmp_path, monkeypatch):
    monkeypatch.setenv("PHOTO_POSE_WEIGHTS", str(tmp_path / "none"))
    with pytest.raises(PoseError, match=rf"{OFFICIAL}.*{tmp_path}/none.*--download"):
        loading.feature_network("inception_v3", "cpu")


def test_a_damaged_file_is_refused(partial):
    (path,) = partial.iterdir()
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(PoseError, match="damaged"):
        loaded("inception_v3", partial)


def test_a_download_is_kept_only_with_the_right_hash(tmp_path):
    """From a file: torchvision's own server is another machine."""
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    (source / "weights.pth").write_bytes(b"some weights")
    good = named(source / "weights.pth", "inception_v3_google")
    inception.download(target, good.as_uri())
    assert (target / good.name).read_bytes() == b"some weights"
    wrong = source / OFFICIAL
    wrong.write_bytes(b"other weights")
    with pytest.raises(PoseError, match=f"not {OFFICIAL}"):
        inception.download(target, wrong.as_uri())
    with pytest.raises(PoseError, match=r"cannot be downloaded"):
        inception.download(target, (source / "inception_v3_google-1a9a5a14.pth").as_uri())
    assert [path.name for path in target.iterdir()] == [good.name]


def test_only_nearest_views_can_be_looked_for(folder, monkeypatch):
    monkeypatch.setenv("PHOTO_POSE_WEIGHTS", str(folder))
    assert not loading.has_patches(loading.feature_network("inception_v3:4", "cpu"))
    with pytest.raises(PoseError, match=r"'inception_v3:4'.*knn"):
        loading.feature_network("inception_v3:4", "cpu", patches=True)
