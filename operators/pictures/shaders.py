"""The programs that drawing runs on the graphics processor."""

from __future__ import annotations

from collections.abc import Sequence

import gpu
from gpu.types import GPUShader

TILES = 8  # a side: the height maps of up to 64 rays lie in one texture

Slots = Sequence[tuple[str, str]]  # of (type, name)

# Evenly spread directions; looking down one of them, where in its height map a point is seen (xy), and how
# high it stands there (z).
_RAYS = """
vec3 direction(int ray) {
  float z = 1.0 - (2.0 * float(ray) + 1.0) / float(RAYS), turn = 2.39996323 * float(ray);
  return vec3(sqrt(1.0 - z * z) * vec2(cos(turn), sin(turn)), z);
}
vec3 seen_along(int ray, vec3 point) {
  vec3 up = direction(ray);
  vec3 right = normalize(cross(up, abs(up.z) < 0.7 ? vec3(0, 0, 1) : vec3(1, 0, 0)));
  vec2 tile = vec2(ray % TILES, ray / TILES);
  vec2 place = vec2(dot(right, point), dot(cross(up, right), point));
  return vec3((tile + 0.5 + 0.5 * place) / float(TILES), dot(up, point));
}
"""

_SURFACE_VERTEX = "void main() { gl_Position = view * vec4(position, 1.0); uv_here = uv; paint = color; }"
# One texel of the mipmap whose texels are as large as a sample: with several samples to a pixel almost as good
# as the filters of textures, which in software take as long as all the rest together.
_SURFACE_FRAGMENT = """
void main() {
  vec2 size = vec2(textureSize(image, 0)), across = dFdx(uv_here) * size, down = dFdy(uv_here) * size;
  float level = min(0.25 * log2(max(dot(across, across) * dot(down, down), 1.0)), log2(max(size.x, size.y)));
  ivec2 texels = textureSize(image, int(level));
  vec3 texel = texelFetch(image, min(ivec2(fract(uv_here) * vec2(texels)), texels - 1), int(level)).rgb;
  albedo = vec4(mix(paint.rgb * texel, vec3(1.0), paint.a), 1.0);
}
"""

_POINTS_VERTEX = "void main() { gl_Position = view * vec4(position, 1.0); at = position; }"
_POINTS_FRAGMENT = """
void main() { point = vec4(at, 1.0); normal = vec4(normalize(cross(dFdx(at), dFdy(at))), 1.0); }
"""

_HEIGHTS_VERTEX = """
void main() {
  vec3 seen = seen_along(ray, position);
  gl_Position = vec4(seen.xy * 2.0 - 1.0, -0.99 * seen.z, 1.0);
  level = seen.z;
}
"""
_HEIGHTS_FRAGMENT = "void main() { height = level; }"

_VIEW_VERTEX = "void main() { gl_Position = vec4(corner, 0.0, 1.0); }"
_VIEW_FRAGMENT = """
float srgb(float linear) { return linear <= 0.0031308 ? 12.92 * linear : 1.055 * pow(linear, 1.0 / 2.4) - 0.055; }

/* The part of the white world that a surface sees past the rest of the model, as a matt surface weighs it. */
float openness(vec3 point, vec3 normal) {
  float open = 0.0, all = 0.0;
  for (int ray = 0; ray < RAYS; ray++) {
    float weight = max(dot(direction(ray), normal), 0.0);
    vec3 seen = seen_along(ray, point + 0.01 * normal);
    float above = textureLod(heights, seen.xy, 0.0).r - seen.z;
    open += weight * (1.0 - smoothstep(0.005, 0.025, above));
    all += weight;
  }
  return open / all;
}

/* The pixel itself, or a neighbour where the model covers just a corner of it. */
ivec2 covered(ivec2 pixel) {
  ivec2 last = textureSize(points, 0) - 1, at = pixel;
  for (int k = 0; k < 9 && texelFetch(points, at, 0).a == 0.0; k++)
    at = clamp(pixel + ivec2(k % 3 - 1, k / 3 - 1), ivec2(0), last);
  return at;
}

void main() {
  ivec2 pixel = ivec2(gl_FragCoord.xy);
  vec4 sum = vec4(0.0);
  for (int k = 0; k < SAMPLES * SAMPLES; k++)
    sum += texelFetch(colors, pixel * SAMPLES + ivec2(k % SAMPLES, k / SAMPLES), 0);
  if (sum.a == 0.0) { rgba = vec4(0.0); return; }
  vec3 albedo = sum.rgb / sum.a;
  ivec2 at = covered(pixel);
  vec3 point = texelFetch(points, at, 0).xyz, normal = texelFetch(normals, at, 0).xyz;
  float open = texelFetch(points, at, 0).a == 0.0 ? 1.0 : openness(point, faceforward(normal, point - eye, normal));
  vec3 light = albedo * (open + (1.0 - open) * 0.8 * albedo);  /* the rest comes from the model itself, once */
  rgba = vec4(srgb(light.r), srgb(light.g), srgb(light.b), sum.a / float(SAMPLES * SAMPLES));
}
"""

