// Draws batches of meshes: z-buffers, shading, correspondences. One source for graphics cards (NVRTC) and CPUs (C++,
// -DON_CPU). Every kernel takes one array of 64-bit words, addresses and whole numbers: see the enumerations, which
// rasteriser.py reads.
#ifdef ON_CPU
#include <cmath>
#include <cstring>
#define DEVICE static inline
typedef unsigned long long u64; typedef unsigned int u32; typedef unsigned char u8;
DEVICE u32 float_bits(float x) { u32 b; memcpy(&b, &x, 4); return b; }
DEVICE float bits_float(u32 b) { float x; memcpy(&x, &b, 4); return x; }
DEVICE void keep_least(u64* at, u64 key) { if (key < *at) *at = key; }
#define KERNEL(name) extern "C" void name(const u64* A) { \
    for (long long i = 0; i < (long long)A[A_ITEMS]; i++) name##_at(A, i); }
#else
#define DEVICE __device__ __forceinline__
typedef unsigned long long u64; typedef unsigned int u32; typedef unsigned char u8;
DEVICE u32 float_bits(float x) { return __float_as_uint(x); }
DEVICE float bits_float(u32 b) { return __uint_as_float(b); }
DEVICE void keep_least(u64* at, u64 key) { if (key < *at) atomicMin(at, key); }
// raster: one warp an item; the others: one thread an item
#define KERNEL(name) extern "C" __global__ void name(const u64* A) { \
    long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x; if (i < (long long)A[A_ITEMS]) name##_at(A, i); }
#endif

#define NEAR 0.02f
#define EMPTY 0xFFFFFFFFFFFFFFFFull
enum { A_VERTS, A_NORMALS, A_UVS, A_FACES, A_AO, A_MATS, A_TEXS, A_TEXELS,  // the pack
       A_DRAWS, A_P, A_V, A_LOOK, A_ZBUF, A_SIDE,                            // what is drawn into which buffer
       A_IMAGES, A_SHADOW, A_SHADOW_SIDE, A_RGB, A_ALPHA, A_SEEN,            // shading
       A_RDRAWS, A_RP, A_RZBUF, A_PLACE, A_TARGET, A_OK, A_VISIBLE,          // correspondences
       A_FIRST, A_COUNT,                                                     // raster: faces before each draw; draws
       A_ITEMS, A_WORDS };                                                   // how many items there are
enum { D_BUFFER, D_FACE, D_COUNT, D_SEED, D_KIND, D_INTS };  // kinds: 0 the object, 1 anything else
enum { L_HIDE, L_MOVE, L_MX, L_MY, L_MZ, L_RECOLOUR, L_COLOURS, L_KEEP, L_BYPART, L_GLOSS, L_POWER, L_METAL,
       L_PRINT, L_PSCALE, L_PMIX, L_POX, L_POY, L_OWN, L_SOLID, L_FLOATS = 20 };
enum { I_STUDIO, I_FX, I_FY, I_CX, I_CY, I_SEED, I_TWO, I_NOISY, I_UP, I_SKY = I_UP + 3, I_GROUND = I_SKY + 3,
       I_LIGHT = I_GROUND + 3,           // 3 lights of 7: place, colour, softness
       I_SM = I_LIGHT + 21, I_SBIAS = I_SM + 12, I_SRADIUS, I_SSTRENGTH,
       I_FLOOR, I_FN, I_FC = I_FN + 3, I_FU, I_FV = I_FU + 3,
       I_FTEX = I_FV + 3, I_FTINT, I_FSCALE = I_FTINT + 3, I_FMIX, I_FFAR,
       I_BTEX, I_BA, I_BTINT = I_BA + 6, I_BMIX = I_BTINT + 3, I_AOK, I_FLOATS = 96 };

