"""What a match leaves for the user to judge, and what he can choose from: candidates, turns, snapshots."""

from argparse import Namespace

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")

from blender_state import differences, snapshot  # noqa: E402
from suzanne import SIZE, add_monkey, box, photographed  # noqa: E402

from photo_pose import properties
from photo_pose.inference.geometry import angles_from_direction, roll_of, rotation_angle  # noqa: E402
from photo_pose.inference.photo.focal_length import SPREAD  # noqa: E402
from photo_pose.inference.photo.overlay_picture import intersection_over_union  # noqa: E402
from photo_pose.operators.blender import cameras, match_record
from photo_pose.operators.candidates.take_candidate import PHOTOPOSE_OT_take_candidate  # noqa: E402
from photo_pose.operators.pictures import view_cache  # noqa: E402
from photo_pose.properties import picture_of  # noqa: E402


@pytest.fixture(scope="module")
def matched(views_folder, tmp_path_factory):
    """A saved scene whose camera was matched: to match once is enough."""
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    monkey, folder = add_monkey(), tmp_path_factory.mktemp("matched")
    photo = photographed(monkey, folder / "monkey.png")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(view_cache, "cache_folder", lambda: views_folder)
        lens = {"focal_source": "LENS", "lens": 45, "sensor": 36}
        bpy.ops.photopose.match_photo(filepath=str(photo), box=box(monkey), subdivisions=2, **lens)
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "matched.blend"))
    return folder / "matched.blend"


@pytest.fixture
def scene(matched):
    bpy.ops.wm.open_mainfile(filepath=str(matched))
    return bpy.context.scene


@pytest.fixture
def match(scene):
    return scene.camera.data.photo_pose


def looks(scene):
    return cameras.read_camera(scene, scene.camera, SIZE)


def test_all_that_is_known_is_saved_with_the_camera(scene, match, matched):
    monkey, best = bpy.data.objects["Suzanne"], match.candidates[0]
    assert match.photo == "//monkey.png" == scene.camera[cameras.PHOTO]  # as Blender keeps its own in a new .blend
    assert tuple(match.size) == SIZE and match.model == best.model == monkey
    np.testing.assert_allclose(match.box, box(monkey), atol=1e-3)
    assert match.confidence > 0.9 and match.why == ""
    scores = [one.score for one in match.candidates]
    assert scores == sorted(scores, reverse=True) and match.score == scores[0] and len(scores) > 2
    np.testing.assert_allclose(np.reshape(best.matrix, (4, 4)), np.array(scene.camera.matrix_world), atol=1e-5)
    np.testing.assert_allclose(looks(scene).K, match_record.read_pose(best, SIZE).K, rtol=1e-4)
    told = np.degrees([best.azimuth, best.elevation])
    assert f"azimuth {told[0]:.1f}°, elevation {told[1]:.1f}°" in scene.photo_pose.result


def pixels(candidate) -> np.ndarray:
    """(H, W, 4) of its picture, rows from below, as Blender has them."""
    return np.reshape(picture_of(candidate).image_pixels_float, (match_record.SIDE, match_record.SIDE, 4))


def test_a_candidate_has_a_picture_of_its_model_over_the_photo(match):
    pictures = [pixels(one) for one in match.candidates]
    outlines = [np.abs(picture[..., :3] - np.array([1, 96 / 255, 0])).max(-1) < 0.25 for picture in pictures]
    assert all(0.01 < outline.mean() < 0.2 for outline in outlines)
    left, _top, right, bottom = match.box
    side = (1 + 2 * match_record.MARGIN) * max(right - left, bottom - match.box[1])
    rows, columns = outlines[0].nonzero()
    assert np.ptp(columns) == pytest.approx((right - left) / side * match_record.SIDE, abs=6)
    assert intersection_over_union(outlines[0], outlines[-1]) < 0.5
    black = [pictures[0][row, :, :3].max() < 0.02 for row in (-16, 15)]  # the photo ends nearer to the box above
    assert black == [True, False]


