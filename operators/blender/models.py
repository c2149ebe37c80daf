"""Models: a root object with its children or a collection instance, read through the dependency graph."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import NamedTuple, TypeVar

import bpy
import numpy as np
from bpy.app.translations import pgettext_rpt as rpt_
from mathutils import Matrix

from ...inference.errors import PoseError
from ...inference.geometry import Box, Camera, Sphere, nearest_rotation
from ..running.log import LOG
from .fingerprint import looks
from .mesh_arrays import read_values
from .missing_textures import readable_textures
from .own_data_blocks import remove
from .render_graph import read_rendered, working_in, world_matrix

SPECK = 1e-6  # part of a model's surface that no render shows
SPECK_FAR = 2.0  # times as far away as all else: other models keep their size to the last vertex

Block = TypeVar("Block", bound=bpy.types.ID)


class Part(NamedTuple):
    """One evaluated piece of a model: a copy of its mesh, its place in the world, and what materials ask of objects."""

    mesh: bpy.types.Mesh
    matrix: np.ndarray  # (4, 4), mesh -> world
    color: tuple[float, ...]  # RGBA, of the Object Info node
    index: int


class Model(NamedTuple):
    """A model's evaluated geometry. world_from_model is the root object's matrix_world; name is its `key_of`."""

    name: str
    parts: list[Part]
    sphere: Sphere
    vertices: np.ndarray  # (N, 3) world
    world_from_model: np.ndarray  # (4, 4)
    fingerprint: str  # of everything that changes its looks; not of where it stands
    lacking: tuple[str, ...] = ()  # names of texture files that cannot be read; light grey takes their place


def scene_roots(scene: bpy.types.Scene, among: Sequence[bpy.types.Object] | None = None) -> list[bpy.types.Object]:
    """Those objects that show faces in a render, themselves or through children and instances.

    Looks only among the given objects, or else at all without a parent of which the user has not put all that shows
    aside with the eye, which a render does not care about: where everything is, it says nothing. What only catches
    shadows is no model.
    """
    if among is not None:
        return showing(among, families(among))
    roots = [obj for obj in scene.objects if not obj.parent]
    aside = put_aside(bpy.context.view_layer)
    return showing(roots, scene.objects, aside) or showing(roots, aside)


def showing(
    roots: Sequence[bpy.types.Object], objects: Iterable[bpy.types.Object], aside: Collection[bpy.types.Object] = ()
) -> list[bpy.types.Object]:
    """`scene_roots` among these; objects: them and their families; aside: those of which no model is made."""
    owners = read_rendered(lambda depsgraph: {owner for _object, owner, _matrix in _shown_meshes(depsgraph)}, objects)
    shown = {ancestor for owner in owners.difference(aside) for ancestor in lineage(owner)}
    return [obj for obj in roots if obj in shown and not obj.is_shadow_catcher]


def put_aside(layer: bpy.types.ViewLayer) -> set[bpy.types.Object]:
    """What an eye icon hides in the view layer: the object's own, or that of every collection which holds it."""
    held = list(_held(layer.layer_collection, True))
    return {obj for obj, _open in held} - {
        obj for obj, is_open in held if is_open and not obj.hide_get(view_layer=layer)
    }


def _held(layer: bpy.types.LayerCollection, is_open: bool) -> Iterator[tuple[bpy.types.Object, bool]]:
    """The objects of a collection and those in it, and whether there the eyes are open."""
    is_open = is_open and not layer.hide_viewport
    if not layer.exclude:
        yield from ((obj, is_open) for obj in layer.collection.objects)
    for child in layer.children:
        yield from _held(child, is_open)


def joined(scene: bpy.types.Scene, roots: Sequence[bpy.types.Object], name: str) -> bpy.types.Object:
    """An empty that is their parent from now on, and changes nothing else; PoseError where one of them is linked."""
    linked = next((obj for obj in roots if obj.library), None)
    if linked:
        raise PoseError(f'"{linked.name}" is linked from another file and cannot be made a part: add it by itself.')
    root = bpy.data.objects.new(name, None)
    scene.collection.objects.link(root)
    for obj in roots:
        inverse = obj.matrix_world @ obj.matrix_basis.inverted_safe() if obj.parent else Matrix()
        obj.parent, obj.parent_type, obj.matrix_parent_inverse = root, "OBJECT", inverse
    bpy.context.view_layer.update()
    return root


