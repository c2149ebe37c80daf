"""Pictures on the graphics card have their colours, their rows in order, and no more pixels than were asked for."""

import numpy as np
import pytest

pytest.importorskip("bpy")
Image = pytest.importorskip("PIL.Image")

from photo_pose.operators.pictures import gpu_drawing  # noqa: E402
from photo_pose.operators.pictures.textures import preset_texture, texture  # noqa: E402

pytestmark = pytest.mark.skipif(not gpu_drawing.available(), reason="Blender finds no OpenGL here")
TOP, LOW = (255, 51, 0), (0, 128, 204)
PICTURE = Image.fromarray(np.repeat(np.array([[TOP], [LOW]], np.uint8), [32, 32], 0).repeat(80, 1))  # 80 by 64


def read(on_card) -> np.ndarray:
    """(H, W, 4)."""
    values = on_card.read()
    return np.array(values.to_list(), float).reshape(on_card.height, on_card.width, 4)


def test_a_texture_is_as_the_image_is_and_reduced_where_that_is_large():
    whole, small = (read(texture(PICTURE, side)) for side in (1000, 40))
    assert whole.shape == (64, 80, 4) and small.shape == (32, 40, 4)
    for rows in (whole, small):
        rows = rows / rows.max()
        np.testing.assert_allclose(rows[0, 0], [*np.divide(TOP, 255), 1], atol=0.01)
        np.testing.assert_allclose(rows[-1, -1], [*np.divide(LOW, 255), 1], atol=0.01)


def test_a_preset_s_texture_is_linear_and_upside_down():
    rows = read(preset_texture(PICTURE, 40))
    assert rows.shape == (32, 40, 4)
    np.testing.assert_allclose(rows[-1, 0], [*np.divide(TOP, 255) ** 2.2, 1], atol=0.01)
    np.testing.assert_allclose(rows[0, -1], [*np.divide(LOW, 255) ** 2.2, 1], atol=0.01)
