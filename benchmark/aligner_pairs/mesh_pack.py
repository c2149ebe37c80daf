"""The models and pictures that pairs are made of, in one file, and what of them the kernels read.

Models are centred and scaled so that they fit into the unit sphere, Z up. Their corners know how open they lie to light
from everywhere, so that no ray has to be traced later.
"""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from inference.views.templates import extreme_points

from .rasteriser import EMPTY, LOOK_LENGTH, OBJECT, z_buffers

MOST_FACES, FEWEST_FACES, MOST_CORNERS, MOST_MATERIALS = 12_000, 8, 60_000, 255
OUTLINE = 192  # points that frame a model
CREASE = 40.0  # degrees between faces from which their edge is sharp
MOST_PARTS = 400  # pieces; of more the file's groups and materials are taken for parts
LARGE = 0.35  # of the surface: a part that is never missing in a photo
LARGE_PART, PARTS = 0x800, 0x800  # its bit, and how many numbers there are below it
COORDINATE, TEXTURE = 32767, 2048.0  # whole numbers to a unit of vertices, and of texture coordinates at most
DIRECTIONS, OPEN_SIDE = 72, 160  # from which light comes, and px of the z-buffers that tell where it gets


class Material(NamedTuple):
    """colour: linear; texture: its number or -1; gloss 0..1 and its exponent; cut_out: where the texture is clear."""

    colour: Sequence[float] = (0.6, 0.6, 0.6)
    opacity: float = 1.0
    texture: int = -1
    gloss: float = 0.1
    exponent: float = 20.0
    cut_out: bool = False

    @property
    def row(self) -> list[float]:
        """As the kernels read it."""
        return [*self.colour, self.opacity, self.texture, self.gloss, self.exponent, float(self.cut_out)]


class Mesh(NamedTuple):
    """vertices (V, 3), Z up; faces (F, 3); of their corners uv (F, 3, 2) and normals (F, 3, 3), if there are any;
    of the faces the material's number (F,) and the group's, if there are any."""

    vertices: np.ndarray
    faces: np.ndarray
    materials: Sequence[Material] = (Material(),)
    material: np.ndarray | None = None
    uv: np.ndarray | None = None
    normals: np.ndarray | None = None
    group: np.ndarray | None = None


class PackWriter:
    """Collects models and pictures for a file."""

    def __init__(self) -> None:
        self._models: list[dict[str, np.ndarray]] = []
        self._names: list[str] = []
        self._held: list[bool] = []
        self._textures: dict[bytes, int] = {}
        self._pictures: dict[str, list[int]] = {"photos": [], "prints": [], "floors": []}

    def __len__(self) -> int:
        return len(self._models)

    def texture(self, image: Image.Image, side: int = 128, quality: int = 80) -> int:
        """Its number; equal ones have the same. It is kept at most so large."""
        image = image.convert("RGBA" if has_holes(image) else "RGB")
        scale = min(1.0, side / max(image.size))
        image = image.resize([max(2, round(length * scale)) for length in image.size], Image.Resampling.LANCZOS)
        content = io.BytesIO()
        if image.mode == "RGBA":
            image.quantize(64, method=Image.Quantize.FASTOCTREE).save(content, "PNG")
        else:
            image.save(content, "JPEG", quality=quality)
        return self._textures.setdefault(content.getvalue(), len(self._textures))

    def add_picture(self, kind: str, image: Image.Image, side: int) -> None:
        """kind: photos, prints or floors."""
        self._pictures[kind].append(self.texture(image, side))

    def add(self, name: str, mesh: Mesh, held_out: bool) -> bool:
        """Whether it was taken: not if it is too large or hardly anything."""
        mesh = _without_slivers(mesh)
        if not FEWEST_FACES <= len(mesh.faces) <= MOST_FACES or len(mesh.materials) > MOST_MATERIALS:
            return False
        packed = _packed(mesh)
        if len(packed["verts"]) > MOST_CORNERS:
            return False
        self._models.append(packed)
        self._names.append(name)
        self._held.append(held_out)
        return True

    def save(self, path: Path) -> None:
        arrays = {key: np.concatenate([model[key] for model in self._models]) for key in self._models[0]}
        for key, of in (("verts", "counts_v"), ("faces", "counts_f"), ("mats", "counts_m")):
            arrays[of] = np.array([len(model[key]) for model in self._models])
        textures = [np.frombuffer(texture, np.uint8) for texture in self._textures]
        pictures = {kind: np.array(numbers) for kind, numbers in self._pictures.items()}
        sizes = np.array([len(texture) for texture in textures])
        about = {"names": np.array(self._names), "held": np.array(self._held)}
        part = path.with_name(f"part_of_{path.name}")
        np.savez_compressed(part, textures=np.concatenate(textures), sizes=sizes, **arrays, **pictures, **about)
        os.replace(part, path)


