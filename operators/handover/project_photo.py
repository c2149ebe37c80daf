"""The operator that projects the photo from its camera onto a mesh."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import bpy
import numpy as np
from bpy.app.translations import pgettext_tip as tip_
from bpy.props import BoolProperty

from ...inference.errors import PoseError
from ...inference.geometry import Camera
from ..blender import cameras
from ..blender.match_record import photo_of
from ..blender.mesh_arrays import read_values
from ..blender.photo_files import kept, located
from ..blender.render_graph import read_rendered
from ..running.long_operator import require_packages

NOTICED = 0.5  # px, by which a UV map may be off in silence


class PHOTOPOSE_OT_project_photo(bpy.types.Operator):
    bl_idname = "photopose.project_photo"
    bl_label = "Project Photo onto Mesh"
    bl_description = (
        "Give the active mesh a material with the active camera's photo, exactly where that sees it, and a UV map for "
        "other programs; other UV maps stay"
    )
    bl_options = {"REGISTER", "UNDO"}

    assign: BoolProperty(
        name="Assign to Faces",
        default=True,
        description="Show the photo on faces that look at the camera and lie within the photo",
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        camera, obj = context.scene.camera, context.active_object
        possible = bool(camera and cameras.PHOTO in camera and obj and obj.type == "MESH")
        if not possible:
            cls.poll_message_set(tip_, "Select a mesh, and make a camera active that was matched to a photo")
        return possible

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            require_packages("PIL")
            with _object_mode(context):
                self._project(context, context.active_object)
        except PoseError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return {"FINISHED"}

    def _project(self, context: bpy.types.Context, obj: bpy.types.Object) -> None:
        current = context.scene
        if obj.data.library:
            raise PoseError(f'The mesh of "{obj.name}" is linked from another file and cannot be changed.')
        if not obj.data.polygons:
            raise PoseError(f'"{obj.name}" has no faces.')
        photo = photo_of(current, current.camera)
        camera = cameras.read_camera(current, current.camera, photo.size)
        points = _world_vertices(obj)
        sight = projected(camera, points)
        corners = read_values(obj.data.loops, "vertex_index", np.int32)
        name = Path(photo.path).stem[:40]
        _write_uvs(obj, f"Photo {name}", uvs_of(sight)[corners])
        _write_attribute(obj.data, f"Projection {name}", sight)
        slot = _slot(obj, _material(photo.path, name, cameras.photo_image(photo)))
        shown = _shown_faces(camera, obj, points, corners)
        if self.assign:
            _assign(obj.data, slot, shown)
        obj.data.update()
        astray = _astray(obj.data, sight, shown, photo.size)
        hint = f"; its UV map alone is up to {astray:.0f} px off within faces" if astray > NOTICED else ""
        turned = "; Solid view shows textures now" if self.assign and _show_textures(context) else ""
        self.report({"INFO"}, f"{shown.sum()} of {len(shown)} faces show the photo{hint}{turned}")


def projected(camera: Camera, points: np.ndarray) -> np.ndarray:
    """(N, 3) of world points (N, 3): their UVs in the photo of the camera times their depth, and that depth.

    All three are linear over a face, so a renderer may interpolate them and divide; UVs it may not.
    """
    x, y, depth = (camera.to_camera(points) @ camera.K.T).T
    return np.stack([x / camera.size[0], depth - y / camera.size[1], depth], 1)


def uvs_of(sight: np.ndarray) -> np.ndarray:
    """UVs (N, 2) from the photo's lower left corner, of `projected`; 0 behind the camera, which does not see that."""
    ahead = sight[:, 2:] > 0
    return np.divide(sight[:, :2], sight[:, 2:], where=ahead, out=np.zeros((len(sight), 2)))


def _astray(mesh: bpy.types.Mesh, sight: np.ndarray, shown: np.ndarray, size: tuple[int, int]) -> float:
    """By how many px at most UVs, linear over the shown triangles, miss the photo halfway along their edges."""
    mesh.calc_loop_triangles()
    triangles = read_values(mesh.loop_triangles, "vertices", np.int32).reshape(-1, 3)
    seen = sight[triangles[shown[read_values(mesh.loop_triangles, "polygon_index", np.int32)]]]
    halfway = (seen + np.roll(seen, 1, 1)) / 2
    uvs = seen[..., :2] / seen[..., 2:]
    away = halfway[..., :2] / halfway[..., 2:] - (uvs + np.roll(uvs, 1, 1)) / 2
    return float(np.linalg.norm(away * size, axis=-1).max(initial=0.0))


def _write_uvs(obj: bpy.types.Object, name: str, uvs: np.ndarray) -> None:
    """Of the face corners, to the UV map of this name."""
    layer = obj.data.uv_layers.get(name) or obj.data.uv_layers.new(name=name, do_init=False)
    if layer is None:
        raise PoseError(f'"{obj.name}" has as many UV maps as a mesh can have: remove one first.')
    layer.data.foreach_set("uv", uvs.astype(np.float32).ravel())
    obj.data.uv_layers.active = layer  # by which Solid view shows textures; renders have a map of their own


