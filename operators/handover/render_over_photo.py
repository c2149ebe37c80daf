"""The operator that lays renders over the active camera's photo, by nodes of the compositor."""

from __future__ import annotations

import bpy
from bpy.app.translations import pgettext_rpt as rpt_
from bpy.app.translations import pgettext_tip as tip_

from ...inference.errors import PoseError
from ..blender import cameras
from ..photo.fit_to_render import is_cropped
from .film import OVER_PHOTO, give_back, make_transparent

KEPT = "photo_pose_over_kept"  # custom property of scenes: settings as they were
MADE = "photo_pose_over_made"  # custom property of nodes and node groups
# AgX and Filmic cannot show all colours of a photo, whatever is done to it before
NEUTRAL = {"view_transform": "Standard", "look": "None", "exposure": 0.0, "gamma": 1.0, "use_curve_mapping": False}
FORMER_NODE, FORMER_SOCKET = "photo_pose_over_node", "photo_pose_over_socket"  # of the last node: what was shown before
FIT = {  # inputs of a Scale node; before Blender 5 its properties
    "Type": ("Render Size", ("space", "RENDER_SIZE")),
    "Frame Type": ("Fit", ("frame_method", "FIT")),
}
OUTPUTS = ("CompositorNodeComposite", "NodeGroupOutput")  # of Blender 4, 5
STEP = 180  # px, from node to node


class PHOTOPOSE_OT_render_over_photo(bpy.types.Operator):
    bl_idname = "photopose.render_over_photo"
    bl_label = "Render over Photo"
    bl_description = (
        "Let renders lie over the active camera's photo: by transparent film, nodes of the compositor, and the view "
        "transform Standard, which leaves the photo its colours; pressed again, all of it is taken back"
    )
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        camera = context.scene.camera
        possible = OVER_PHOTO in context.scene or (camera is not None and cameras.PHOTO in camera)
        if not possible:
            cls.poll_message_set(tip_, "Match a camera to a photo first: the active camera belongs to none")
        return possible

    def execute(self, context: bpy.types.Context) -> set[str]:
        current, tree = context.scene, _tree(context.scene)
        try:
            if tree and tree.library:
                raise PoseError("The compositor's nodes are linked from another file and cannot be changed.")
            image, before = _shown(current.camera), _laid(tree) if OVER_PHOTO in current else None
            if image is None and OVER_PHOTO not in current:
                raise PoseError(f"The camera {current.camera.name} shows no photo: match it again.")
            if image and image != before:
                _check(current)
        except PoseError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        if OVER_PHOTO in current:
            take_back(current)
        if image and image != before:
            lay_over(current, image)
            self.report({"INFO"}, rpt_("Renders (F12) now lie over the photo; beside it they are transparent"))
        else:
            self.report({"INFO"}, rpt_("Renders lie over no photo any more"))
        return {"FINISHED"}


def _check(current: bpy.types.Scene) -> None:
    """PoseError, before anything is changed, where a photo cannot be laid under renders."""
    view, before = current.view_settings, current.view_settings.view_transform
    try:
        view.view_transform = NEUTRAL["view_transform"]
    except TypeError as error:
        raise PoseError(
            "This colour configuration has no view transform Standard, which leaves a photo its colours."
        ) from error
    view.view_transform = before
    cameras.read_camera(current, current.camera)


def lay_over(current: bpy.types.Scene, image: bpy.types.Image) -> None:
    """image: as the active camera shows its photo."""
    if is_cropped(current, current.camera):
        cameras.fit_to_render(current, current.camera)
    view, render, used = current.view_settings, current.render, _is_used(current)
    kept = {name: getattr(view, name) for name in NEUTRAL}
    current[KEPT] = kept | {"use_compositing": render.use_compositing, "use_nodes": used}
    make_transparent(current, OVER_PHOTO)
    for name, value in NEUTRAL.items():
        setattr(view, name, value)
    render.use_compositing = True
    tree = _tree(current) or _new_tree(current)
    if hasattr(current, "node_tree"):
        current.use_nodes = True
    _add_nodes(current, tree, image, used)


def take_back(current: bpy.types.Scene) -> None:
    """What the user has changed in the compositor meanwhile stays."""
    kept = current.pop(KEPT)
    for name, neutral in NEUTRAL.items():
        setattr(current.view_settings, name, type(neutral)(kept[name]))
    current.render.use_compositing = bool(kept["use_compositing"])
    if tree := _tree(current):
        _remove_nodes(tree)
        if MADE in tree and len(tree.nodes) == 2:  # which it came with
            current.compositing_node_group = None
            bpy.data.node_groups.remove(tree)
    if hasattr(current, "node_tree"):
        current.use_nodes = bool(kept["use_nodes"])
    give_back(current, OVER_PHOTO)


def _shown(camera_object: bpy.types.Object | None) -> bpy.types.Image | None:
    """The photo as the camera's view shows it, straightened where its lens bends it."""
    slots = camera_object.data.background_images if camera_object and cameras.PHOTO in camera_object else ()
    image = next((slot.image for slot in slots if slot.show_background_image and slot.image), None)
    return image if image and all(image.size) else None


def _laid(tree: bpy.types.NodeTree | None) -> bpy.types.Image | None:
    """What renders lie over."""
    return next((node.image for node in tree.nodes if MADE in node and node.type == "IMAGE"), None) if tree else None