class MeshPack:
    """Models and pictures on a device.

    names; held (M,) bool: not to be learnt from; first_face, faces (M,) and first_corner, corners (M,) int64;
    outline (M, OUTLINE, 3); low (M,): height of the lowest point; photos, prints, floors: numbers of textures;
    words: what the kernels read.
    """

    def __init__(self, path: Path, device: str) -> None:
        with np.load(path) as data:
            self._read(data, device)
        self.device = device

    def _read(self, data: np.lib.npyio.NpzFile, device: str) -> None:
        def put(array: np.ndarray, kind: torch.dtype = torch.int64) -> Tensor:
            return torch.from_numpy(np.ascontiguousarray(array)).to(device, kind)

        corners, faces, materials = (data[f"counts_{key}"].astype(np.int64) for key in "vfm")
        first_corner, first_face, first_material = (np.cumsum(some) - some for some in (corners, faces, materials))
        material = data["material"].astype(np.int64) + first_material.repeat(faces)
        table = np.column_stack(
            [data["faces"] + first_corner.repeat(faces)[:, None], material << 12 | data["part"].astype(np.int64)]
        )
        self.names, self.held = [str(name) for name in data["names"]], data["held"]
        self.faces_of = faces
        self.first_face, self.faces = put(first_face), put(faces)
        self.first_corner, self.corners = put(first_corner), put(corners)
        self.vertices = put(data["verts"].astype(np.float32) / COORDINATE, torch.float32)
        self.outline = put(data["outline"], torch.float32).view(-1, OUTLINE, 3)
        self.low = self.outline[..., 2].amin(1)
        self.photos, self.prints, self.floors = (put(data[kind]) for kind in ("photos", "prints", "floors"))
        texels, textures = _decoded(data["textures"].tobytes(), data["sizes"])
        self.words = {
            "verts": self.vertices,
            "normals": put(data["normals"].astype(np.float32) / 127, torch.float32),
            "uvs": put(data["uv"].astype(np.float32) / data["uv_scale"].repeat(corners)[:, None], torch.float32),
            "faces": put(table, torch.int32),
            "ao": put(data["ao"], torch.uint8),
            "mats": put(data["mats"], torch.float32),
            "texs": put(textures, torch.int32),
            "texels": put(texels, torch.uint8),
        }


def has_holes(image: Image.Image) -> bool:
    """Whether parts of it are clear."""
    return image.mode in ("RGBA", "LA", "P") and np.asarray(image.convert("RGBA"))[..., 3].min() < 128


def unit(vectors: np.ndarray) -> np.ndarray:
    """(..., 3) of length 1; zero stays zero."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)


def cross_products(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """(F, 3): of two edges of each face: along its normal, twice as long as it is large."""
    a, b, c = vertices[faces].transpose(1, 0, 2)
    return np.cross(b - a, c - a)


def _decoded(content: bytes, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Texels (T, 4) uint8 of all textures, and of each its first texel, width, height and 0."""
    texels, table, at, start = [], [], 0, 0
    for size in sizes:
        rgba = np.asarray(Image.open(io.BytesIO(content[start : start + size])).convert("RGBA"))
        texels.append(rgba.reshape(-1, 4))
        table.append((at, rgba.shape[1], rgba.shape[0], 0))
        at, start = at + len(texels[-1]), start + size
    return np.concatenate(texels), np.array(table)


def _without_slivers(mesh: Mesh) -> Mesh:
    extent = np.ptp(mesh.vertices[mesh.faces.ravel()], axis=0).max() if len(mesh.faces) else 0
    keep = np.linalg.norm(cross_products(mesh.vertices, mesh.faces), axis=1) > 1e-9 * extent**2
    material = np.zeros(len(mesh.faces), int) if mesh.material is None else mesh.material
    of_faces = {"faces": mesh.faces, "material": material, "uv": mesh.uv, "normals": mesh.normals, "group": mesh.group}
    return mesh._replace(**{key: value if value is None else value[keep] for key, value in of_faces.items()})