def _show_textures(context: bpy.types.Context) -> bool:
    """In Solid view, which shows plain colours else, of the 3D view that context is in, or else of all of the screen;
    whether one had to be turned to that."""
    turned = [
        shading
        for shading in (area.spaces.active.shading for area in cameras.views_meant(context))
        if shading.type == "SOLID" and shading.color_type != "TEXTURE"
    ]
    for shading in turned:
        shading.color_type = "TEXTURE"
    return bool(turned)


def _write_attribute(mesh: bpy.types.Mesh, name: str, vectors: np.ndarray) -> None:
    """Of the vertices, in the place of one of the same name."""
    if name in mesh.attributes:
        mesh.attributes.remove(mesh.attributes[name])
    mesh.attributes.new(name, "FLOAT_VECTOR", "POINT").data.foreach_set("vector", vectors.astype(np.float32).ravel())


def _shown_faces(camera: Camera, obj: bpy.types.Object, points: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """(F,) bool: faces that look at the camera and lie within its photo; points of the world, corners index them."""
    faces, sight = obj.data.polygons, projected(camera, points)
    starts, normals = read_values(faces, "loop_start", np.int32), read_values(faces, "normal").reshape(-1, 3)
    within = ((sight[:, :2] >= 0) & (sight[:, :2] <= sight[:, 2:])).all(1) & (sight[:, 2] > 0)
    normals = normals @ np.array(obj.matrix_world.inverted_safe())[:3, :3]  # transposed twice
    towards = ((camera.position - points[corners[starts]]) * normals).sum(1) > 0
    return towards & np.logical_and.reduceat(within[corners], starts)


def _assign(mesh: bpy.types.Mesh, slot: int, chosen: np.ndarray) -> None:
    slots = read_values(mesh.polygons, "material_index", np.int32)
    slots[chosen] = slot
    mesh.polygons.foreach_set("material_index", slots)


def _world_vertices(obj: bpy.types.Object) -> np.ndarray:
    """(N, 3) as rendered where modifiers only move vertices, else of the mesh itself."""

    def read(depsgraph: bpy.types.Depsgraph) -> np.ndarray:
        evaluated = obj.evaluated_get(depsgraph)
        mesh = evaluated.data if len(evaluated.data.vertices) == len(obj.data.vertices) else obj.data
        points = read_values(mesh.vertices, "co").reshape(-1, 3)
        matrix = np.array(evaluated.matrix_world)
        return points @ matrix[:3, :3].T + matrix[:3, 3]

    return read_rendered(read, [obj])


def _slot(obj: bpy.types.Object, material: bpy.types.Material) -> int:
    """Index of the mesh's slot with the material, a new one where there is none."""
    if material not in obj.data.materials[:]:
        obj.data.materials.append(material)
    return obj.data.materials[:].index(material)


def _material(path: Path, name: str, image: bpy.types.Image) -> bpy.types.Material:
    """The photo's material, which an earlier projection may have made; it divides what `projected` gives."""
    for material in bpy.data.materials:
        if cameras.PHOTO in material and not material.library and _shows(material, image):
            if located(material[cameras.PHOTO]) == located(path):
                return material
    material = bpy.data.materials.new(f"Photo {name}")
    material[cameras.PHOTO] = kept(path)
    if material.node_tree is None:  # before Blender 5
        material.use_nodes = True
    nodes, links = material.node_tree.nodes, material.node_tree.links
    shader = next(node for node in nodes if node.type == "BSDF_PRINCIPLED")
    kinds = ("Attribute", "SeparateXYZ", "VectorMath", "TexImage")
    sight, split, division, texture = (nodes.new(f"ShaderNode{kind}") for kind in kinds)
    for number, node in enumerate((sight, split, division, texture)):
        node.location = (200 * number - 900, 300)
    sight.attribute_name, division.operation, texture.image = f"Projection {name}", "DIVIDE", image
    links.new(sight.outputs["Vector"], split.inputs["Vector"])
    links.new(sight.outputs["Vector"], division.inputs[0])
    links.new(split.outputs["Z"], division.inputs[1])
    links.new(division.outputs["Vector"], texture.inputs["Vector"])
    links.new(texture.outputs["Color"], shader.inputs["Base Color"])
    material.node_tree.nodes.active = texture  # which Solid view shows
    return material


def _shows(material: bpy.types.Material, image: bpy.types.Image) -> bool:
    """Whether the picture is in the material: after its lens's distortion was found the photo is another one."""
    return any(node.type == "TEX_IMAGE" and node.image == image for node in material.node_tree.nodes)


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
