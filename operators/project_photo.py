"""The operator that projects the photo from its camera onto a mesh."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import bpy
import numpy as np
from bpy.app.translations import pgettext_tip as tip_
from bpy.props import BoolProperty

from ..inference.errors import PoseError
from ..inference.geometry import Camera
from . import scene
from .steps import require_packages


class PHOTOPOSE_OT_project_photo(bpy.types.Operator):
    bl_idname = "photopose.project_photo"
    bl_label = "Project Photo onto Mesh"
    bl_description = (
        "Give the active mesh a UV map, as the active camera sees it, and a material with the camera's photo; "
        "other UV maps stay"
    )
    bl_options = {"REGISTER", "UNDO"}

    assign: BoolProperty(
        name="Assign to Faces",
        default=True,
        description="Show the photo on faces that look at the camera and lie within the photo",
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        cls.poll_message_set(tip_, "Select a mesh, and make a camera active that was matched to a photo")
        camera, obj = context.scene.camera, context.active_object
        return bool(camera and scene.PHOTO in camera and obj and obj.type == "MESH")

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            require_packages("PIL")
            with _object_mode(context):
                self._project(context.scene, context.active_object)
        except PoseError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return {"FINISHED"}

    def _project(self, current: bpy.types.Scene, obj: bpy.types.Object) -> None:
        from ..inference.image import load_photo

        if obj.data.library:
            raise PoseError(f'The mesh of "{obj.name}" is linked from another file and cannot be changed.')
        if not obj.data.polygons:
            raise PoseError(f'"{obj.name}" has no faces.')
        photo = load_photo(current.camera[scene.PHOTO])
        camera = scene.read_camera(current, current.camera, photo.size)
        points = _world_vertices(obj)
        uvs = projected(camera, points)
        name = f"Photo {Path(photo.path).stem}"[:60]
        layer = obj.data.uv_layers.get(name) or obj.data.uv_layers.new(name=name, do_init=False)
        if layer is None:
            raise PoseError(f'"{obj.name}" has as many UV maps as a mesh can have: remove one first.')
        corners = np.empty(len(obj.data.loops), np.int32)
        obj.data.loops.foreach_get("vertex_index", corners)
        layer.data.foreach_set("uv", uvs[corners].astype(np.float32).ravel())
        slot = _slot(obj, _material(photo.path, layer.name, scene.photo_image(photo)))
        if self.assign:
            _assign(obj.data, slot, _shown_faces(camera, obj, points, corners))
        obj.data.update()


def projected(camera: Camera, points: np.ndarray) -> np.ndarray:
    """UVs (N, 2) of world points (N, 3) in the photo of the camera, from its lower left corner; those behind the
    camera get none and are put at 0."""
    uvs = np.zeros((len(points), 2))
    front = camera.to_camera(points)[:, 2] > 0
    uvs[front] = camera.project(points[front]) / camera.size * [1, -1] + [0, 1]
    return uvs


def _shown_faces(camera: Camera, obj: bpy.types.Object, points: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """(F,) bool: faces that look at the camera and lie within its photo; points of the world, corners index them."""
    faces = obj.data.polygons
    starts, normals = np.empty(len(faces), np.int32), np.empty((len(faces), 3), np.float32)
    faces.foreach_get("loop_start", starts)
    faces.foreach_get("normal", normals.ravel())
    uvs = projected(camera, points)
    within = ((uvs >= 0) & (uvs <= 1)).all(1) & (camera.to_camera(points)[:, 2] > 0)
    normals = normals @ np.array(obj.matrix_world.inverted_safe())[:3, :3]  # transposed twice
    towards = ((camera.position - points[corners[starts]]) * normals).sum(1) > 0
    return towards & np.logical_and.reduceat(within[corners], starts)


def _assign(mesh: bpy.types.Mesh, slot: int, chosen: np.ndarray) -> None:
    slots = np.empty(len(mesh.polygons), np.int32)
    mesh.polygons.foreach_get("material_index", slots)
    slots[chosen] = slot
    mesh.polygons.foreach_set("material_index", slots)


def _world_vertices(obj: bpy.types.Object) -> np.ndarray:
    """(N, 3) as shown where modifiers only move vertices, else of the mesh itself."""
    evaluated = obj.evaluated_get(bpy.context.evaluated_depsgraph_get())
    mesh = evaluated.data if len(evaluated.data.vertices) == len(obj.data.vertices) else obj.data
    points = np.empty((len(mesh.vertices), 3), np.float32)
    mesh.vertices.foreach_get("co", points.ravel())
    matrix = np.array(evaluated.matrix_world)
    return points @ matrix[:3, :3].T + matrix[:3, 3]


def _slot(obj: bpy.types.Object, material: bpy.types.Material) -> int:
    """Index of the mesh's slot with the material, a new one where there is none."""
    if material.name not in obj.data.materials:
        obj.data.materials.append(material)
    return obj.data.materials.find(material.name)


def _material(path: Path, uv_map: str, image: bpy.types.Image) -> bpy.types.Material:
    """The photo's material, which an earlier projection may have made."""
    for material in bpy.data.materials:
        if material.get(scene.PHOTO) == str(path) and not material.library:
            return material
    material = bpy.data.materials.new(uv_map)
    material[scene.PHOTO] = str(path)
    if material.node_tree is None:  # before Blender 5
        material.use_nodes = True
    nodes, links = material.node_tree.nodes, material.node_tree.links
    shader = next(node for node in nodes if node.type == "BSDF_PRINCIPLED")
    texture, coordinates = nodes.new("ShaderNodeTexImage"), nodes.new("ShaderNodeUVMap")
    texture.image, coordinates.uv_map = image, uv_map
    texture.location, coordinates.location = (-300, 300), (-500, 200)
    links.new(coordinates.outputs["UV"], texture.inputs["Vector"])
    links.new(texture.outputs["Color"], shader.inputs["Base Color"])
    return material


@contextmanager
def _object_mode(context: bpy.types.Context) -> Iterator[None]:
    """Edit Mode keeps UVs and materials elsewhere, and puts its own back when it is left."""
    mode = context.active_object.mode
    if mode != "OBJECT":
        bpy.ops.object.mode_set(mode="OBJECT")
    try:
        yield
    finally:
        if mode != "OBJECT":
            bpy.ops.object.mode_set(mode=mode)


classes = (PHOTOPOSE_OT_project_photo,)
