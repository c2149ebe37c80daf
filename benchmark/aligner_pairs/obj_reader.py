""".obj files with their materials, as far as pairs need them, without Blender."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, UnidentifiedImageError

from .mesh_pack import Material, Mesh, PackWriter, has_holes, unit

GREY = {"Kd": (0.8, 0.8, 0.8), "Ks": (0.0, 0.0, 0.0), "Ns": 10.0, "d": 1.0, "map_Kd": "", "map_d": ""}
EXPONENTS = (5, 120)


class ObjText(NamedTuple):
    """v (V, 3), vt (T, 2), vn (N, 3); corners (F, 3, 3): of each corner of a triangle its numbers in these, or -1;
    material: of each face its name; group (F,)."""

    v: np.ndarray
    vt: np.ndarray
    vn: np.ndarray
    corners: np.ndarray
    material: list[str]
    group: np.ndarray


def mesh_of(files: Mapping[str, bytes], writer: PackWriter) -> Mesh:
    """The model of an .obj file, Y up, that lies in a folder with its materials and textures, by name; these go into
    the writer."""
    obj = parsed(next(content for name, content in files.items() if name.lower().endswith(".obj")).decode("latin-1"))
    libraries = [content.decode("latin-1") for name, content in files.items() if name.lower().endswith(".mtl")]
    known: dict[str, dict[str, Any]] = {}
    for library in libraries:
        known |= _library(library)
    names = sorted(set(obj.material))
    textures = {name.lower(): content for name, content in files.items()}
    materials = [_material(known.get(name, GREY), textures, writer) for name in names]
    number = {name: number for number, name in enumerate(names)}
    uv = np.where(obj.corners[..., 1:2] >= 0, obj.vt[obj.corners[..., 1]], 0) if len(obj.vt) else None
    has_normals = len(obj.vn) and (obj.corners[..., 2] >= 0).all()
    normals = z_up(unit(obj.vn[obj.corners[..., 2]])) if has_normals else None
    material = np.array([number[name] for name in obj.material], int)
    return Mesh(z_up(obj.v), obj.corners[..., 0], materials, material, uv, normals, obj.group)


def z_up(points: np.ndarray) -> np.ndarray:
    """(..., 3) with Y up, turned as Blender's importer does."""
    return points[..., [0, 2, 1]] * [1, -1, 1]


def parsed(text: str) -> ObjText:
    """Polygons become fans of triangles."""
    numbers: dict[str, list[list[str]]] = {"v": [], "vt": [], "vn": []}
    corners, materials, groups = [], [], []
    material, group = "", 0
    for words in map(str.split, text.splitlines()):
        match words:
            case [("v" | "vt" | "vn") as kind, *values]:
                numbers[kind].append(values[: 2 if kind == "vt" else 3])
            case ["usemtl", *names]:
                material = " ".join(names)
            case ["g" | "o", *_]:
                group += 1
            case ["f", *places]:
                polygon = [_corner(place, [len(some) for some in numbers.values()]) for place in places]
                fan = [(polygon[0], *pair) for pair in zip(polygon[1:-1], polygon[2:], strict=True)]
                corners += fan
                materials += [material] * len(fan)
                groups += [group] * len(fan)
    v, vt, vn = (np.array(some, float).reshape(-1, 2 if kind == "vt" else 3) for kind, some in numbers.items())
    return ObjText(v, vt, vn, np.array(corners, int).reshape(-1, 3, 3), materials, np.array(groups, int))


def _corner(text: str, counts: list[int]) -> list[int]:
    """Numbers of v, vt and vn from 0, -1 for none; negative ones in the file count from what it has so far."""
    told = [int(number) if number else 0 for number in text.split("/")]
    told += [0] * (3 - len(told))
    return [number - 1 if number >= 0 else count + number for number, count in zip(told, counts, strict=True)]


def _library(text: str) -> dict[str, dict[str, Any]]:
    """What a .mtl file tells of each of its materials."""
    known: dict[str, dict[str, Any]] = {}
    now: dict[str, Any] = {}
    for words in map(str.split, text.splitlines()):
        match words:
            case ["newmtl", *name]:
                now = known[" ".join(name)] = dict(GREY)
            case ["Kd" | "Ks", _, _, _, *_]:
                now[words[0]] = tuple(float(value) for value in words[1:4])
            case ["Ns" | "d", *_, value]:
                now[words[0]] = float(value)
            case ["map_Kd" | "map_d", *path]:
                now[words[0]] = path[-1] if path[0].startswith("-") else " ".join(path)
    return known


def _material(told: Mapping[str, Any], files: Mapping[str, bytes], writer: PackWriter) -> Material:
    gloss, exponent = float(np.mean(told["Ks"])), float(np.clip(told["Ns"], *EXPONENTS))
    opacity = max(min(told["d"], 1.0), 0.1)
    image = _image(files.get(told["map_Kd"].replace("\\", "/").rpartition("/")[2].lower()))
    if image is None:
        return Material(np.clip(told["Kd"], 0, 1), opacity, -1, gloss, exponent)
    if told["map_d"] and image.mode != "RGBA":
        image = image.convert("RGB")
    colour = ((np.asarray(image.convert("RGB").resize((8, 8))) / 255) ** 2.2).mean((0, 1))
    return Material(colour, opacity, writer.texture(image), gloss, exponent, has_holes(image))


def _image(content: bytes | None) -> Image.Image | None:
    """Some models name pictures that they lack, or that are none."""
    try:
        return Image.open(io.BytesIO(content)) if content else None
    except UnidentifiedImageError:
        return None
