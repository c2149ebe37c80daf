"""Materials that Blender's importers do not make: they bring colours that no material shows."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import bpy

from ..blender.mesh_arrays import read_values

_BYTES = 2.0  # colours above this count to 255, not to 1


def found_file(told: str, folder: Path) -> Path:
    """The file that a model file in this folder names: as told or, as other computers' paths lead nowhere, beside it.

    Capital letters and the kind of slashes do not matter. Where there is no such file, its path as told.
    """
    told = told.replace("\\", "/")
    for path in (folder / told, folder / Path(told).name):
        found = Path(bpy.path.resolve_ncase(str(path)))
        if found.is_file():
            return found
    return folder / told


def find_pictures(images: Iterable[bpy.types.Image], folder: Path) -> None:
    """Gives those that Blender's importers did not find their `found_file`, if there is one."""
    for image in images:
        path = bpy.path.abspath(image.filepath)
        if image.source == "FILE" and path and not (image.packed_file or Path(path).is_file()):
            found = found_file(path, folder)
            if found.is_file():
                _exchange(image, found)


def _exchange(image: bpy.types.Image, file: Path) -> None:
    """Another image instead: most versions of Blender keep in mind that one could not be read."""
    found = bpy.data.images.load(str(file))
    found.colorspace_settings.name, found.alpha_mode = image.colorspace_settings.name, image.alpha_mode
    image.user_remap(found)
    bpy.data.images.remove(image)


def show_colors(mesh: bpy.types.Mesh) -> None:
    """Gives a mesh without any material one in the colours that it has, if it has."""
    if not any(mesh.materials) and (colors := shown_colors(mesh)):
        mesh.materials.clear()
        mesh.materials.append(painted(mesh.name, colors))


def shown_colors(mesh: bpy.types.Mesh) -> str:
    """The attribute with the colours of a mesh, which count to 1 from now on; empty where there is none."""
    colors = mesh.color_attributes
    if not colors:
        return ""
    shown = colors[max(colors.render_color_index, 0)]
    _scale(shown)
    return shown.name


def painted(name: str, attribute: str = "", image: bpy.types.Image | None = None) -> bpy.types.Material:
    """A material in the colours of an attribute, of an image on the mesh's UV map, or in the product of both."""
    material = bpy.data.materials.new(name)
    material.use_nodes = True
    nodes, links = material.node_tree.nodes, material.node_tree.links
    shader = next(node for node in nodes if node.type == "BSDF_PRINCIPLED")  # its name is in the user's language
    shader.inputs["Roughness"].default_value = 1.0
    sources = []
    if attribute:
        sources.append(nodes.new("ShaderNodeVertexColor"))
        sources[-1].layer_name = attribute
    if image:
        sources.append(nodes.new("ShaderNodeTexImage"))
        sources[-1].image = image
    if len(sources) == 2:
        sources = [_product(material.node_tree, *sources)]
    links.new(_color(sources[0].outputs), shader.inputs["Base Color"])
    return material


def _product(tree: bpy.types.NodeTree, *sources: bpy.types.Node) -> bpy.types.Node:
    mix = tree.nodes.new("ShaderNodeMix")
    mix.data_type, mix.blend_type = "RGBA", "MULTIPLY"
    factor, *inputs = (socket for socket in mix.inputs if socket.enabled)
    factor.default_value = 1.0
    for source, socket in zip(sources, inputs, strict=True):
        tree.links.new(_color(source.outputs), socket)
    return mix


def _color(sockets: bpy.types.NodeOutputs) -> bpy.types.NodeSocket:
    return next(socket for socket in sockets if socket.enabled and socket.type == "RGBA")


def _scale(colors: bpy.types.Attribute) -> None:
    """Some programs write colours that count to 255 where 1 is white."""
    values = read_values(colors.data, "color_srgb").reshape(-1, 4)
    if len(values) and values[:, :3].max() > _BYTES:
        values[:, :3] /= 255
        colors.data.foreach_set("color_srgb", values.ravel())