DEVICE u32 hash(u32 x) {
    x ^= x >> 16; x *= 0x7feb352du; x ^= x >> 15; x *= 0x846ca68bu; x ^= x >> 16;
    return x;
}
DEVICE float unit(u32 x) { return (hash(x) >> 8) * (1.0f / 16777216.0f); }
DEVICE float clampf(float x, float a, float b) { return x < a ? a : (x > b ? b : x); }
DEVICE float dot3(const float* a, const float* b) { return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]; }
DEVICE void unit3(float* a) {
    float n = sqrtf(dot3(a, a));
    n = n > 1e-12f ? 1 / n : 0;
    a[0] *= n; a[1] *= n; a[2] *= n;
}
DEVICE void affine(const float* M, const float* x, float* out) {
    for (int k = 0; k < 3; k++) out[k] = M[4 * k] * x[0] + M[4 * k + 1] * x[1] + M[4 * k + 2] * x[2] + M[4 * k + 3];
}
DEVICE float linear(float s) { return s * s * (0.75f * s + 0.25f) ; }  // of sRGB, roughly: the packs' colours are sRGB
DEVICE void texel(const u64* A, int tex, float u, float v, float* rgba) {
    const int* T = (const int*)A[A_TEXS] + 4 * tex;
    const u8* data = (const u8*)A[A_TEXELS] + 4ll * T[0];
    u -= floorf(u); v -= floorf(v);
    float x = u * T[1] - 0.5f, y = (1 - v) * T[2] - 0.5f;
    int x0 = (int)floorf(x), y0 = (int)floorf(y);
    float fx = x - x0, fy = y - y0;
    for (int k = 0; k < 4; k++) rgba[k] = 0;
    for (int j = 0; j < 2; j++) for (int i = 0; i < 2; i++) {
        int xi = (x0 + i + T[1]) % T[1], yi = (y0 + j + T[2]) % T[2];
        float w = (i ? fx : 1 - fx) * (j ? fy : 1 - fy);
        const u8* p = data + 4 * (yi * T[1] + xi);
        for (int k = 0; k < 4; k++) rgba[k] += w * p[k];
    }
    for (int k = 0; k < 4; k++) rgba[k] *= 1.0f / 255;
}

struct Corner { float x, y, w; };
DEVICE int part_state(const float* look, u32 seed, int part) {  // 0 in place, 1 gone, 2 moved
    if ((part & 0x800) || look[L_HIDE] + look[L_MOVE] <= 0) return 0;
    float u = unit(seed * 31u + part);
    return u < look[L_HIDE] ? 1 : (u < look[L_HIDE] + look[L_MOVE] ? 2 : 0);
}
DEVICE void vertex(const u64* A, int index, const float* look, int state, float* x) {
    const float* v = (const float*)A[A_VERTS] + 3ll * index;
    for (int k = 0; k < 3; k++) x[k] = v[k] + (state == 2 ? look[L_MX + k] : 0);
}
DEVICE Corner corner(const float* P, const float* x) {
    float p[3]; affine(P, x, p);
    float w = p[2] > NEAR ? 1 / p[2] : 0;
    Corner c = { p[0] * w, p[1] * w, p[2] };
    return c;
}
// screen barycentrics of (x, y), then perspective-correct ones; depth
DEVICE float weights(const Corner* c, float x, float y, float* b) {
    float area = (c[1].x - c[0].x) * (c[2].y - c[0].y) - (c[1].y - c[0].y) * (c[2].x - c[0].x);
    float inv = fabsf(area) > 1e-9f ? 1 / area : 0;
    b[1] = ((x - c[0].x) * (c[2].y - c[0].y) - (y - c[0].y) * (c[2].x - c[0].x)) * inv;
    b[2] = ((c[1].x - c[0].x) * (y - c[0].y) - (c[1].y - c[0].y) * (x - c[0].x)) * inv;
    b[0] = 1 - b[1] - b[2];
    float iz = b[0] / c[0].w + b[1] / c[1].w + b[2] / c[2].w;
    float z = iz > 1e-12f ? 1 / iz : 1e12f;
    for (int k = 0; k < 3; k++) b[k] *= z / c[k].w;
    return z;
}

