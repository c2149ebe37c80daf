"""Chessboards: corners where they are, lenses and poses as they were, and a sentence where a board does not tell."""

import numpy as np
import pytest

pytest.importorskip("PIL")

from PIL import Image  # noqa: E402

from photo_pose.inference.chessboard.calibration import board_points, calibrate, locate_board  # noqa: E402
from photo_pose.inference.chessboard.corners import find_chessboard  # noqa: E402
from photo_pose.inference.errors import PoseError  # noqa: E402
from photo_pose.inference.geometry import intrinsics, rotation_angle, rotation_from_vector  # noqa: E402
from photo_pose.inference.photo.distortion import distorted, straightened  # noqa: E402
from photo_pose.inference.photo.image import load_photo  # noqa: E402

SIZE = (640, 480)
COLUMNS, ROWS = 9, 6
K = intrinsics(600, SIZE)
BENT = np.array([-0.25, 0.08, 0.001, -0.0005, 0.0])
POINTS = board_points(COLUMNS, ROWS, 1.0)


def pose(*degrees: float, depth: float = 14.0) -> np.ndarray:
    """Board -> camera (4, 4): its front towards the camera, then turned about the camera's axes."""
    matrix = np.eye(4)
    matrix[:3, :3] = rotation_from_vector(np.radians(degrees)) @ np.diag([1.0, -1.0, -1.0])
    matrix[:3, 3] = 0.3, -0.2, depth
    return matrix


def seen(board: np.ndarray, distortion: np.ndarray, points: np.ndarray = POINTS) -> np.ndarray:
    """(N, 2) px."""
    camera = points @ board[:3, :3].T + board[:3, 3]
    return distorted(camera[:, :2] / camera[:, 2:], distortion) @ K[:2, :2] + K[:2, 2]


def photographed(board: np.ndarray, path, distortion: np.ndarray, columns: int = COLUMNS):
    """A photo, with noise, of a board with a white border before a gradient; edges are a pixel or two wide."""
    y, x = np.indices(SIZE[::-1]) + 0.5
    wanted = plane = (np.stack([x, y], -1) - K[:2, 2]) / K[0, 0]
    for _ in range(15 if distortion.any() else 0):
        plane = plane + wanted - distorted(plane, distortion)
    axes = np.linalg.inv(np.stack([board[:3, 0], board[:3, 1], board[:3, 3]], 1))
    across, up, one = np.moveaxis(np.concatenate([plane, np.ones((*plane.shape[:2], 1))], -1) @ axes.T, -1, 0)
    column, row = across / one + (columns + 1) / 2, (ROWS + 1) / 2 - up / one
    squares = (1 - soft(column) * soft(row)) / 2
    outside = np.maximum(np.abs(column - (columns + 1) / 2) - columns / 2, np.abs(row - (ROWS + 1) / 2) - ROWS / 2)
    values = np.where(outside < 0.5, 30 + 190 * squares, np.where(outside < 1.2, 225, 60 + 100 * x / SIZE[0]))
    values += np.random.default_rng(0).normal(0, 3, values.shape)
    Image.fromarray(values.clip(0, 255).astype(np.uint8)).save(path)
    return load_photo(path)


def soft(number: np.ndarray) -> np.ndarray:
    """1 in the first square, -1 in the next one, and so on."""
    line = np.round(number)
    return np.where(line % 2, -1, 1) * np.clip((number - line) * 30, -1, 1)


@pytest.mark.parametrize("turn", [0, 90, 180, -135])
def test_corners_are_found_in_their_order(turn, tmp_path):
    board = pose(0, 0, turn) @ pose(0, 0, 0, depth=0) @ pose(25, -30, 10, depth=0)
    board[:3, 3] = 0.3, -0.2, 14
    found = find_chessboard(photographed(board, tmp_path / "board.png", np.zeros(5)), COLUMNS, ROWS)
    off = np.linalg.norm(found.reshape(-1, 2) - seen(board, np.zeros(5)), axis=1)
    assert found.shape == (ROWS, COLUMNS, 2) and off.max() < 0.1 and off.mean() < 0.04