def test_pictures_go_wherever_their_camera_goes(scene, match, matched, tmp_path):
    """Into a saved file, a copy of the camera and another scene, and back with an undo; in a new Blender as well."""

    def seen(camera_object) -> np.ndarray:
        (pictures,) = properties._pictures
        pictures.clear()  # as in a Blender that has just started
        return np.stack([pixels(one) for one in camera_object.data.photo_pose.candidates])

    camera_name = scene.camera.name
    before, blocks = seen(scene.camera), len(bpy.data.images)
    assert np.ptp(before, axis=0).max() > 0.5
    copied = scene.camera.copy()
    copied.data = scene.camera.data.copy()
    bpy.ops.ed.undo_push(message="copied")
    copied.data.photo_pose.candidates.move(0, 1)
    np.testing.assert_array_equal(seen(copied)[:2], before[1::-1])
    bpy.ops.ed.undo_push(message="moved")
    bpy.ops.ed.undo()
    camera = bpy.context.scene.camera
    np.testing.assert_array_equal(seen(camera), before)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "saved.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "saved.blend"))
    np.testing.assert_array_equal(seen(bpy.context.scene.camera), before)
    assert len(bpy.data.images) == blocks
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    with bpy.data.libraries.load(str(tmp_path / "saved.blend")) as (_there, here):
        here.objects = [camera_name]
    np.testing.assert_array_equal(seen(here.objects[0]), before)


def test_a_damaged_picture_is_none(match):
    texts = "no picture", match.candidates[0].picture[:400], "/9j/"
    for text in texts:
        match.candidates[0].picture = text
        assert match.candidates[0].icon == 0 and picture_of(match.candidates[0]) is None
    assert picture_of(match.candidates[1]) and picture_of(match.snapshots.add()) is None


def test_a_candidate_is_taken(scene, match):
    lens = scene.camera.data.lens
    assert bpy.ops.photopose.take_candidate(index=2) == {"FINISHED"}
    assert match.active_candidate == 2
    wanted = match_record.read_pose(match.candidates[2], SIZE)
    matrix = np.reshape(match.candidates[2].matrix, (4, 4))
    np.testing.assert_allclose(np.array(scene.camera.matrix_world), matrix, atol=1e-5)
    assert scene.camera.data.lens == pytest.approx(lens, rel=1e-4)
    assert f"azimuth {np.degrees(match.candidates[2].azimuth):.1f}°" in scene.photo_pose.result
    scene.camera.location.x += 1
    scene.camera.data.lens *= 2
    bpy.ops.photopose.take_candidate(index=2)  # again, for the user has moved the camera since
    np.testing.assert_allclose(looks(scene).camera_to_world, wanted.camera_to_world, atol=1e-5)
    assert looks(scene).focal == pytest.approx(wanted.focal, rel=1e-4)


def test_another_photo_has_no_pins(scene, match, matched, views_folder, monkeypatch):
    monkeypatch.setattr(view_cache, "cache_folder", lambda: views_folder)
    photo = {"filepath": str(matched.with_name("monkey.png")), "subdivisions": 2, "method": "KNN"}
    match.pins.add()
    bpy.ops.photopose.match_photo(**photo)
    assert len(match.pins) == 1  # what was said of this photo holds of its next match, too
    match.photo = str(matched.with_name("other.png"))
    bpy.ops.photopose.match_photo(**photo)
    assert len(match.pins) == 0


def test_candidates_are_stepped_through_round_and_round(scene, match):
    last, taken = len(match.candidates) - 1, []
    for step in (1, 1, -1, -1, -1, 1):
        assert bpy.ops.photopose.next_candidate(step=step) == {"FINISHED"}
        taken.append(match.active_candidate)
        matrix = np.reshape(match.candidates[taken[-1]].matrix, (4, 4))
        np.testing.assert_allclose(np.array(scene.camera.matrix_world), matrix, atol=1e-5)
    assert taken == [1, 2, 1, 0, last, 0]
    match.candidates.clear()
    with pytest.raises(RuntimeError, match="^Error: The active camera has no candidates"):
        bpy.ops.photopose.next_candidate()


def test_a_click_takes_a_candidate_once(scene, match, capfd):
    """Each time the camera is set the user is told."""
    bpy.ops.photopose.take_candidate(index=2)
    assert capfd.readouterr().out.count("azimuth") == 1
    match.active_candidate = 1
    assert capfd.readouterr().out.count("azimuth") == 1