DEVICE void raster_face(const u64* A, int draw, int face, int lane, int lanes) {
    const int* D = (const int*)A[A_DRAWS] + D_INTS * draw;
    const float* P = (const float*)A[A_P] + 12 * draw;
    const float* look = (const float*)A[A_LOOK] + L_FLOATS * draw;
    const int side = (int)A[A_SIDE];
    const int* F = (const int*)A[A_FACES] + 4ll * (D[D_FACE] + face);
    int state = part_state(look, D[D_SEED], F[3] & 0xFFF);
    if (state == 1) return;
    Corner c[3];
    for (int k = 0; k < 3; k++) {
        float x[3]; vertex(A, F[k], look, state, x); c[k] = corner(P, x);
        if (!(c[k].w > NEAR)) return;
    }
    float area = (c[1].x - c[0].x) * (c[2].y - c[0].y) - (c[1].y - c[0].y) * (c[2].x - c[0].x);
    if (!(fabsf(area) > 1e-7f)) return;
    float xl = fminf(c[0].x, fminf(c[1].x, c[2].x)), xh = fmaxf(c[0].x, fmaxf(c[1].x, c[2].x));
    float yl = fminf(c[0].y, fminf(c[1].y, c[2].y)), yh = fmaxf(c[0].y, fmaxf(c[1].y, c[2].y));
    if (!(xh > 0 && yh > 0 && xl < side && yl < side)) return;
    int x0 = (int)ceilf(fmaxf(xl, 0) - 0.501f), x1 = (int)floorf(fminf(xh, (float)side) - 0.499f);
    int y0 = (int)ceilf(fmaxf(yl, 0) - 0.501f), y1 = (int)floorf(fminf(yh, (float)side) - 0.499f);
    x0 = x0 < 0 ? 0 : x0; y0 = y0 < 0 ? 0 : y0; x1 = x1 < side ? x1 : side - 1; y1 = y1 < side ? y1 : side - 1;
    int wide = x1 - x0 + 1, count = wide * (y1 - y0 + 1);
    if (wide <= 0 || count <= 0) return;
    float inv = 1 / area, i0 = 1 / c[0].w, i1 = 1 / c[1].w, i2 = 1 / c[2].w;
    const float* mat = (const float*)A[A_MATS] + 8ll * (F[3] >> 12);
    u64* Z = (u64*)A[A_ZBUF] + (u64)D[D_BUFFER] * side * side;
    u64 id = ((u64)draw << 18) | (u64)face;
    for (int n = lane; n < count; n += lanes) {
        int px = x0 + n % wide, py = y0 + n / wide;
        float x = px + 0.5f, y = py + 0.5f;
        float b1 = ((x - c[0].x) * (c[2].y - c[0].y) - (y - c[0].y) * (c[2].x - c[0].x)) * inv;
        float b2 = ((c[1].x - c[0].x) * (y - c[0].y) - (c[1].y - c[0].y) * (x - c[0].x)) * inv;
        float b0 = 1 - b1 - b2;
        if (fminf(b0, fminf(b1, b2)) < -1e-5f) continue;
        float iz = b0 * i0 + b1 * i1 + b2 * i2;
        if (!(iz > 1e-9f)) continue;
        float z = 1 / iz;
        if (mat[3] < 0.999f && look[L_SOLID] < 0.5f  // glass: a screen door
            && unit(px * 1973u + py * 9277u + (u32)face * 26699u) > mat[3]) continue;
        if (mat[7] > 0.5f && mat[4] >= 0) {  // leaves cut out by their texture
            const float* uv = (const float*)A[A_UVS];
            float q0 = b0 * i0 * z, q1 = b1 * i1 * z, q2 = b2 * i2 * z, t[4];
            texel(A, (int)mat[4], q0 * uv[2 * F[0]] + q1 * uv[2 * F[1]] + q2 * uv[2 * F[2]],
                  q0 * uv[2 * F[0] + 1] + q1 * uv[2 * F[1] + 1] + q2 * uv[2 * F[2] + 1], t);
            if (t[3] < 0.5f) continue;
        }
        keep_least(Z + (u64)py * side + px, ((u64)float_bits(z) << 32) | id);
    }
}
// A_FIRST: (draws + 1) how many faces the draws before have, all in a row
DEVICE void raster_item(const u64* A, long long item, int lane, int lanes) {
    const long long* first = (const long long*)A[A_FIRST];
    int low = 0, high = (int)A[A_COUNT];
    while (high - low > 1) { int mid = (low + high) / 2; if (first[mid] <= item) low = mid; else high = mid; }
    raster_face(A, low, (int)(item - first[low]), lane, lanes);
}
#ifdef ON_CPU
extern "C" void raster(const u64* A) { for (long long i = 0; i < (long long)A[A_ITEMS]; i++) raster_item(A, i, 0, 1); }
#else
extern "C" __global__ void raster(const u64* A) {
    long long warps = (long long)gridDim.x * (blockDim.x / 32), items = (long long)A[A_ITEMS];
    for (long long i = (long long)blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32; i < items; i += warps)
        raster_item(A, i, threadIdx.x % 32, 32);
}
#endif