def test_a_large_photo_is_measured_in_its_own_pixels(tmp_path):
    photo = photographed(pose(20, 25, 5), tmp_path / "board.png", np.zeros(5))
    large = tmp_path / "large.png"
    photo.image.resize((1600, 1200), Image.Resampling.BICUBIC).save(large)
    found = find_chessboard(load_photo(large), COLUMNS, ROWS).reshape(-1, 2)
    assert np.linalg.norm(found / 2.5 - seen(pose(20, 25, 5), np.zeros(5)), axis=1).max() < 0.15


@pytest.mark.parametrize("columns", [8, 10])
def test_another_board_is_refused(columns, tmp_path):
    photo = photographed(pose(10, 20, 0), tmp_path / "board.png", np.zeros(5), columns)
    with pytest.raises(PoseError, match="No whole chessboard of 9 x 6 inner corners is seen in 'board.png'"):
        find_chessboard(photo, COLUMNS, ROWS)


def test_a_cut_off_board_and_a_plain_photo_are_refused(tmp_path):
    cut = pose(10, 20, 0)
    cut[0, 3] = 4.0
    photographed(cut, tmp_path / "cut.png", np.zeros(5))
    Image.new("RGB", SIZE, "grey").save(tmp_path / "plain.png")
    for name in ("cut.png", "plain.png"):
        with pytest.raises(PoseError, match=name):
            find_chessboard(load_photo(tmp_path / name), COLUMNS, ROWS)
    with pytest.raises(PoseError, match="3 x 3"):
        find_chessboard(load_photo(tmp_path / "plain.png"), 9, 2)


SLANTS = [pose(0, 0, 0), pose(30, 0, 5), pose(-25, 20, 0), pose(10, -35, 30), pose(-20, -20, -50), pose(35, 25, 100)]


def test_a_lens_is_calibrated():
    pixels = np.stack([seen(board, BENT) for board in SLANTS])
    exact = calibrate(POINTS, pixels, SIZE)
    np.testing.assert_allclose(exact.K, K, atol=1e-3)
    np.testing.assert_allclose(exact.distortion, BENT, atol=1e-4)
    np.testing.assert_allclose(exact.poses, SLANTS, atol=1e-4)
    noisy = calibrate(POINTS, pixels + np.random.default_rng(1).normal(0, 0.1, pixels.shape), SIZE)
    assert abs(noisy.K[0, 0] - 600) < 3 * 600 * noisy.focal_deviation < 6
    assert noisy.rms == pytest.approx(0.1 * np.sqrt(2), rel=0.1) and len(noisy.errors) == len(SLANTS)
    with pytest.raises(PoseError, match="3 photos"):
        calibrate(POINTS, pixels[:2], SIZE)


@pytest.mark.parametrize("distortion", [np.zeros(5), np.array([-0.2, 0, 0, 0, 0])])
def test_one_photo_tells_focal_length_and_distortion(distortion):
    pixels = seen(SLANTS[3], distortion) + np.random.default_rng(2).normal(0, 0.05, (len(POINTS), 2))
    found = locate_board(POINTS, pixels, SIZE)
    assert found.K[0, 0] == found.K[1, 1] == pytest.approx(600, rel=0.02) and 0 < found.focal_deviation < 0.02
    np.testing.assert_allclose(found.distortion, distortion, atol=0.02)
    known = locate_board(POINTS, pixels, SIZE, K, distortion)
    assert np.degrees(rotation_angle(known.poses[0, :3, :3], SLANTS[3][:3, :3])) < 0.05 and known.focal_deviation == 0
    np.testing.assert_allclose(known.K, K)


def test_a_board_seen_from_straight_ahead_does_not_tell_the_lens():
    pixels = seen(pose(0.5, 0, 0), np.zeros(5)) + np.random.default_rng(3).normal(0, 0.1, (len(POINTS), 2))
    with pytest.raises(PoseError, match="more of a slant"):
        locate_board(POINTS, pixels, SIZE)
    with pytest.raises(PoseError, match="more of a slant"):
        locate_board(POINTS, seen(pose(0, 0, 0), np.zeros(5)), SIZE)


def test_distortion_is_taken_out_of_a_photo(tmp_path):
    photo = photographed(pose(20, 25, 5), tmp_path / "bent.png", BENT)
    straight = straightened(photo, K, BENT)
    found = find_chessboard(straight, COLUMNS, ROWS).reshape(-1, 2)
    assert np.linalg.norm(found - seen(pose(20, 25, 5), np.zeros(5)), axis=1).max() < 0.2
    assert not straight.shown_as_is and straight.image.size == SIZE