def key_of(obj: bpy.types.Object) -> str:
    """Its name; where Blender takes that for another object's, its full name with the library in which it is."""
    return obj.name if bpy.data.objects[obj.name] == obj else obj.name_full


def with_key(blocks: Iterable[Block], key: str) -> Block | None:
    """The data-block with this full name, such as "Chair [library.blend]", else the first one with this name."""
    blocks = list(blocks)
    exact = next((block for block in blocks if block.name_full == key), None)
    return exact or next((block for block in blocks if block.name == key), None)


def scene_object(scene: bpy.types.Scene, key: str) -> bpy.types.Object:
    """The one `with_key`; PoseError where the scene has none."""
    found = with_key(scene.objects, key)
    if found is None:
        raise PoseError(f'There is no object "{key}" in the scene.')
    return found


def chosen_models(
    scene: bpy.types.Scene, keys: Sequence[str] | None = None, warn: Callable[[str], None] = LOG.warning
) -> list[bpy.types.Object]:
    """The objects with these keys; else those that the user added as models; else all models of the scene.

    warn is told, in a sentence, which of those added are not in the scene any more; PoseError where none is.
    """
    if keys:
        return [scene_object(scene, key) for key in keys]
    settings = getattr(scene, "photo_pose", None)
    added = [item.object for item in settings.models] if settings else []
    gone = set(added).difference(scene.objects)
    models = [obj for obj in added if obj not in gone] if added else scene_roots(scene)
    if added and not models:
        raise PoseError("None of the listed models is in the scene any more: remove them from the list, or add others.")
    for obj in gone:
        told = rpt_('Model "{name}" of the list is not in the scene any more and is left out')
        warn(told.format(name=key_of(obj) if obj else rpt_("Deleted object")))
    if not models:
        raise PoseError("The scene has no model: no object with faces that show in a render.")
    return models


def collection_models(scene: bpy.types.Scene, key: str) -> list[bpy.types.Object]:
    """The models of the scene that the collection with this key holds."""
    collection = with_key(scene.collection.children_recursive, key)
    if collection is None:
        raise PoseError(f'There is no collection "{key}" in the scene.')
    models = scene_roots(scene, [obj for obj in collection.all_objects if not obj.parent])
    if not models:
        raise PoseError(f'Collection "{key}" has no model: no object with faces that show in a render.')
    return models


@contextmanager
def evaluated(root: bpy.types.Object) -> Iterator[Model]:
    """A model at the current frame, of its scene; its mesh copies live as long as the context.

    PoseError when it has nothing to render or broken geometry.
    """
    family = families([root])
    for obj in family:
        obj.update_from_editmode()
    copies: dict[tuple[int, ...], bpy.types.Mesh] = {}  # instances of one mesh with the same materials share one
    try:
        with working_in(_scene_of(root)):
            model = _measured(root, *read_rendered(lambda depsgraph: _parts(depsgraph, root, family, copies), family))
        with readable_textures(copies.values()) as lacking:
            yield model._replace(fingerprint=model.fingerprint + "".join(lacking), lacking=tuple(lacking))
    finally:
        remove(copies.values())


def _scene_of(root: bpy.types.Object) -> bpy.types.Scene:
    """The current one, but for a model that is only elsewhere."""
    current, scenes = bpy.context.scene, root.users_scene
    return current if current in scenes or not scenes else scenes[0]


def families(roots: Iterable[bpy.types.Object]) -> set[bpy.types.Object]:
    """These objects, their children, and theirs."""
    family = set(roots)
    return family | {obj for obj in bpy.data.objects if not family.isdisjoint(lineage(obj.parent))}


def unscaled(obj: bpy.types.Object) -> np.ndarray:
    """Its place in the world (4, 4), turned and moved only: its matrix without `own_scale`.

    A mirrored object is mirrored back along the axes whose scale Blender shows as negative, as by Apply Scale.
    """
    return placed(obj)[0]


def own_scale(obj: bpy.types.Object) -> np.ndarray:
    """(3, 3): what of its matrix `unscaled` leaves out; it comes before that."""
    return placed(obj)[1]