struct Hit { int draw, face, state; float z, b[3], x[3], n[3], g[3], uv[2], ao; const int* F; };

// what the key of a z-buffer at (x, y), px of that buffer, shows: x in the model's axes, n (smooth) and g (of the face)
// in the camera's
DEVICE Hit hit(const u64* A, u64 key, float x, float y) {
    Hit h; u32 id = (u32)key;
    h.draw = id >> 18; h.face = id & 0x3FFFF;
    const int* D = (const int*)A[A_DRAWS] + D_INTS * h.draw;
    const float* P = (const float*)A[A_P] + 12 * h.draw;
    const float* V = (const float*)A[A_V] + 12 * h.draw;
    const float* look = (const float*)A[A_LOOK] + L_FLOATS * h.draw;
    h.F = (const int*)A[A_FACES] + 4ll * (D[D_FACE] + h.face);
    h.state = part_state(look, D[D_SEED], h.F[3] & 0xFFF);
    float v[3][3], n[3] = {0, 0, 0}, e[3], f[3]; Corner c[3];
    for (int k = 0; k < 3; k++) { vertex(A, h.F[k], look, h.state, v[k]); c[k] = corner(P, v[k]); }
    h.z = weights(c, x, y, h.b);
    const float* N = (const float*)A[A_NORMALS]; const float* uv = (const float*)A[A_UVS];
    const u8* ao = (const u8*)A[A_AO] + 3ll * (D[D_FACE] + h.face);
    h.uv[0] = h.uv[1] = h.ao = 0;
    for (int k = 0; k < 3; k++) {
        h.x[k] = h.b[0] * v[0][k] + h.b[1] * v[1][k] + h.b[2] * v[2][k];
        e[k] = v[1][k] - v[0][k]; f[k] = v[2][k] - v[0][k];
        for (int j = 0; j < 3; j++) n[j] += h.b[k] * N[3ll * h.F[k] + j];
        h.uv[0] += h.b[k] * uv[2ll * h.F[k]]; h.uv[1] += h.b[k] * uv[2ll * h.F[k] + 1];
        h.ao += h.b[k] * ao[k] * (1.0f / 255);
    }
    h.ao = clampf(h.ao, 0, 1);
    float g[3] = { e[1] * f[2] - e[2] * f[1], e[2] * f[0] - e[0] * f[2], e[0] * f[1] - e[1] * f[0] };
    unit3(g);
    if (dot3(n, n) < 0.01f) { n[0] = g[0]; n[1] = g[1]; n[2] = g[2]; }
    const float* m = V;  // cofactors: what turns normals under unequal scaling
    float C[9] = { m[5] * m[10] - m[6] * m[9], m[6] * m[8] - m[4] * m[10], m[4] * m[9] - m[5] * m[8],
                   m[2] * m[9] - m[1] * m[10], m[0] * m[10] - m[2] * m[8], m[1] * m[8] - m[0] * m[9],
                   m[1] * m[6] - m[2] * m[5], m[2] * m[4] - m[0] * m[6], m[0] * m[5] - m[1] * m[4] };
    for (int k = 0; k < 3; k++) { h.n[k] = dot3(C + 3 * k, n); h.g[k] = dot3(C + 3 * k, g); }
    unit3(h.n); unit3(h.g);
    float at[3]; affine(V, h.x, at);
    if (dot3(h.g, at) > 0) for (int k = 0; k < 3; k++) h.g[k] = -h.g[k];
    if (dot3(h.n, h.g) < 0) for (int k = 0; k < 3; k++) h.n[k] = -h.n[k];
    return h;
}

DEVICE void random_colour(u32 seed, float* rgb) {
    float value = 0.02f + 0.83f * unit(seed), grey = 0.9f * unit(seed + 1) * unit(seed + 7);
    for (int k = 0; k < 3; k++) rgb[k] = value * (1 - grey * unit(seed + 2 + k));
}