def _packed(mesh: Mesh) -> dict[str, np.ndarray]:
    """As it is kept: in small whole numbers, a vertex for each different corner, faces sorted by parts."""
    vertices = _in_unit_sphere(mesh.vertices, mesh.faces)
    uv = np.zeros((*mesh.faces.shape, 2)) if mesh.uv is None else mesh.uv
    normals = creased_normals(vertices, mesh.faces) if mesh.normals is None else mesh.normals
    scale = min(TEXTURE, COORDINATE / max(np.abs(uv).max(), 1e-6))
    places = (vertices[mesh.faces] * COORDINATE).round().clip(-COORDINATE, COORDINATE)
    rows = np.concatenate([places, (uv * scale).round(), (unit(normals) * 127).round()], -1).astype(np.int16)
    corners, faces = np.unique(rows.reshape(-1, rows.shape[-1]), axis=0, return_inverse=True)
    part = _parts(vertices, mesh)
    order = np.argsort(part, kind="stable")
    faces, material = faces.reshape(-1, 3)[order], mesh.material[order]
    materials = np.array([one.row for one in mesh.materials], np.float32)
    return {
        "verts": corners[:, :3],
        "uv": corners[:, 3:5],
        "normals": corners[:, 5:].astype(np.int8),
        "uv_scale": np.array([scale], np.float32),
        "faces": faces.astype(np.uint16),
        "material": material.astype(np.uint8),
        "part": part[order].astype(np.uint16),
        "mats": materials,
        "ao": _openness(corners[:, :3] / np.float32(COORDINATE), faces, materials[material, 3] > 0.5),
        "outline": _outline(vertices[np.unique(mesh.faces)]),
    }