def placed(obj: bpy.types.Object) -> tuple[np.ndarray, np.ndarray]:
    """`unscaled` and `own_scale`."""
    place, axes = world_matrix(obj), np.ones(3)
    matrix = place[:3, :3].copy()
    if np.linalg.det(matrix) < 0:
        axes = np.copysign(1, obj.scale)
        axes *= -axes.prod()  # an odd number of them: where it is even, a parent mirrors
    place[:3, :3] = nearest_rotation(matrix * axes)
    return place, place[:3, :3].T @ matrix


def lineage(obj: bpy.types.Object | None) -> Iterator[bpy.types.Object]:
    """An object, its parent, its parent's parent ..."""
    while obj:
        yield obj
        obj = obj.parent


def _parts(
    depsgraph: bpy.types.Depsgraph,
    root: bpy.types.Object,
    family: set[bpy.types.Object],
    copies: dict[tuple[int, ...], bpy.types.Mesh],
) -> tuple[np.ndarray, list[Part]]:
    """Where the root stands, and what its family shows; new meshes go into copies."""
    parts = []
    for obj, owner, matrix in _shown_meshes(depsgraph):
        if owner in family:
            materials = (slot.material.as_pointer() if slot.material else 0 for slot in obj.material_slots)
            key = (obj.data.as_pointer(), *materials)
            if key not in copies:
                copies[key] = _copied_mesh(obj, depsgraph)
            place = np.array(_fallen(owner, depsgraph) @ matrix)
            parts.append(Part(copies[key], place, tuple(obj.color), obj.pass_index))
    return np.array(_fallen(root, depsgraph) @ root.evaluated_get(depsgraph).matrix_world), parts


def _fallen(obj: bpy.types.Object, depsgraph: bpy.types.Depsgraph) -> Matrix:
    """How physics moved an object, which only the scene itself knows and no copy of it."""
    if not any(one.rigid_body for one in lineage(obj)):
        return Matrix()
    return obj.matrix_world @ obj.evaluated_get(depsgraph).matrix_world.inverted_safe()


def _shown_meshes(depsgraph) -> Iterator[tuple[bpy.types.Object, bpy.types.Object, Matrix]]:
    """(evaluated mesh object, original object that owns it, matrix) of all that a render would show with faces.

    Text, curves and the like come twice, as themselves and with their mesh as their own instance. The objects of
    instances live, at one and the same address, only until the next one is asked for.
    """
    for instance in depsgraph.object_instances:
        obj = instance.object
        if obj.type != "MESH":
            continue
        owner = (instance.parent if instance.is_instance else obj).original
        has_faces = obj.data.polygons or obj.mode == "EDIT"  # an edited mesh keeps its faces elsewhere
        if instance.show_self and has_faces and _in_sight(obj) and _in_sight(owner):
            yield obj, owner, instance.matrix_world.copy()


def _in_sight(obj: bpy.types.Object) -> bool:
    """Whether a render's camera sees the object, if it shows at all; not through it, nor only its shadow."""
    return obj.visible_camera and not obj.is_holdout


def _copied_mesh(obj: bpy.types.Object, depsgraph) -> bpy.types.Mesh:
    source = obj.original.evaluated_get(depsgraph)
    if source.data.as_pointer() == obj.data.as_pointer():
        mesh = bpy.data.meshes.new_from_object(source, preserve_all_data_layers=True, depsgraph=depsgraph)
    else:  # made by geometry nodes or of text, of which new_from_object knows nothing, or crashes Blender 4.2
        mesh = obj.data.copy()
    for index, material in enumerate(mesh.materials):
        slot = obj.material_slots[index] if index < len(obj.material_slots) else None
        shown = slot.material if slot and slot.link == "OBJECT" else material
        mesh.materials[index] = shown.original if shown else None
    return mesh


def _measured(root: bpy.types.Object, world_from_model: np.ndarray, parts: list[Part]) -> Model:
    vertices = _vertices([part for part in parts if part.mesh.polygons])
    if not len(vertices):
        raise PoseError(f'Model "{root.name}" has no faces that show in a render{_why_unseen(root)}.')
    if not np.isfinite(vertices).all():
        raise PoseError(f'Model "{root.name}" has vertices that are not numbers (NaN or infinite).')
    center = (vertices.min(0) + vertices.max(0)) / 2
    radius = float(np.linalg.norm(vertices - center, axis=1).max())
    if radius < 1e-9 or radius < 1e-7 * np.abs(center).max():
        raise PoseError(f'Model "{root.name}" has no size.')
    fingerprint = looks(parts, world_from_model, radius)
    return Model(key_of(root), parts, Sphere(center, radius), vertices, world_from_model, fingerprint)