DEVICE void albedo(const u64* A, const Hit* h, float* rgb) {
    const int* D = (const int*)A[A_DRAWS] + D_INTS * h->draw;
    const float* look = (const float*)A[A_LOOK] + L_FLOATS * h->draw;
    int material = h->F[3] >> 12, part = h->F[3] & 0xFFF;
    const float* mat = (const float*)A[A_MATS] + 8ll * material;
    float base[3] = { mat[0], mat[1], mat[2] }, detail[3] = {1, 1, 1};
    if (mat[4] >= 0) {
        float t[4]; texel(A, (int)mat[4], h->uv[0], h->uv[1], t);
        for (int k = 0; k < 3; k++) { float l = linear(t[k]); detail[k] = l / (base[k] + 0.02f); base[k] = l; }
    }
    u32 seed = (u32)D[D_SEED];
    u32 key = (look[L_BYPART] > 0.5f ? 7919u * part : 104729u * material) + seed * 131u;
    if (unit(key) < look[L_RECOLOUR]) {
        float c[3]; random_colour(seed * 977u + 16u * (hash(key + 5u) % (u32)(look[L_COLOURS] + 0.5f)), c);
        for (int k = 0; k < 3; k++) base[k] = c[k] * powf(clampf(detail[k], 0.05f, 3), look[L_KEEP]);
    }
    if (look[L_PRINT] >= 0) {  // a print, put on along the axis that the face looks along
        const int* F = h->F; float v[3][3], e[3], f[3];
        for (int k = 0; k < 3; k++) vertex(A, F[k], look, 0, v[k]);
        for (int k = 0; k < 3; k++) { e[k] = v[1][k] - v[0][k]; f[k] = v[2][k] - v[0][k]; }
        float g[3] = { e[1] * f[2] - e[2] * f[1], e[2] * f[0] - e[0] * f[2], e[0] * f[1] - e[1] * f[0] };
        for (int k = 0; k < 3; k++) g[k] = fabsf(g[k]);
        int axis = g[0] > g[1] && g[0] > g[2] ? 0 : (g[1] > g[2] ? 1 : 2);
        float moved[3] = { h->x[0], h->x[1], h->x[2] };
        if (h->state == 2) for (int k = 0; k < 3; k++) moved[k] -= look[L_MX + k];
        float t[4]; texel(A, (int)look[L_PRINT], moved[axis == 0 ? 1 : 0] * look[L_PSCALE] + look[L_POX],
                          moved[axis == 2 ? 1 : 2] * look[L_PSCALE] + look[L_POY], t);
        for (int k = 0; k < 3; k++) base[k] += look[L_PMIX] * (linear(t[k]) - base[k]);
    }
    for (int k = 0; k < 3; k++) rgb[k] = clampf(base[k], 0, 1);
}

// share of a lamp's light that reaches a place in the camera's axes
DEVICE float lit(const u64* A, const float* I, int image, const float* at, u32 seed) {
    if (I[I_SSTRENGTH] <= 0) return 1;
    const int side = (int)A[A_SHADOW_SIDE];
    const u64* S = (const u64*)A[A_SHADOW] + (u64)image * side * side;
    float p[3]; affine(I + I_SM, at, p);
    if (!(p[2] > NEAR)) return 1;
    float x = p[0] / p[2], y = p[1] / p[2], turn = 6.2832f * unit(seed), free = 0;
    for (int k = 0; k < 6; k++) {
        float r = I[I_SRADIUS] * sqrtf((k + 0.5f) / 6), a = turn + 2.4f * k;
        int px = (int)floorf(x + r * cosf(a)), py = (int)floorf(y + r * sinf(a));
        if (px < 0 || py < 0 || px >= side || py >= side) { free += 1; continue; }
        float z = bits_float((u32)(S[(u64)py * side + px] >> 32));
        free += !(z < p[2] - I[I_SBIAS]);  // nothing there reads as a NaN
    }
    return 1 - I[I_SSTRENGTH] * (1 - free / 6);
}

DEVICE void sky(const u64* A, const float* I, const float* d, float* rgb) {  // what a mirror sees
    float t[4] = {0.5f, 0.5f, 0.5f, 1}, up = clampf(0.5f + 1.5f * dot3(d, I + I_UP), 0, 1);
    if (I[I_BTEX] >= 0) texel(A, (int)I[I_BTEX], 0.5f + 0.3f * d[0], 0.5f - 0.3f * d[1], t);
    for (int k = 0; k < 3; k++)
        rgb[k] = (I[I_SKY + k] * up + I[I_GROUND + k] * (1 - up)) * (0.4f + 1.6f * linear(t[k]));
}