_COMPARE_VERTEX = "void main() { gl_Position = vec4(corner, 0.0, 1.0); at = photo_at; place = view_at; }"
_COMPARE_FRAGMENT = """
const vec3 ORANGE = vec3(0.95, 0.6, 0.1), BLUE = vec3(0.25, 0.65, 1.0), GREY = vec3(0.5);
const float CREASE = 0.87, STEP = 0.04;  /* cosine; part of the model's radius */

vec3 linear(vec3 srgb) { return mix(srgb / 12.92, pow((srgb + 0.055) / 1.055, vec3(2.4)), step(0.04045, srgb)); }

float brightness(vec3 srgb) { return dot(srgb, vec3(0.3, 0.59, 0.11)); }

ivec2 pixel(ivec2 offset) {
  ivec2 size = textureSize(points, 0);
  return clamp(ivec2(place * vec2(size)) + offset, ivec2(0), size - 1);
}

/* 2: the outline runs here, 1: a crease or an edge in front of something, 0: neither. */
int edge(int reach) {
  vec4 here = texelFetch(points, pixel(ivec2(0)), 0);
  vec3 normal = texelFetch(normals, pixel(ivec2(0)), 0).xyz;
  int found = 0;
  for (int k = 0; k < 9; k++) {
    ivec2 other = pixel(reach * ivec2(k % 3 - 1, k / 3 - 1));
    vec4 there = texelFetch(points, other, 0);
    if (there.a != here.a) return 2;
    vec3 turned = texelFetch(normals, other, 0).xyz, apart = there.xyz - here.xyz;
    bool step_here = min(abs(dot(apart, normal)), abs(dot(apart, turned))) > STEP;
    if (here.a > 0.0 && (dot(normal, turned) < CREASE || step_here)) found = 1;
  }
  return found;
}

vec3 edges(vec3 seen) {
  int inner = edge(thickness), outer = edge(thickness + 1);
  if (inner > 0) return inner == 2 ? ORANGE : BLUE;
  return outer > 0 ? 0.3 * seen : seen;
}

/* Orange where the model is brighter than the photo, blue where it is darker, each next to what is around. */
vec3 difference(vec3 seen, vec4 shown, vec2 step) {
  vec3 around = vec3(0.4 * brightness(seen)), sums = vec3(0.0);
  if (shown.a == 0.0) return around;
  for (int k = 0; k < 25; k++) {
    vec2 offset = vec2(k % 5 - 2, k / 5 - 2) * 12.0 * float(thickness);
    vec4 near = texelFetch(picture, pixel(ivec2(offset)), 0);
    vec3 photo_near = textureLod(photo, at + offset * step, 0.0).rgb;
    sums += near.a * vec3(brightness(near.rgb), brightness(photo_near), 1.0);
  }
  vec2 usual = sums.xy / max(sums.z, 1e-3);
  float more = (brightness(shown.rgb) - usual.x) - (brightness(seen) - usual.y);
  vec3 tint = mix(GREY, more > 0.0 ? ORANGE : BLUE, min(3.0 * abs(more), 1.0));
  return mix(around, tint, shown.a);
}

/* The picture, which lies over a part of the photo. */
vec3 pictured(vec3 seen) {
  vec3 there = (from_photo * vec4(at, 1.0, 0.0)).xyz;
  vec2 inside = there.xy / there.z;
  if (there.z <= 0.0 || clamp(inside, 0.0, 1.0) != inside) return seen;
  vec4 shown = textureLod(picture, inside, 0.0);
  return mix(seen, shown.rgb, shown.a);
}

void main() {
  vec3 seen = texture(photo, at).rgb;
  vec4 shown = texelFetch(picture, pixel(ivec2(0)), 0);
  vec2 step = fwidth(at);  /* a pixel in the photo */
  float to_wipe = (at.x - wipe) / step.x;
  vec3 result = to_wipe > 0.0 ? mix(seen, shown.rgb, shown.a) : seen;
  if (view == EDGES) result = edges(seen);
  if (view == DIFFERENCE) result = difference(seen, shown, step);
  if (view == FIT || view == LINES) result = pictured(seen);
  if (view == WIPE && abs(to_wipe) < float(thickness)) result = vec3(to_wipe > 0.0 ? 0.0 : 1.0);
  color = vec4(linear(result), 1.0);
}
"""
COMPARE_VIEWS = ("EDGES", "DIFFERENCE", "WIPE", "BLINK", "FIT", "LINES")