def _why_unseen(root: bpy.types.Object) -> str:
    """What of the outliner's switches hides it, where that is known."""
    if root.hide_render:
        return ": the camera icon beside it is off"
    excluded = root not in bpy.context.view_layer.objects[:] and root in bpy.context.scene.objects[:]
    return ": its collection is excluded from the view layer" if excluded else ""


class _Faces(NamedTuple):
    """Of a mesh: places of the vertices (V, 3), of the faces' middles (F, 3), areas (F,), and their corners (C,)."""

    vertices: np.ndarray
    middles: np.ndarray
    areas: np.ndarray
    corners: np.ndarray
    lengths: np.ndarray  # (F,), how many of the corners each has

    def moved(self, matrix: np.ndarray) -> _Faces:
        vertices, middles = (places @ matrix[:3, :3].T + matrix[:3, 3] for places in (self.vertices, self.middles))
        scale = np.abs(np.linalg.det(matrix[:3, :3])) ** (2 / 3)
        return self._replace(vertices=vertices, middles=middles, areas=scale * self.areas)


def _vertices(parts: Sequence[Part]) -> np.ndarray:
    """(N, 3) world: those that faces use, as others show nowhere, nor do faces without area and far specks."""
    of_mesh = cache(_faces)
    faces = [of_mesh(part.mesh).moved(part.matrix) for part in parts]
    if not faces:
        return np.zeros((0, 3))
    areas = np.concatenate([one.areas for one in faces])
    counted = (areas != 0) & ~_far_specks(np.concatenate([one.middles for one in faces]), areas) | ~areas.any()
    ends = np.cumsum([len(one.areas) for one in faces])[:-1]
    clouds = []
    for one, kept in zip(faces, np.split(counted, ends), strict=True):
        used = np.zeros(len(one.vertices), bool)
        used[one.corners[np.repeat(kept, one.lengths)]] = True
        clouds.append(one.vertices[used])
    return np.concatenate(clouds)


def _far_specks(middles: np.ndarray, areas: np.ndarray) -> np.ndarray:
    """(F,) bool: the outermost faces, where they are next to nothing and yet make most of the model's size."""
    total, specks = areas.sum(), np.zeros(len(areas), bool)
    if not (np.isfinite(middles).all() and total > 0):
        return specks
    distances = np.linalg.norm(middles - areas @ middles / total, axis=1)
    far = distances > distances.max() / SPECK_FAR
    while areas[far].sum() < SPECK * total and not np.array_equal(far, specks):
        specks = far
        far = distances > distances[~specks].max() / SPECK_FAR
    return specks


def _faces(mesh: bpy.types.Mesh) -> _Faces:
    vertices, middles = read_values(mesh.vertices, "co"), read_values(mesh.polygons, "center")
    corners = read_values(mesh.loops, "vertex_index", np.int32)
    lengths = read_values(mesh.polygons, "loop_total", np.int32)
    return _Faces(vertices.reshape(-1, 3), middles.reshape(-1, 3), read_values(mesh.polygons, "area"), corners, lengths)


def model_in_view(roots: Sequence[bpy.types.Object], camera: Camera, box: Box | None = None) -> bpy.types.Object:
    """Of the models that camera, in the world, sees, the one nearest to the middle of the box or else of the picture.

    PoseError when it sees none.
    """
    middle = box.center if box else np.divide(camera.size, 2)
    seen = []
    for root in roots:
        with evaluated(root) as model:
            depth, center = camera.to_camera(model.sphere.center)[2], camera.project(model.sphere.center)
            reach = camera.focal * model.sphere.radius / max(depth, 1e-9)
            if depth > 0 and ((center > -reach) & (center < camera.size + reach)).all():
                seen.append((float(np.linalg.norm(center - middle)), root))
    if not seen:
        raise PoseError("The active camera sees no model.")
    return min(seen, key=lambda one: one[0])[1]