DEVICE void shade_object(const u64* A, const float* I, int image, const Hit* h, u32 seed, float* rgb) {
    const float* look = (const float*)A[A_LOOK] + L_FLOATS * h->draw;
    const float* V = (const float*)A[A_V] + 12 * h->draw;
    const float* mat = (const float*)A[A_MATS] + 8ll * (h->F[3] >> 12);
    float base[3], at[3], eye[3]; albedo(A, h, base); affine(V, h->x, at);
    for (int k = 0; k < 3; k++) eye[k] = -at[k];
    unit3(eye);
    float facing = clampf(dot3(h->n, eye), 0.02f, 1), rim = 1 - facing;
    rim = rim * rim * rim * rim * rim;
    if (I[I_STUDIO] > 0.5f) {  // even white light from everywhere, a bounce or two
        float ao = powf(h->ao, I[I_AOK]), speck = 1;
        if (I[I_NOISY] > 0.5f) {  // Cycles' few samples: light that came or not
            ao = unit(seed) < 0.3f + 0.7f * ao ? 1 : 0;
            if (unit(seed + 3u) < I[I_SRADIUS] + 0.4f * fminf(mat[5], 0.7f)) speck = 0.15f + 0.7f * unit(seed + 5u);
        }
        float f = 0.002f + 0.25f * rim, turned = 1 - I[I_SSTRENGTH] * (1 - facing);
        for (int k = 0; k < 3; k++)
            rgb[k] = (base[k] * (1 - f) + f) * (ao + (1 - ao) * 0.55f * base[k]) * speck * turned;
        return;
    }
    float up = 0.5f + 0.5f * dot3(h->n, I + I_UP), ao = powf(h->ao, I[I_AOK]), light[3], shine[3] = {0, 0, 0};
    for (int k = 0; k < 3; k++) light[k] = (I[I_SKY + k] * up + I[I_GROUND + k] * (1 - up)) * ao;
    float power = look[L_OWN] > 0.5f ? mat[6] : look[L_POWER], gloss = look[L_OWN] > 0.5f ? mat[5] : look[L_GLOSS];
    for (int n = 0; n < 3; n++) {
        const float* L = I + I_LIGHT + 7 * n;
        if (L[3] + L[4] + L[5] <= 0) continue;
        float d[3] = { L[0] - at[0], L[1] - at[1], L[2] - at[2] }, half[3]; unit3(d);
        float soft = L[6], lambert = clampf((dot3(h->n, d) + soft) / (1 + soft), 0, 1);
        if (lambert <= 0) continue;
        if (n == 0) lambert *= lit(A, I, image, at, seed + 17u);
        else lambert *= 0.4f + 0.6f * ao;
        for (int k = 0; k < 3; k++) half[k] = d[k] + eye[k];
        unit3(half);
        float s = gloss * powf(clampf(dot3(half, h->n), 0, 1), power) * (power + 8) * 0.04f * lambert;
        for (int k = 0; k < 3; k++) { light[k] += lambert * L[3 + k]; shine[k] += s * L[3 + k]; }
    }
    float mirror[3] = {0, 0, 0}, f = gloss * (0.05f + 0.6f * rim), metal = look[L_METAL];
    if (gloss > 0.02f || metal > 0) {
        float t = 2 * dot3(eye, h->n), r[3];
        for (int k = 0; k < 3; k++) r[k] = t * h->n[k] - eye[k];
        sky(A, I, r, mirror);
    }
    for (int k = 0; k < 3; k++)
        rgb[k] = base[k] * light[k] * (1 - 0.8f * metal) + shine[k] * (metal > 0 ? base[k] * 3 : 1)
                 + mirror[k] * (f * ao + metal * base[k]);
}

