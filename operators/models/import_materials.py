"""Materials that Blender's importers do not make: they bring colours that no material shows."""

from __future__ import annotations

import bpy

from ..blender.mesh_arrays import read_values

_BYTES = 2.0  # colours above this count to 255, not to 1


def show_colors(mesh: bpy.types.Mesh) -> None:
    """Gives a mesh without any material one in the colours that it has, if it has."""
    colors = mesh.color_attributes
    if any(mesh.materials) or not colors:
        return
    shown = colors[max(colors.render_color_index, 0)]
    _scale(shown)
    mesh.materials.clear()
    mesh.materials.append(painted(mesh.name, shown.name))


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