def test_another_camera_keeps_its_own_data(scene, match):
    other = bpy.data.objects.new("Other", scene.camera.data)
    matrix, lens = [*match.candidates[0].matrix], scene.camera.data.lens
    bpy.ops.photopose.take_candidate(index=1)
    assert scene.camera.data != other.data and other.data.lens == lens
    assert scene.camera.data.photo_pose.active_candidate == 1 and other.data.photo_pose.active_candidate == 0
    assert [*other.data.photo_pose.candidates[0].matrix] == matrix


def test_a_list_s_active_item_is_taken(scene, match):
    match.active_candidate = 1
    wanted = match_record.read_pose(match.candidates[1], SIZE)
    np.testing.assert_allclose(looks(scene).camera_to_world, wanted.camera_to_world, atol=1e-5)


def test_a_list_says_in_the_panel_why_nothing_is_taken(scene, match, capsys):
    match.active_candidate = 40
    assert scene.photo_pose.result == "There is no candidate 41."
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize(("axis", "angle"), [("UP", 180), ("UP", 90), ("VIEW", -90)])
def test_the_camera_turns_about_the_model(scene, match, axis, angle):
    before = looks(scene)
    center = match_record.sphere_of(scene, match.model).center
    assert bpy.ops.photopose.turn_candidate(axis=axis, angle=np.radians(angle)) == {"FINISHED"}
    after = looks(scene)
    np.testing.assert_allclose(after.project(center), before.project(center), atol=0.01)
    np.testing.assert_allclose(after.to_camera(center), before.to_camera(center), atol=1e-4)
    np.testing.assert_allclose(after.K, before.K, rtol=1e-4)
    turned = rotation_angle(after.camera_to_world[:3, :3], before.camera_to_world[:3, :3])
    assert np.degrees(turned) == pytest.approx(abs(angle), abs=0.1)
    by = [new - old for old, new in zip(_angles(before, center), _angles(after, center), strict=True)]
    wanted = (angle, 0, 0) if axis == "UP" else (0, 0, angle)
    np.testing.assert_allclose((np.degrees(by) - wanted + 180) % 360, 180, atol=5)  # an angle is seen from the side


def _angles(camera, center):
    return *angles_from_direction(camera.position - center), roll_of(camera.camera_to_world)


def test_snapshots_bring_poses_back(scene, match):
    found = looks(scene)
    bpy.ops.photopose.add_snapshot()
    bpy.ops.photopose.turn_candidate(axis="UP", angle=1)
    turned = looks(scene)
    bpy.ops.photopose.add_snapshot()
    scene.camera.location.z += 3
    for index, wanted in enumerate((found, turned)):
        bpy.ops.photopose.take_snapshot(index=index)
        np.testing.assert_allclose(looks(scene).camera_to_world, wanted.camera_to_world, atol=1e-4)
    bpy.ops.photopose.remove_snapshot(index=0)
    bpy.ops.photopose.add_snapshot()
    assert [one.name for one in match.snapshots] == ["Snapshot 2", "Snapshot 3"]


def test_the_confidence_is_only_claimed_of_the_best_candidate(scene, match):
    """However the camera was moved; and it comes back with the pose."""
    own, best = scene.camera, match.candidates[0]
    assert own.photo_pose_adjusted == ""
    bpy.ops.photopose.take_candidate(index=1)
    second = match.candidates[1].score
    assert own.photo_pose_adjusted == f"Candidate 2: score {second:.2f}, the best candidate's is {best.score:.2f}"
    for change in (
        lambda: bpy.ops.photopose.turn_candidate(angle=0.01),
        lambda: bpy.ops.photopose.nudge(lens=1.01),
        lambda: bpy.ops.photopose.nudge(pan=(2, 0)),
        lambda: bpy.ops.photopose.perspective_strength(strength=1.1),
    ):
        bpy.ops.photopose.take_candidate(index=0)
        assert own.photo_pose_adjusted == ""
        change()
        bpy.context.view_layer.update()
        told = f"Adjusted since the match: not scored, the best candidate's is {best.score:.2f}"
        assert own.photo_pose_adjusted == told and "score" not in scene.photo_pose.result
    bpy.ops.photopose.take_candidate(index=0)
    own.location *= 1.001
    bpy.context.view_layer.update()
    assert own.photo_pose_adjusted == told