DEVICE void shade_behind(const u64* A, const float* I, int image, float x, float y, u32 seed, float* rgb) {
    float d[3] = { (x - I[I_CX]) / I[I_FX], (y - I[I_CY]) / I[I_FY], 1 }, t[4];
    if (I[I_FLOOR] > 0.5f) {
        float slope = dot3(d, I + I_FN), s = fabsf(slope) > 1e-6f ? I[I_FC] / slope : -1;
        if (s > 0 && s < I[I_FFAR]) {
            float at[3] = { s * d[0], s * d[1], s * d[2] }, lamp[3];
            for (int k = 0; k < 3; k++) lamp[k] = I[I_LIGHT + k] - at[k];
            unit3(lamp);
            texel(A, (int)I[I_FTEX], dot3(at, I + I_FU) * I[I_FSCALE], dot3(at, I + I_FV) * I[I_FSCALE], t);
            float n = fabsf(dot3(lamp, I + I_FN)) * lit(A, I, image, at, seed + 29u);
            for (int k = 0; k < 3; k++) {
                float base = I[I_FTINT + k] * (1 - I[I_FMIX] + I[I_FMIX] * 2 * linear(t[k]));
                rgb[k] = clampf(base, 0, 1) * (I[I_SKY + k] + n * I[I_LIGHT + 3 + k]);
            }
            return;
        }
    }
    t[0] = t[1] = t[2] = 0.5f;
    if (I[I_BTEX] >= 0) {
        float u = x / 224 - 0.5f, v = y / 224 - 0.5f;
        const float* B = I + I_BA;
        texel(A, (int)I[I_BTEX], B[0] * u + B[1] * v + B[2], B[3] * u + B[4] * v + B[5], t);
    }
    for (int k = 0; k < 3; k++) rgb[k] = I[I_BTINT + k] * (1 - I[I_BMIX] + I[I_BMIX] * 2 * linear(t[k]));
}

// an item a pixel of half the buffer's side: mean linear light of its 4 samples (of covered ones in the studio), share
// covered, share that shows the object
DEVICE void shade_at(const u64* A, long long item) {
    const int side = (int)A[A_SIDE], half = side / 2;
    int image = (int)(item / (half * half)), rest = (int)(item % (half * half)), py = rest / half, px = rest % half;
    const float* I = (const float*)A[A_IMAGES] + (u64)I_FLOATS * image;
    const u64* Z = (const u64*)A[A_ZBUF] + (u64)image * side * side;
    float sum[3] = {0, 0, 0}, covered = 0, seen = 0, count = 0;
    u32 seed = (u32)(int)I[I_SEED] * 2654435761u + (u32)rest * 4u;
    int skip = hash(seed) & 1;
    for (int s = 0; s < 4; s++) {
        if (I[I_TWO] > 0.5f && ((s == 0 || s == 3) == skip)) continue;  // two samples, of one diagonal
        int sx = 2 * px + (s & 1), sy = 2 * py + (s >> 1);
        if (I[I_TWO] > 0.5f) {  // Cycles' filter is wider than a pixel
            sx += (int)(hash(seed + 7u * s + 1u) % 3u) - 1; sy += (int)(hash(seed + 7u * s + 2u) % 3u) - 1;
            sx = sx < 0 ? 0 : (sx < side ? sx : side - 1); sy = sy < 0 ? 0 : (sy < side ? sy : side - 1);
        }
        u64 key = Z[(u64)sy * side + sx];
        float rgb[3] = {0, 0, 0};
        count += 1;
        if (key != EMPTY) {
            Hit h = hit(A, key, sx + 0.5f, sy + 0.5f);
            covered += 1; seen += ((const int*)A[A_DRAWS] + D_INTS * h.draw)[D_KIND] == 0;
            shade_object(A, I, image, &h, seed + 101u * s, rgb);
        } else if (I[I_STUDIO] < 0.5f)
            shade_behind(A, I, image, 0.5f * (sx + 0.5f), 0.5f * (sy + 0.5f), seed + 101u * s, rgb);
        for (int k = 0; k < 3; k++) sum[k] += rgb[k];
    }
    float by = 1 / (I[I_STUDIO] > 0.5f ? fmaxf(covered, 1) : count);
    float* out = (float*)A[A_RGB] + (u64)image * 3 * half * half + rest;
    for (int k = 0; k < 3; k++) out[(u64)k * half * half] = clampf(sum[k] * by, 0, 64);
    ((float*)A[A_ALPHA])[item] = covered / count;
    ((float*)A[A_SEEN])[item] = seen / count;
}
KERNEL(shade)