def _tree(current: bpy.types.Scene) -> bpy.types.NodeTree | None:
    return current.node_tree if hasattr(current, "node_tree") else current.compositing_node_group


def _is_used(current: bpy.types.Scene) -> bool:
    """Whether renders pass through the compositor's nodes so far."""
    return current.use_nodes if hasattr(current, "node_tree") else current.compositing_node_group is not None


def _new_tree(current: bpy.types.Scene) -> bpy.types.NodeTree:
    """The scene's, in which a render is shown as it is."""
    if hasattr(current, "node_tree"):
        current.use_nodes = True
        return current.node_tree
    tree = current.compositing_node_group = bpy.data.node_groups.new("Render over Photo", "CompositorNodeTree")
    tree[MADE] = True
    tree.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
    layers, output = tree.nodes.new("CompositorNodeRLayers"), tree.nodes.new("NodeGroupOutput")
    output.location = (5 * STEP, 0)
    tree.links.new(layers.outputs[0], output.inputs[0])
    return tree


def _add_nodes(current: bpy.types.Scene, tree: bpy.types.NodeTree, image: bpy.types.Image, used: bool) -> None:
    """What was shown over the photo over an empty frame; used: whether the nodes that are there did anything so far."""
    output = next((node for node in tree.nodes if node.bl_idname in OUTPUTS), None)
    output = output or _new(tree, OUTPUTS[hasattr(current, "compositing_node_group")], None, 0)
    former = output.inputs[0].links[0].from_socket if output.inputs[0].links else None
    shown = former if former and used else _new(tree, "CompositorNodeRLayers", output, 6).outputs[0]
    photo, empty = (_new(tree, f"CompositorNode{kind}", output, 5) for kind in ("Image", "SetAlpha"))
    below, over = (_new(tree, "CompositorNodeAlphaOver", output, place) for place in (2, 1))
    photo.image = image
    _sockets(empty, "VALUE")[0].default_value = 0.0
    tree.links.new(shown, empty.inputs[0])
    _lay(tree, below, empty.outputs[0], _in_place(current, tree, photo, output))
    _lay(tree, over, below.outputs[0], shown)
    if former:
        over[FORMER_NODE], over[FORMER_SOCKET] = former.node.name, former.identifier
    tree.links.new(over.outputs[0], output.inputs[0])


def _new(tree: bpy.types.NodeTree, kind: str, output: bpy.types.Node | None, place: int) -> bpy.types.Node:
    """So many places before the output, below what is there."""
    node = tree.nodes.new(kind)
    node[MADE] = True
    if output:
        node.location = (output.location.x - place * STEP, output.location.y - 2 * STEP)
    return node


def _lay(
    tree: bpy.types.NodeTree, node: bpy.types.Node, bottom: bpy.types.NodeSocket, top: bpy.types.NodeSocket
) -> None:
    """By an Alpha Over node."""
    for socket, shown in zip(_sockets(node, "RGBA"), (bottom, top), strict=True):
        tree.links.new(shown, socket)


def _in_place(
    current: bpy.types.Scene, tree: bpy.types.NodeTree, photo: bpy.types.Node, output: bpy.types.Node
) -> bpy.types.NodeSocket:
    """The photo as large as fits in the frame, whose pixels need not be square."""
    scale, render, size = _new(tree, "CompositorNodeScale", output, 4), current.render, photo.image.size
    for name, (choice, before_5) in FIT.items():
        if name in scale.inputs:
            scale.inputs[name].default_value = choice
        else:
            setattr(scale, *before_5)
    tree.links.new(photo.outputs[0], scale.inputs[0])
    if render.pixel_aspect_x == render.pixel_aspect_y:
        return scale.outputs[0]
    sides = (render.resolution_x, render.pixel_aspect_x), (render.resolution_y, render.pixel_aspect_y)
    wanted = min(side * aspect / own for (side, aspect), own in zip(sides, size, strict=True))
    fitted = min(side / own for (side, _aspect), own in zip(sides, size, strict=True))  # so far, by numbers of pixels
    pixels = _new(tree, "CompositorNodeScale", output, 3)
    for socket, (_side, aspect) in zip(_sockets(pixels, "VALUE"), sides, strict=True):
        socket.default_value = wanted / fitted / aspect
    tree.links.new(scale.outputs[0], pixels.inputs[0])
    return pixels.outputs[0]


def _sockets(node: bpy.types.Node, kind: str) -> list[bpy.types.NodeSocket]:
    """Inputs of a type; their names and order are others in every Blender."""
    return [socket for socket in node.inputs if socket.type == kind]


def _remove_nodes(tree: bpy.types.NodeTree) -> None:
    """What lay over the photo is shown alone again."""
    for node in [node for node in tree.nodes if FORMER_NODE in node]:
        _bottom, top = _sockets(node, "RGBA")
        shown = top.links[0].from_socket if top.links else None
        if shown is None or MADE in shown.node:
            former = tree.nodes.get(node[FORMER_NODE])
            shown = (
                next((one for one in former.outputs if one.identifier == node[FORMER_SOCKET]), None) if former else None
            )
        for link in list(node.outputs[0].links) if shown else ():
            tree.links.new(shown, link.to_socket)
    for node in [node for node in tree.nodes if MADE in node]:
        tree.nodes.remove(node)


classes = (PHOTOPOSE_OT_render_over_photo,)