def _in_unit_sphere(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    used = vertices[faces.ravel()]
    center = (used.min(0) + used.max(0)) / 2
    return (vertices - center) / (np.linalg.norm(used - center, axis=1).max() * 1.00001)


def _outline(points: np.ndarray) -> np.ndarray:
    """(OUTLINE, 3) float16: points that frame all others."""
    extreme = extreme_points(points[:: len(points) // 20_000 + 1])
    if len(extreme) < OUTLINE:
        return np.resize(extreme, (OUTLINE, 3)).astype(np.float16)
    return extreme[np.linspace(0, len(extreme) - 1, OUTLINE).astype(int)].astype(np.float16)


def creased_normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """(F, 3, 3): of each corner the mean of the faces around that turn by less than CREASE."""
    normals = unit(cross_products(vertices, faces))
    corner = _welded(vertices)[faces].ravel()
    order = np.argsort(corner, kind="stable")
    bounds = np.flatnonzero(np.diff(corner[order], prepend=-1, append=-1))
    smooth = np.empty((faces.size, 3))
    for start, end in zip(bounds[:-1], bounds[1:], strict=True):
        around = order[start:end]
        some = normals[around // 3]
        smooth[around] = unit((some @ some.T > np.cos(np.radians(CREASE))).astype(float) @ some)
    return smooth.reshape(-1, 3, 3)


def _welded(vertices: np.ndarray) -> np.ndarray:
    """(V,): the same number for vertices at the same place."""
    return np.unique(vertices.round(5), axis=0, return_inverse=True)[1].ravel()


def _parts(vertices: np.ndarray, mesh: Mesh) -> np.ndarray:
    """(F,): numbers of pieces that hang together, below PARTS; LARGE_PART with those that no photo lacks."""
    part = _pieces(_welded(vertices)[mesh.faces])
    if part.max() >= MOST_PARTS and mesh.group is not None:
        part = np.unique(np.stack([mesh.group, mesh.material], 1), axis=0, return_inverse=True)[1].ravel()
    area = np.bincount(part, np.linalg.norm(cross_products(vertices, mesh.faces), axis=1))
    return part % PARTS | np.where(area > LARGE * area.sum(), LARGE_PART, 0)[part]


def _pieces(faces: np.ndarray) -> np.ndarray:
    """(F,): the same number for faces that are joined by vertices."""
    numbers = np.arange(faces.max() + 1)
    while True:
        lowest = numbers.copy()
        np.minimum.at(lowest, faces.ravel(), numbers[faces].min(1).repeat(3))
        lowest = lowest[lowest]
        if np.array_equal(lowest, numbers):
            return np.unique(numbers[faces[:, 0]], return_inverse=True)[1].ravel()
        numbers = lowest


def _openness(vertices: np.ndarray, faces: np.ndarray, solid: np.ndarray) -> np.ndarray:
    """(F, 3) uint8: the share of even light from everywhere that gets to the corners, on each face's more open side."""
    if not solid.any():
        return np.full(faces.shape, 255, np.uint8)
    directions = _directions(DIRECTIONS)
    projections = np.stack([_from_afar(direction) for direction in directions]).astype(np.float32)
    depths = _depths(vertices, faces[solid], projections)
    triangles = vertices[faces].astype(float)
    normals = unit(cross_products(vertices.astype(float), faces))
    inside = triangles + 0.12 * (triangles.mean(1, keepdims=True) - triangles)  # not on the edge itself
    sides = [_open_share(inside, sign * normals, directions, projections, depths) for sign in (1, -1)]
    return (np.maximum(*sides).clip(0, 1) * 255).round().astype(np.uint8)


def _directions(count: int) -> np.ndarray:
    """(count, 3), evenly over the sphere: a spiral by the golden angle."""
    k = np.arange(count) + 0.5
    z, angle = 1 - 2 * k / count, np.pi * (3 - np.sqrt(5)) * k
    return np.stack([np.sqrt(1 - z * z) * np.cos(angle), np.sqrt(1 - z * z) * np.sin(angle), z], 1)


def _from_afar(direction: np.ndarray, far: float = 60.0) -> np.ndarray:
    """(3, 4): projection of the unit sphere from a direction onto OPEN_SIDE px."""
    right = unit(np.cross(direction, [0, 0, 1] if abs(direction[2]) < 0.9 else [1, 0, 0]))
    view = np.column_stack([np.stack([right, np.cross(-direction, right), -direction]), [0, 0, far]])
    half = OPEN_SIDE / 2
    return np.array([[half / np.tan(np.arcsin(1.02 / far)), 0, half], [0, half / np.tan(np.arcsin(1.02 / far)), half],
                     [0, 0, 1]]) @ view  # fmt: skip


def _depths(vertices: np.ndarray, faces: np.ndarray, projections: np.ndarray) -> np.ndarray:
    """(N, OPEN_SIDE, OPEN_SIDE) of the faces in each projection; far away where there is nothing."""
    count, number = len(projections), len(faces)
    words = {
        "verts": torch.from_numpy(vertices.astype(np.float32)),
        "uvs": torch.zeros(len(vertices), 2),
        "faces": torch.from_numpy(np.column_stack([faces, np.zeros(number)]).astype(np.int32)),
        "mats": torch.tensor([Material().row]),
    }
    draws = torch.tensor([[k, 0, number, 1, OBJECT] for k in range(count)], dtype=torch.int32)
    look, flat = torch.zeros(count, LOOK_LENGTH), torch.from_numpy(projections.reshape(count, 12))
    buffers = z_buffers(draws, count * number, flat, look, count, OPEN_SIDE, **words).numpy()
    depths = (buffers >> 32 & 0xFFFFFFFF).astype(np.uint32).view(np.float32)
    return np.where(buffers == EMPTY, np.inf, depths)


def _open_share(
    corners: np.ndarray, normals: np.ndarray, directions: np.ndarray, projections: np.ndarray, depths: np.ndarray
) -> np.ndarray:
    """(F, 3): of corners (F, 3, 3), a little off their faces along normals (F, 3)."""
    margin = 0.012
    points = np.pad((corners + margin * normals[:, None]).reshape(-1, 3), ((0, 0), (0, 1)), constant_values=1)
    total, free = np.zeros(len(corners)), np.zeros((len(corners), 3))
    for direction, projection, depth in zip(directions, projections, depths, strict=True):
        weight = (normals @ direction).clip(0)
        x, y, z = (points @ projection.T).T
        column, row = ((axis / z).astype(int).clip(0, OPEN_SIDE - 1) for axis in (x, y))
        total += weight
        free += weight[:, None] * (depth[row, column] > z - margin).reshape(-1, 3)
    return free / np.maximum(total, 1e-6)[:, None]