def test_a_changed_camera_is_scored_again(scene, match, views_folder, monkeypatch):
    monkeypatch.setattr(view_cache, "cache_folder", lambda: views_folder)
    scene.photo_pose.subdivisions, before = 2, [one.score for one in match.candidates]
    bpy.ops.photopose.score_camera()
    assert match.adjusted.score == pytest.approx(match.score, abs=1e-3)
    bpy.ops.photopose.nudge(azimuth=0.15)
    assert "not scored" in scene.camera.photo_pose_adjusted
    bpy.ops.photopose.score_camera()
    assert match.adjusted.score < match.score - 0.03
    assert f"match: score {match.adjusted.score:.2f}, " in scene.camera.photo_pose_adjusted
    bpy.ops.photopose.add_snapshot()
    bpy.ops.photopose.refine_camera(subdivisions=2)
    assert match.adjusted.score > match.score - 0.05 and match.snapshots[0].score < match.score - 0.03
    bpy.ops.photopose.take_snapshot(index=0)
    assert f"match: score {match.snapshots[0].score:.2f}, " in scene.camera.photo_pose_adjusted
    assert [one.score for one in match.candidates] == before and match.confidence > 0.9


def test_a_locked_camera_is_looked_at_but_not_moved(scene, match, views_folder, monkeypatch):
    monkeypatch.setattr(view_cache, "cache_folder", lambda: views_folder)
    scene.photo_pose.subdivisions, scene.camera.lock_location[0] = 2, True
    bpy.ops.photopose.score_camera()
    assert match.adjusted.score == pytest.approx(match.score, abs=1e-3)
    bpy.ops.photopose.add_snapshot()
    assert len(match.snapshots) == 1
    before = snapshot()
    for change in (bpy.ops.photopose.take_candidate, bpy.ops.photopose.take_snapshot, bpy.ops.photopose.nudge):
        with pytest.raises(RuntimeError, match="is locked and stays as it is"):
            change()
    assert differences(before, snapshot()) == {}


def test_a_match_whose_box_a_script_has_spoilt_is_not_scored(scene, match, views_folder, monkeypatch):
    monkeypatch.setattr(view_cache, "cache_folder", lambda: views_folder)
    match.box = (5, 5, 5, 5)
    before = snapshot()
    with pytest.raises(RuntimeError, match="The box is empty"):
        bpy.ops.photopose.score_camera()
    assert differences(before, snapshot()) == {}


def test_the_uncertainty_of_the_lens_stays_with_its_candidate(scene, match):
    match.candidates[0].lens_deviation = 0.12
    bpy.ops.photopose.take_candidate(index=1)
    assert "±" not in scene.photo_pose.result
    bpy.ops.photopose.take_candidate(index=0)
    assert "± 12 %" in scene.photo_pose.result
    bpy.ops.photopose.add_snapshot()
    bpy.ops.photopose.turn_candidate()
    assert "± 12 %" in scene.photo_pose.result  # the lens is the same
    bpy.ops.photopose.add_snapshot()
    assert match.snapshots[1].lens_deviation == pytest.approx(0.12) and not match.snapshots[1].score
    bpy.ops.photopose.nudge(azimuth=0.1)
    assert "± 12 %" in scene.photo_pose.result
    bpy.ops.photopose.nudge(lens=1.2)
    assert "±" not in scene.photo_pose.result  # the user's
    bpy.ops.photopose.take_snapshot(index=0)
    assert "± 12 %" in scene.photo_pose.result and f"score {match.score:.2f}" in scene.photo_pose.result


def test_a_guessed_lens_is_called_so(scene, match):
    match.candidates[1].lens_deviation = SPREAD
    bpy.ops.photopose.take_candidate(index=1)
    assert "mm (guessed), " in scene.photo_pose.result and "±" not in scene.photo_pose.result
    told = [PHOTOPOSE_OT_take_candidate.description(bpy.context, Namespace(index=index)) for index in (0, 1)]
    assert ["lens guessed" in text for text in told] == [False, True]


