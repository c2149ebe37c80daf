"""The bundled aligner: by numpy and PyTorch alike, and right about made-up pairs whose answers are known."""

from __future__ import annotations

import hashlib

import made_up
import numpy as np
import pytest
from PIL import Image

from photo_pose.inference.geometry import Camera, rotation_from_vector
from photo_pose.inference.networks import backends, loading
from photo_pose.inference.networks.aligner import Pair, Seen, look, looks
from photo_pose.inference.views import crops

SIDE = 224
CAMERA = crops.template_view(np.array([0.5, -0.7, 0.5]), made_up.OUTLINE)
RENDERING = made_up.render(CAMERA)


@pytest.fixture(scope="module", params=["numpy", "cpu"])
def network(request):
    if request.param == "cpu":
        pytest.importorskip("torch")
    return loading.load_network("aligner", request.param)


def shifted(x: float, y: float) -> Camera:
    """Its picture shows all so many px further to the right and below."""
    K = CAMERA.K.copy()
    K[:2, 2] += x, y
    return Camera(K, CAMERA.camera_to_world, CAMERA.size)


def turned(*degrees: float) -> Camera:
    """Around the model, in its own axes."""
    turn = np.eye(4)
    turn[:3, :3] = rotation_from_vector(np.radians(degrees))
    return Camera(CAMERA.K, turn @ CAMERA.camera_to_world, CAMERA.size)


def backdrop(seed: int = 0) -> np.ndarray:
    """Coloured patches, (SIDE, SIDE, 3) uint8."""
    patches = np.random.default_rng(seed).integers(0, 256, (9, 9, 3), np.uint8)
    return np.array(Image.fromarray(patches).resize((SIDE, SIDE), Image.Resampling.BICUBIC))


def pair(camera: Camera) -> Pair:
    """The rendering, and a photo of the same model from another camera before another backdrop."""
    photo = made_up.render(camera).rgba
    before = photo[..., 3:] > 0
    return Pair(RENDERING.rgb, np.where(before, photo[..., :3], backdrop()), RENDERING.rgba[..., 3])


def covered(seen: Seen) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows and columns of cells that are full of the model, and their middles, px (N, 2)."""
    rows, columns = (RENDERING.rgba[..., 3] > 0).reshape(56, 4, 56, 4).all((1, 3)).nonzero()
    return rows, columns, np.stack([columns, rows], 1) * 4 + 2


def overlap(mask: np.ndarray, camera: Camera) -> float:
    """Intersection over union with the model in a camera's picture."""
    mask, true = mask > 0.5, made_up.render(camera).rgba[..., 3] > 0
    return (mask & true).sum() / (mask | true).sum()


@pytest.mark.parametrize("camera", [CAMERA, shifted(6, 0), shifted(-4, 6), turned(4, -3, 5), turned(-5, 0, -6)])
def test_flow_leads_from_the_rendering_to_the_photo(network, camera):
    seen = look(network, *pair(camera))
    rows, columns, middles = covered(seen)
    points = RENDERING.points[middles[:, 1], middles[:, 0]]  # of the pixel to the right of and below the middle
    errors = np.linalg.norm(middles + 0.5 + seen.flow[rows, columns] - camera.project(points), axis=1)
    visible = seen.visible[rows, columns]
    assert np.median(errors[visible > 0.5]) < 1
    assert (visible > 0.5).mean() > 0.9
    assert overlap(seen.seen, camera) > 0.93 and overlap(seen.whole, camera) > 0.93


def test_what_is_hidden_is_told(network):
    camera = shifted(6, 0)
    rendering, photo, alpha = pair(camera)
    left, top, right, bottom = 88, 72, 144, 128
    photo[top:bottom, left:right] = np.random.default_rng(0).integers(0, 256, (56, 56, 3), np.uint8)
    seen = look(network, rendering, photo, alpha)
    rows, columns, middles = covered(seen)
    places = camera.project(RENDERING.points[middles[:, 1], middles[:, 0]])
    inside = ((places > (left + 6, top + 6)) & (places < (right - 6, bottom - 6))).all(1)
    outside = ((places < (left - 6, top - 6)) | (places > (right + 6, bottom + 6))).any(1)
    visible = seen.visible[rows, columns]
    assert inside.sum() > 100 and visible[inside].mean() < 0.4 < 0.9 < visible[outside].mean()
    assert seen.deviation[rows, columns][inside].mean() > 1.5 * seen.deviation[rows, columns][outside].mean()
    middle = np.s_[top + 8 : bottom - 8, left + 8 : right - 8]
    true = made_up.render(camera).rgba[middle][..., 3] > 0
    assert seen.seen[middle][true].mean() < 0.3 < 0.7 < seen.whole[middle][true].mean()


def test_numpy_and_torch_say_the_same_of_the_same_pairs():
    pytest.importorskip("torch")
    pairs = [pair(camera) for camera in (shifted(6, 0), turned(4, -3, 5))]
    made, expected = (looks(loading.load_network("aligner", device), pairs) for device in ("numpy", "cpu"))
    for one, other in zip(made, expected, strict=True):
        for values, others in zip(one, other, strict=True):
            assert values.shape == others.shape and values.dtype == others.dtype == np.float32
            assert np.abs(values - others).max() < 1e-3 * np.abs(others).max()


def test_what_it_says_has_the_sizes_and_ranges_it_promises(network):
    seen = look(network, *pair(shifted(6, 0)))
    assert [part.shape for part in seen] == [(56, 56, 2), (56, 56), (56, 56), (SIDE, SIDE), (SIDE, SIDE)]
    assert all(np.isfinite(part).all() for part in seen) and (seen.deviation > 0).all()
    for share in (seen.visible, seen.seen, seen.whole):
        assert share.min() >= 0 and share.max() <= 1
    assert looks(network, []) == []


def test_several_pairs_at_once_and_threads_change_nothing():
    network = loading.load_network("aligner", "numpy")
    pairs = [pair(camera) for camera in (shifted(6, 0), turned(4, -3, 5), CAMERA)]
    answers = []
    try:
        for count in (1, 2, 6):
            backends.set_threads(count)
            answers += [looks(network, pairs), [look(network, *one) for one in pairs]]
    finally:
        backends.set_threads(0)
    for answer in answers[1:]:
        for one, other in zip(answer, answers[0], strict=True):
            for values, others in zip(one, other, strict=True):
                np.testing.assert_allclose(values, others, rtol=0, atol=1e-4)


def test_the_masks_pixels_lie_where_torch_would_shuffle_them():
    torch = pytest.importorskip("torch")
    from photo_pose.inference.networks.aligner import _masks_of

    cells = np.random.default_rng(0).normal(size=(5, 7, 8)).astype(np.float32)
    expected = torch.pixel_shuffle(torch.from_numpy(cells).permute(2, 0, 1), 2)
    np.testing.assert_array_equal(_masks_of(cells), expected)


def test_the_bundled_file_is_the_one_that_is_described():
    content = (loading.WEIGHTS / "aligner.npz").read_bytes()
    assert hashlib.sha256(content).hexdigest() in (loading.WEIGHTS / "README.md").read_text()
    assert len(content) < 4_000_000
