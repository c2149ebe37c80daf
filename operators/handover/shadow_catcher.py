"""The operator that lets the models throw their shadows onto the photo."""

from __future__ import annotations

import bpy
import numpy as np
from bpy.app.translations import pgettext_rpt as rpt_

from ...inference.errors import PoseError
from ..blender.models import chosen_models, evaluated
from .film import CATCHER, give_back, make_transparent

REACH = 4.0  # of the models' size, to each side of their middle


class PHOTOPOSE_OT_shadow_catcher(bpy.types.Operator):
    bl_idname = "photopose.shadow_catcher"
    bl_label = "Shadow Catcher"
    bl_description = (
        "Put a plane under the models that catches their shadows in Cycles and make the render's film transparent, "
        "so that a render can be laid over the photo; pressed again, both are taken back"
    )
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        plane = next((obj for obj in context.scene.objects if CATCHER in obj), None)
        try:
            remove_catcher(context.scene, plane) if plane else put_catcher(context.scene)
        except PoseError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        if not plane and context.scene.render.engine != "CYCLES":
            self.report({"WARNING"}, rpt_("Only Cycles catches shadows: make it the render engine"))
        return {"FINISHED"}


def put_catcher(current: bpy.types.Scene) -> None:
    """Adds the plane at the models' lowest point."""
    clouds = []
    for root in chosen_models(current):
        with evaluated(root) as model:
            clouds.append(model.vertices)
    low, high = (function(np.concatenate(clouds), 0) for function in (np.min, np.max))
    reach = REACH * max(high - low)
    mesh = bpy.data.meshes.new("Shadow Catcher")
    corners = [(-reach, -reach, 0), (reach, -reach, 0), (reach, reach, 0), (-reach, reach, 0)]
    mesh.from_pydata(corners, [], [(0, 1, 2, 3)])
    mesh.materials.append(_material())
    plane = bpy.data.objects.new("Shadow Catcher", mesh)
    plane.location = (*(low + high)[:2] / 2, low[2])
    plane.is_shadow_catcher = True
    plane.display_type = "WIRE"  # else it would hide the scene in the view
    plane[CATCHER] = True
    current.collection.objects.link(plane)
    make_transparent(current, CATCHER)


def _material() -> bpy.types.Material:
    """For EEVEE, which would show the plane, there is nothing to be seen; for Cycles it is plain."""
    material = bpy.data.materials.new("Shadow Catcher")
    if material.node_tree is None:  # before Blender 5
        material.use_nodes = True
    material[CATCHER] = True
    nodes = material.node_tree.nodes
    clear, output = nodes.new("ShaderNodeBsdfTransparent"), nodes.new("ShaderNodeOutputMaterial")
    output.target = "EEVEE"
    clear.location, output.location = (10, -400), (300, -400)
    material.node_tree.links.new(clear.outputs[0], output.inputs[0])
    return material


def remove_catcher(current: bpy.types.Scene, plane: bpy.types.Object) -> None:
    """From this scene only; PoseError where others would lose it, too."""
    own = (current.collection, *current.collection.children_recursive)
    holders = [one for one in own if plane in one.objects[:]]
    shared = [one for other in bpy.data.scenes if other != current for one in other.collection.children_recursive]
    for one in holders:
        if one.library or one in shared:
            raise PoseError(f'The shadow catcher is in the collection "{one.name}", which other scenes have, too.')
    for one in holders:
        one.objects.unlink(plane)
    give_back(current, CATCHER)
    mesh, materials = plane.data, [one for one in plane.data.materials if one and CATCHER in one]
    if not plane.users_collection:
        bpy.data.objects.remove(plane)
    if not mesh.users:
        bpy.data.meshes.remove(mesh)
    for material in materials:
        if not material.users:
            bpy.data.materials.remove(material)


classes = (PHOTOPOSE_OT_shadow_catcher,)