def surface_shader() -> GPUShader:
    """Triangles in their paint: linear colour."""
    return _shader(
        (_SURFACE_VERTEX, _SURFACE_FRAGMENT),
        inputs=[("VEC3", "position"), ("VEC2", "uv"), ("VEC4", "color")],
        between=[("VEC2", "uv_here"), ("VEC4", "paint")],
        outputs=[("VEC4", "albedo")],
        constants=[("MAT4", "view")],
        textures=["image"],
    )


def points_shader() -> GPUShader:
    """Triangles as their points and normals."""
    return _shader(
        (_POINTS_VERTEX, _POINTS_FRAGMENT),
        inputs=[("VEC3", "position")],
        between=[("VEC3", "at")],
        outputs=[("VEC4", "point"), ("VEC4", "normal")],
        constants=[("MAT4", "view")],
    )


def heights_shader(rays: int) -> GPUShader:
    """Triangles into the height map of one of the rays."""
    return _shader(
        (_RAYS + _HEIGHTS_VERTEX, _HEIGHTS_FRAGMENT),
        inputs=[("VEC3", "position")],
        between=[("FLOAT", "level")],
        outputs=[("FLOAT", "height")],
        constants=[("INT", "ray")],
        defines={"RAYS": rays, "TILES": TILES},
    )


def view_shader(samples: int, rays: int) -> GPUShader:
    """The finished picture: samples squared to a pixel, white light along all rays, sRGB with straight alpha."""
    return _shader(
        (_VIEW_VERTEX, _RAYS + _VIEW_FRAGMENT),
        inputs=[("VEC2", "corner")],
        outputs=[("VEC4", "rgba")],
        constants=[("VEC3", "eye")],
        textures=["colors", "points", "normals", "heights"],
        defines={"SAMPLES": samples, "RAYS": rays, "TILES": TILES},
    )


def compare_shader() -> GPUShader:
    """A photo and the textures of drawing.Stage, for a view whose colours are linear.

    corner: in the view, -1..1; photo_at, view_at: the same in the photo and in the textures, 0..1 from the top left.
    from_photo: for FIT and LINES, whose picture is another one, to the same in that from photo_at, both homogeneous.
    """
    return _shader(
        (_COMPARE_VERTEX, _COMPARE_FRAGMENT),
        inputs=[("VEC2", "corner"), ("VEC2", "photo_at"), ("VEC2", "view_at")],
        between=[("VEC2", "at"), ("VEC2", "place")],
        outputs=[("VEC4", "color")],
        constants=[("INT", "view"), ("INT", "thickness"), ("FLOAT", "wipe"), ("MAT4", "from_photo")],
        textures=["photo", "picture", "points", "normals"],
        defines={name: number for number, name in enumerate(COMPARE_VIEWS)},
    )


def _shader(
    sources: tuple[str, str],
    inputs: Slots,
    outputs: Slots,
    constants: Slots,
    between: Slots = (),
    textures: Sequence[str] = (),
    defines: dict[str, int] | None = None,
) -> GPUShader:
    info = gpu.types.GPUShaderCreateInfo()
    for name, value in (defines or {}).items():
        info.define(name, str(value))
    for slot, variable in enumerate(inputs):
        info.vertex_in(slot, *variable)
    for slot, variable in enumerate(outputs):
        info.fragment_out(slot, *variable)
    for variable in constants:
        info.push_constant(*variable)
    for slot, name in enumerate(textures):
        info.sampler(slot, "FLOAT_2D", name)
    if between:
        interface = gpu.types.GPUStageInterfaceInfo("photo_pose_" + between[0][1])
        for variable in between:
            interface.smooth(*variable)
        info.vertex_out(interface)
    info.vertex_source(sources[0])
    info.fragment_source(sources[1])
    return gpu.shader.create_from_info(info)