def test_the_lens_is_told_as_photographers_do(scene, match):
    """45 mm on 36 mm of 4:3, in a render of 16:9; so has the camera them."""
    bpy.ops.photopose.take_candidate(index=0)
    told = scene.photo_pose.result.split(", ")
    diagonal, wide = np.hypot(36, 27), 2 * np.degrees(np.arctan(18 / 45))
    assert f"35 mm equivalent {45 * np.hypot(36, 24) / diagonal:.0f} mm" in told and f"{wide:.0f}° wide" in told
    data = scene.camera.data
    assert (data.lens, data.sensor_width, data.sensor_height) == pytest.approx((45, 36, 27))


@pytest.mark.parametrize("shape", [(640, 480), (333, 211), (480, 640)], ids=str)
def test_a_render_of_another_shape_is_no_adjustment(scene, match, shape):
    scene.render.resolution_x, scene.render.resolution_y = shape
    scene.render.resolution_percentage, scene.render.pixel_aspect_y = 37, 1.2
    assert scene.camera.photo_pose_adjusted == ""
    scene.camera.data.lens *= 1.01
    assert "Adjusted" in scene.camera.photo_pose_adjusted


def test_what_tells_the_lens_stays_with_its_candidate(scene, match):
    bpy.ops.photopose.take_candidate(index=0)
    assert "lens as given" in scene.photo_pose.result
    best = match.candidates[0]
    best.lens_deviation, best.lens_by, best.lines_differ = 0.06, {"OBJECT", "LINES"}, True
    for change in (
        lambda: bpy.ops.photopose.take_candidate(index=0),
        bpy.ops.photopose.add_snapshot,
        lambda: bpy.ops.photopose.take_snapshot(index=0),
        bpy.ops.photopose.turn_candidate,
    ):
        change()
        assert "lens by the object's perspective + the photo's lines" in scene.photo_pose.result
        assert "The photo's lines tell another lens" in scene.photo_pose.result
    best.lens_by, best.lines_differ = set(), False
    match.snapshots.clear()
    bpy.ops.photopose.take_candidate(index=0)
    assert "lens hardly more than guessed" in scene.photo_pose.result and "lines" not in scene.photo_pose.result


def test_only_the_camera_changes(scene, match):
    bpy.ops.object.mode_set(mode="EDIT")
    before = snapshot()
    bpy.ops.photopose.take_candidate(index=1)
    bpy.ops.photopose.turn_candidate()
    bpy.ops.photopose.add_snapshot()
    assert bpy.context.mode == "EDIT_MESH"
    changed = {key for key in differences(before, snapshot()) if not key.startswith(("objects[monkey]", "cameras["))}
    assert changed <= {"scenes[Scene].photo_pose.result", "objects[Suzanne].users"}


@pytest.mark.parametrize(
    ("operator", "sentence"),
    [
        (lambda: bpy.ops.photopose.take_candidate(index=99), "There is no candidate 100"),
        (lambda: bpy.ops.photopose.take_snapshot(index=0), "There is no snapshot 1"),
        (lambda: bpy.ops.photopose.remove_snapshot(index=0), "There is no snapshot 1"),
    ],
)
def test_what_is_not_there_is_refused(scene, match, operator, sentence):
    before = snapshot()
    with pytest.raises(RuntimeError, match=f"^Error: {sentence}\\.\\n$"):
        operator()
    assert differences(before, snapshot()) == {}


def test_a_camera_that_cannot_move_a_lost_model_and_other_cameras_are_refused(scene, match):
    constraint = scene.camera.constraints.new("TRACK_TO")
    with pytest.raises(RuntimeError, match="constrained"):
        bpy.ops.photopose.turn_candidate()
    scene.camera.constraints.remove(constraint)
    bpy.data.objects.remove(bpy.data.objects["Suzanne"])
    taken, matrix = match.active_candidate, scene.camera.matrix_world.copy()
    for operator in (
        bpy.ops.photopose.turn_candidate,
        bpy.ops.photopose.add_snapshot,
        lambda: bpy.ops.photopose.take_candidate(index=1),
    ):
        with pytest.raises(RuntimeError, match="not in the scene any more"):
            operator()
    assert match.active_candidate == taken and scene.camera.matrix_world == matrix and not match.snapshots
    scene.camera.data = bpy.data.cameras.new("Other")
    with pytest.raises(RuntimeError, match="was not matched to a photo"):
        bpy.ops.photopose.turn_candidate()