// an item a cell of 4 x 4 px of a rendering (buffer of twice its side): the best covered pixel's point, where it is in
// the photo, whether it is seen there.
// Rendering: A_RDRAWS, A_RP, A_RZBUF; draw n of both lists is image n's object. Photo: A_DRAWS, A_P, A_LOOK, A_ZBUF.
DEVICE void cells_at(const u64* A, long long item) {
    const int side = (int)A[A_SIDE], n = side / 8;
    int image = (int)(item / (n * n)), rest = (int)(item % (n * n)), cy = rest / n, cx = rest % n;
    const u64* Z = (const u64*)A[A_RZBUF] + (u64)image * side * side;
    int best = -1; float most = 0;
    for (int k = 0; k < 16; k++) {
        int x = k % 4, y = k / 4, covered = 0;
        for (int s = 0; s < 4; s++)
            covered += Z[(u64)(8 * cy + 2 * y + (s >> 1)) * side + 8 * cx + 2 * x + (s & 1)] != EMPTY;
        float prior = (x == 0 || x == 3 ? 0 : 0.1f) + (y == 0 || y == 3 ? 0 : 0.1f);
        float score = 0.25f * covered + (covered == 4 ? prior + 1e-3f * unit((u32)item * 16u + k) : 0);
        if (covered >= 3 && score > most) { most = score; best = k; }
    }
    float* place = (float*)A[A_PLACE] + (u64)image * 2 * n * n + rest;
    float* target = (float*)A[A_TARGET] + (u64)image * 2 * n * n + rest;
    float* ok = (float*)A[A_OK] + item; float* visible = (float*)A[A_VISIBLE] + item;
    place[0] = target[0] = 4 * cx + 2; place[n * n] = target[n * n] = 4 * cy + 2; *ok = *visible = 0;
    if (best < 0) return;
    int sx = 0, sy = 0; u64 key = EMPTY;
    for (int s = 0; s < 4 && key == EMPTY; s++) {
        int q = (s + hash((u32)item)) & 3;
        sx = 8 * cx + 2 * (best % 4) + (q & 1); sy = 8 * cy + 2 * (best / 4) + (q >> 1); key = Z[(u64)sy * side + sx];
    }
    int face = (u32)key & 0x3FFFF;
    const int* R = (const int*)A[A_RDRAWS] + D_INTS * image;
    const int* F = (const int*)A[A_FACES] + 4ll * (R[D_FACE] + face);
    const float* none = 0; float v[3][3], b[3], x[3], p[3]; Corner c[3];
    for (int k = 0; k < 3; k++) {
        vertex(A, F[k], none, 0, v[k]);
        c[k] = corner((const float*)A[A_RP] + 12 * image, v[k]);
    }
    weights(c, sx + 0.5f, sy + 0.5f, b);
    for (int k = 0; k < 3; k++) x[k] = b[0] * v[0][k] + b[1] * v[1][k] + b[2] * v[2][k];
    const float* look = (const float*)A[A_LOOK] + L_FLOATS * image;
    affine((const float*)A[A_P] + 12 * image, x, p);
    if (!(p[2] > NEAR)) return;
    *ok = 1;
    place[0] = 0.5f * (sx + 0.5f); place[n * n] = 0.5f * (sy + 0.5f);
    float tx = p[0] / p[2], ty = p[1] / p[2];
    target[0] = 0.5f * tx; target[n * n] = 0.5f * ty;
    const int* D = (const int*)A[A_DRAWS] + D_INTS * image;
    if (part_state(look, D[D_SEED], F[3] & 0xFFF)) return;
    const u64* T = (const u64*)A[A_ZBUF] + (u64)image * side * side;
    int ix = (int)floorf(tx), iy = (int)floorf(ty);
    if (!(tx > 0 && ty > 0 && tx < side && ty < side)) return;
    for (int dy = -1; dy <= 1; dy++) for (int dx = -1; dx <= 1; dx++) {
        int qx = ix + dx, qy = iy + dy;
        if (qx < 0 || qy < 0 || qx >= side || qy >= side) continue;
        u64 there = T[(u64)qy * side + qx];
        if (there == EMPTY) continue;
        int draw = (u32)there >> 18;
        if (((const int*)A[A_DRAWS] + D_INTS * draw)[D_KIND] != 0) continue;
        if (fabsf(bits_float((u32)(there >> 32)) - p[2]) < 0.03f) { *visible = 1; return; }
    }
}
KERNEL(cells)
