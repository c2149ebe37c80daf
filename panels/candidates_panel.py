"""How sure the match of the active camera is, its candidates as pictures, and snapshots to go back to."""

from __future__ import annotations

from math import degrees, pi

import bpy
from bpy.app.translations import pgettext_iface as iface_

from .sidebar import FAIR, UNIT, SidebarPanel, draw_picture, draw_text, width_of

WORDS = "High", "Fair", "Low"
COLUMNS = 3
TURNS = (  # axis, angle, text, icon
    ("UP", pi, "Flip", "NONE"),  # beside an icon words of some languages are cut off
    ("UP", -pi / 2, "−90°", "NONE"),
    ("UP", pi / 2, "+90°", "NONE"),
    ("VIEW", -pi / 2, "", "LOOP_BACK"),
    ("VIEW", pi / 2, "", "LOOP_FORWARDS"),
)


class VIEW3D_PT_photo_pose_candidates(SidebarPanel, bpy.types.Panel):
    bl_label = "Candidates"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        camera = context.scene.camera
        return bool(camera and camera.type == "CAMERA" and camera.data.photo_pose.candidates)

    def draw(self, context: bpy.types.Context) -> None:
        camera = context.scene.camera
        match = camera.data.photo_pose
        self._draw_sureness(match, camera.photo_pose_adjusted)
        self._draw_candidates(match, camera.matrix_world, max(width_of(context) / UNIT / COLUMNS, 3))
        self._draw_turns()
        draw_text(context, self.layout, camera.photo_pose_adjusted or match.why)  # below, so that nothing above moves

    def _draw_sureness(self, match, adjusted: str) -> None:
        """One row: the confidence is the best candidate's, if it was verified; another pose has but a score."""
        if adjusted:
            self.layout.operator("photopose.score_camera", icon="DRIVER_DISTANCE")
        elif match.verified:
            word = WORDS[0 if not match.why else 1 if match.confidence >= FAIR else 2]
            text = f"{iface_('Confidence')}: {iface_(word)}, {match.confidence:.0%}"
            self.layout.progress(factor=match.confidence, text=text)
        else:
            self.layout.label(text="Not Verified")

    def _draw_candidates(self, match, matrix, scale: float) -> None:
        grid = self.layout.grid_flow(row_major=True, columns=COLUMNS, even_columns=True, even_rows=True)
        for index, candidate in enumerate(match.candidates):
            column = grid.column(align=True)
            if candidate.icon:
                draw_picture(column, candidate.icon, scale, "photopose.take_candidate").index = index
            else:
                column.label(text=f"{round(degrees(candidate.azimuth))}°, {round(degrees(candidate.elevation))}°")
            text = f"{index + 1}:  {'≈ ' if candidate.equivalent else ''}{candidate.score:.2f}"
            taken = is_near(candidate.matrix, matrix)
            button = column.operator("photopose.take_candidate", text=text, depress=taken)
            button.index = index

    def _draw_turns(self) -> None:
        row = self.layout.row(align=True)
        for axis, angle, text, icon in TURNS:
            button = row.operator("photopose.turn_candidate", text=text, text_ctxt="Photo Pose", icon=icon)
            button.axis, button.angle = axis, angle


class VIEW3D_PT_photo_pose_snapshots(SidebarPanel, bpy.types.Panel):
    bl_label = "Snapshots"
    bl_parent_id = "VIEW3D_PT_photo_pose_candidates"
    bl_options = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return VIEW3D_PT_photo_pose_candidates.poll(context)

    def draw(self, context: bpy.types.Context) -> None:
        camera, layout = context.scene.camera, self.layout
        for index, snapshot in enumerate(camera.data.photo_pose.snapshots):
            row = layout.row(align=True)
            taken = is_near(snapshot.matrix, camera.matrix_world)
            row.operator("photopose.take_snapshot", text="", icon="CAMERA_DATA", depress=taken).index = index
            row.prop(snapshot, "name", text="")
            row.operator("photopose.remove_snapshot", text="", icon="X").index = index
        layout.operator("photopose.add_snapshot", icon="ADD")


def is_near(pose, matrix) -> bool:
    """Whether a camera is where a pose is, whose matrix comes row by row."""
    values = [value for row in matrix for value in row]
    return all(abs(one - other) < 1e-4 * max(1.0, abs(one)) for one, other in zip(pose, values, strict=True))


classes = (
    VIEW3D_PT_photo_pose_candidates,
    VIEW3D_PT_photo_pose_snapshots,
)
