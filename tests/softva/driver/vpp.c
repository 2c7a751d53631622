/* softva - video processing on the CPU: scaling, format conversion, alpha
 * blending, bob deinterlacing, HDR10-to-SDR tone mapping.
 * Everything is done in float on planes; sample values are kept in 8-bit
 * units (10-bit samples have a fraction). */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "softva.h"

/* ---- access to one component of a picture --------------------------------- */
typedef struct Comp { uint8_t *p; int pitch, step, deep, w, h; } Comp;

static Comp comp(const View *v, int c)
{
    const Layout *l = v->l;
    Comp o = { v->p, l->pitch[0], 1, sv_is_10bit(l->fourcc), l->w, l->h };
    if (sv_is_rgb(l->fourcc)) {
        int ord[4];
        sv_rgb_order(l->fourcc, ord);
        o.p = ord[c] < 0 ? NULL : v->p + ord[c];
        o.step = 4;
        return o;
    }
    if (o.deep)
        o.step = 2;
    if (c) {
        o.w = (l->w + 1) / 2;
        o.h = (l->h + 1) / 2;
        o.pitch = l->pitch[1];
        if (l->np == 2) {
            o.p = v->p + l->off[1] + (c == 2) * o.step;
            o.step *= 2;
        } else {
            int k = (c == 1) == (l->fourcc == VA_FOURCC_I420) ? 1 : 2;
            o.p = v->p + l->off[k];
        }
    }
    return o;
}

static float get(const Comp *c, int x, int y)
{
    const uint8_t *p = c->p + (size_t)y * c->pitch + (size_t)x * c->step;
    return c->deep ? (p[0] | p[1] << 8) / 256.0f : p[0];
}
static void put(const Comp *c, int x, int y, float v)
{
    uint8_t *p = c->p + (size_t)y * c->pitch + (size_t)x * c->step;
    if (c->deep) {
        int i = lrintf(v * 4);
        i = (i < 0 ? 0 : i > 1023 ? 1023 : i) << 6;
        p[0] = i;
        p[1] = i >> 8;
    } else {
        int i = lrintf(v);
        *p = i < 0 ? 0 : i > 255 ? 255 : i;
    }
}

/* ---- resampling ------------------------------------------------------------ */
typedef struct Taps { int *first; float *w; int n; } Taps;

/* Triangle kernel; when shrinking it widens to the scale factor. */
static Taps taps(double off, double len, int lim, int dlen)
{
    double scale = len / dlen, s = scale > 1 ? scale : 1;
    Taps t;
    t.n = (int)ceil(2 * s) + 2;
    t.first = sv_malloc(dlen * sizeof(int));
    t.w = sv_calloc((size_t)dlen * t.n, sizeof(float));
    for (int x = 0; x < dlen; x++) {
        double c = off + (x + 0.5) * scale, sum = 0;
        int a = (int)floor(c - s - 0.5);
        int base = a < 0 ? 0 : a > lim - 1 ? lim - 1 : a;
        for (int k = 0; k < t.n; k++) {
            int i = a + k, j;
            double w = 1 - fabs(i + 0.5 - c) / s;
            if (w <= 0)
                continue;
            j = (i < 0 ? 0 : i > lim - 1 ? lim - 1 : i) - base;
            if (j < 0) j = 0;
            if (j > t.n - 1) j = t.n - 1;
            t.w[(size_t)x * t.n + j] += w;
            sum += w;
        }
        for (int k = 0; k < t.n; k++)
            t.w[(size_t)x * t.n + k] /= sum;
        t.first[x] = base;
    }
    return t;
}

/* Read the rectangle (x,y,w,h in samples of this component) as dw*dh floats. */
static float *load(const Comp *c, double x, double y, double w, double h, int dw, int dh)
{
    float *out = sv_malloc(((size_t)dw * dh + 1) * sizeof(float)), *mid;
    if (w == dw && h == dh && x == floor(x) && y == floor(y)) {
        for (int j = 0; j < dh; j++)
            for (int i = 0; i < dw; i++) {
                int xx = (int)x + i, yy = (int)y + j;
                out[(size_t)j * dw + i] = get(c, xx < c->w ? xx : c->w - 1, yy < c->h ? yy : c->h - 1);
            }
        return out;
    }
    Taps tx = taps(x, w, c->w, dw), ty = taps(y, h, c->h, dh);
    int y0 = ty.first[0], y1 = ty.first[dh - 1] + ty.n;
    if (y1 > c->h) y1 = c->h;
    float *row = sv_malloc((c->w + tx.n) * sizeof(float));
    mid = sv_malloc((size_t)(y1 - y0) * dw * sizeof(float));
    for (int j = y0; j < y1; j++) {
        for (int i = 0; i < c->w; i++)
            row[i] = get(c, i, j);
        for (int i = 0; i < tx.n; i++)
            row[c->w + i] = 0;
        for (int i = 0; i < dw; i++) {
            const float *s = row + tx.first[i], *k = tx.w + (size_t)i * tx.n;
            float a = 0;
            for (int n = 0; n < tx.n; n++)
                a += s[n] * k[n];
            mid[(size_t)(j - y0) * dw + i] = a;
        }
    }
    for (int j = 0; j < dh; j++) {
        float *o = out + (size_t)j * dw;
        memset(o, 0, dw * sizeof(float));
        for (int n = 0; n < ty.n; n++) {
            float k = ty.w[(size_t)j * ty.n + n];
            const float *s = mid + (size_t)(ty.first[j] + n - y0) * dw;
            if (k != 0)
                for (int i = 0; i < dw; i++)
                    o[i] += k * s[i];
        }
    }
    free(row); free(mid); free(tx.first); free(tx.w); free(ty.first); free(ty.w);
    return out;
}

/* ---- colour ----------------------------------------------------------------- */
typedef struct Colour { float kr, kb; int full; } Colour;

static Colour colour(VAProcColorStandardType s, const VAProcColorProperties *p, int h)
{
    Colour c = { 0.299f, 0.114f, p && p->color_range == VA_SOURCE_RANGE_FULL };
    int m = h >= 720 ? 1 : 6;                  /* when nobody says */
    switch (s) {
    case VAProcColorStandardBT601:  m = 6; break;
    case VAProcColorStandardBT709:  m = 1; break;
    case VAProcColorStandardBT2020: m = 9; break;
    case VAProcColorStandardExplicit:
        if (p->matrix_coefficients == 1 || p->matrix_coefficients == 9 ||
            p->matrix_coefficients == 5 || p->matrix_coefficients == 6)
            m = p->matrix_coefficients;
        break;
    default:
        break;
    }
    if (m == 1) { c.kr = 0.2126f; c.kb = 0.0722f; }
    if (m == 9) { c.kr = 0.2627f; c.kb = 0.0593f; }
    return c;
}

/* R,G,B (0..255) to Y,U,V of 8-bit units, without the constant offsets. */
static void to_yuv(const Colour *c, float r, float g, float b, float *y, float *u, float *v)
{
    float l = c->kr * r + (1 - c->kr - c->kb) * g + c->kb * b;
    *y = l * (c->full ? 1 : 219 / 255.0f);
    *u = (b - l) / (2 * (1 - c->kb)) * (c->full ? 1 : 224 / 255.0f);
    *v = (r - l) / (2 * (1 - c->kr)) * (c->full ? 1 : 224 / 255.0f);
}
static void to_rgb(const Colour *c, float y, float u, float v, float o[3])
{
    float l = c->full ? y : (y - 16) * 255 / 219.0f;
    float cu = (u - 128) * (c->full ? 1 : 255 / 224.0f), cv = (v - 128) * (c->full ? 1 : 255 / 224.0f);
    o[0] = l + cv * 2 * (1 - c->kr);
    o[2] = l + cu * 2 * (1 - c->kb);
    o[1] = (l - c->kr * o[0] - c->kb * o[2]) / (1 - c->kr - c->kb);
}

/* ---- tone mapping: PQ / BT.2020 to BT.709, extended Reinhard on max(R,G,B) --- */
static float pq_lut[4097], gamma_lut[4097];
static pthread_once_t lut_once = PTHREAD_ONCE_INIT;
static void lut_init(void)
{
    for (int i = 0; i <= 4096; i++) {
        double e = pow(i / 4096.0, 1 / 78.84375), n = e - 0.8359375;
        pq_lut[i] = 10000 * pow((n < 0 ? 0 : n) / (18.8515625 - 18.6875 * e), 1 / 0.1593017578125);
        gamma_lut[i] = 255 * pow((i / 4096.0) * (i / 4096.0), 1 / 2.4);
    }
}
static void tone(float px[3], float peak)
{
    float l[3], m = 0, k, o[3];
    for (int i = 0; i < 3; i++) {
        float x = px[i] / 255 * 4096;
        l[i] = pq_lut[x < 0 ? 0 : x > 4096 ? 4096 : (int)lrintf(x)] / 203;
        if (l[i] > m)
            m = l[i];
    }
    k = m > 0 ? (1 + m / (peak * peak)) / (1 + m) : 0;
    o[0] =  1.6605f * l[0] - 0.5876f * l[1] - 0.0728f * l[2];
    o[1] = -0.1246f * l[0] + 1.1329f * l[1] - 0.0083f * l[2];
    o[2] = -0.0182f * l[0] - 0.1006f * l[1] + 1.1187f * l[2];
    for (int i = 0; i < 3; i++) {
        float v = o[i] * k;
        px[i] = gamma_lut[v <= 0 ? 0 : v >= 1 ? 4096 : (int)lrintf(sqrtf(v) * 4096)];
    }
}

/* ---- one layer ----------------------------------------------------------------- */
typedef struct Layer {
    View src, dst;
    VARectangle sr, dr;
    Colour cs, cd;
    float alpha;              /* global alpha; < 0: no blending at all */
    int premult;              /* colour is already multiplied with its alpha */
    float peak;               /* > 0: tone map; peak in units of 203 cd/m2 */
} Layer;

static int same_pixels(const Layer *y)
{
    return y->src.l->fourcc == y->dst.l->fourcc && y->sr.width == y->dr.width &&
           y->sr.height == y->dr.height && y->alpha < 0 && y->peak <= 0;
}

static void copy_rows(const Layer *y)
{
    const Layout *s = y->src.l, *d = y->dst.l;
    for (int p = 0; p < s->np; p++) {
        int rgb = sv_is_rgb(s->fourcc), b = rgb ? 4 : sv_is_10bit(s->fourcc) ? 2 : 1;
        int sub = p ? 2 : 1, il = p && s->np == 2 ? 2 : 1;
        int w = (y->dr.width + sub - 1) / sub * il * b, h = (y->dr.height + sub - 1) / sub;
        for (int j = 0; j < h; j++)
            memcpy(y->dst.p + d->off[p] + (size_t)(y->dr.y / sub + j) * d->pitch[p] + y->dr.x / sub * il * b,
                   y->src.p + s->off[p] + (size_t)(y->sr.y / sub + j) * s->pitch[p] + y->sr.x / sub * il * b, w);
    }
}

static void yuv_to_yuv(const Layer *y)
{
    for (int c = 0; c < 3; c++) {
        Comp s = comp(&y->src, c), d = comp(&y->dst, c);
        int k = c ? 2 : 1;
        int x0 = y->dr.x / k, y0 = y->dr.y / k;
        int w = (y->dr.width + k - 1) / k, h = (y->dr.height + k - 1) / k;
        float *v = load(&s, y->sr.x / (double)k, y->sr.y / (double)k,
                        y->sr.width / (double)k, y->sr.height / (double)k, w, h);
        for (int j = 0; j < h && y0 + j < d.h; j++)
            for (int i = 0; i < w && x0 + i < d.w; i++) {
                float q = v[(size_t)j * w + i];
                if (y->alpha >= 0)
                    q = q * y->alpha + get(&d, x0 + i, y0 + j) * (1 - y->alpha);
                put(&d, x0 + i, y0 + j, q);
            }
        free(v);
    }
}

/* The general way: make R,G,B,A of the target size, then lay them down. */
static void via_rgb(const Layer *y)
{
    int w = y->dr.width, h = y->dr.height, rgb = sv_is_rgb(y->src.l->fourcc);
    size_t n = (size_t)w * h;
    float *p[4] = { 0 };
    for (int c = 0; c < 4; c++) {
        Comp s = comp(&y->src, c == 3 && !rgb ? 0 : c);
        double k = !rgb && (c == 1 || c == 2) ? 2 : 1;
        if (!s.p || (c == 3 && !rgb)) {
            p[c] = sv_malloc(n * sizeof(float));
            for (size_t i = 0; i < n; i++)
                p[c][i] = 255;
        } else {
            p[c] = load(&s, y->sr.x / k, y->sr.y / k, y->sr.width / k, y->sr.height / k, w, h);
        }
    }
    for (size_t i = 0; i < n; i++) {
        float px[3] = { p[0][i], p[1][i], p[2][i] }, a = p[3][i] / 255, m;
        if (!rgb)
            to_rgb(&y->cs, px[0], px[1], px[2], px);
        if (y->peak > 0)
            tone(px, y->peak);
        if (y->alpha < 0) {
            a = 1;
            m = 1;
        } else {
            m = y->premult && rgb ? y->alpha : a * y->alpha;   /* factor on the colour */
            a *= y->alpha;
        }
        for (int c = 0; c < 3; c++)
            p[c][i] = px[c] * m;
        p[3][i] = a;
    }
    if (sv_is_rgb(y->dst.l->fourcc)) {
        Comp d[4];
        for (int c = 0; c < 4; c++)
            d[c] = comp(&y->dst, c);
        for (int j = 0; j < h; j++)
            for (int i = 0; i < w; i++) {
                size_t o = (size_t)j * w + i;
                int x = y->dr.x + i, yy = y->dr.y + j;
                float ia = 1 - p[3][o];
                for (int c = 0; c < 3; c++)
                    put(&d[c], x, yy, p[c][o] + (ia > 0 ? ia * get(&d[c], x, yy) : 0));
                if (d[3].p)
                    put(&d[3], x, yy, y->alpha < 0 && rgb ? 255 * p[3][o] : 255 * p[3][o] + ia * get(&d[3], x, yy));
            }
    } else {
        Comp dy = comp(&y->dst, 0), du = comp(&y->dst, 1), dv = comp(&y->dst, 2);
        float yo = y->cd.full ? 0 : 16;
        for (size_t i = 0; i < n; i++)
            to_yuv(&y->cd, p[0][i], p[1][i], p[2][i], &p[0][i], &p[1][i], &p[2][i]);
        for (int j = 0; j < h; j++)
            for (int i = 0; i < w; i++) {
                size_t o = (size_t)j * w + i;
                int x = y->dr.x + i, yy = y->dr.y + j;
                if (p[3][o] > 0)
                    put(&dy, x, yy, p[0][o] + yo * p[3][o] + (1 - p[3][o]) * get(&dy, x, yy));
            }
        for (int cy = y->dr.y / 2; cy * 2 < y->dr.y + h && cy < du.h; cy++)
            for (int cx = y->dr.x / 2; cx * 2 < y->dr.x + w && cx < du.w; cx++) {
                float u = 0, v = 0, a = 0;
                int got = 0;
                for (int k = 0; k < 4; k++) {
                    int x = cx * 2 + (k & 1) - y->dr.x, yy = cy * 2 + (k >> 1) - y->dr.y;
                    size_t o = (size_t)yy * w + x;
                    if (x < 0 || yy < 0 || x >= w || yy >= h)
                        continue;
                    u += p[1][o]; v += p[2][o]; a += p[3][o];
                    got++;
                }
                /* samples outside the rectangle, but inside the picture, count as transparent */
                int den = 4;
                if (y->alpha < 0 || got == 0) den = got ? got : 1;
                u /= den; v /= den; a /= den;
                if (a > 0) {
                    put(&du, cx, cy, u + 128 * a + (1 - a) * get(&du, cx, cy));
                    put(&dv, cx, cy, v + 128 * a + (1 - a) * get(&dv, cx, cy));
                }
            }
    }
    for (int c = 0; c < 4; c++)
        free(p[c]);
}

static void layer(Layer *y)
{
    int rgb = sv_is_rgb(y->src.l->fourcc) || sv_is_rgb(y->dst.l->fourcc);
    if (!y->dr.width || !y->dr.height || !y->sr.width || !y->sr.height)
        return;
    if (same_pixels(y))
        copy_rows(y);
    else if (!rgb && y->peak <= 0)
        yuv_to_yuv(y);
    else
        via_rgb(y);
}

static VARectangle clip(const VARectangle *r, const Layout *l)
{
    VARectangle o = { 0, 0, l->w, l->h };
    if (r) {
        o = *r;
        if (o.x < 0) { o.width += o.x; o.x = 0; }
        if (o.y < 0) { o.height += o.y; o.y = 0; }
        if (o.x + o.width > l->w)  o.width = o.x < l->w ? l->w - o.x : 0;
        if (o.y + o.height > l->h) o.height = o.y < l->h ? l->h - o.y : 0;
    }
    return o;
}

void sv_convert(const View *s, const View *d, const VARectangle *sr, const VARectangle *dr)
{
    Layer y = { *s, *d, clip(sr, s->l), clip(dr, d->l) };
    /* a copy between images of other sizes is cut, not scaled, when the caller asked for equal sizes */
    if (sr->width == dr->width && y.sr.width != y.dr.width)
        y.sr.width = y.dr.width = y.sr.width < y.dr.width ? y.sr.width : y.dr.width;
    if (sr->height == dr->height && y.sr.height != y.dr.height)
        y.sr.height = y.dr.height = y.sr.height < y.dr.height ? y.sr.height : y.dr.height;
    y.alpha = -1;
    y.cs = colour(VAProcColorStandardNone, NULL, s->l->h);
    y.cd = colour(VAProcColorStandardNone, NULL, d->l->h);
    layer(&y);
}

static void background(const View *d, uint32_t argb, const Colour *c)
{
    float r = argb >> 16 & 255, g = argb >> 8 & 255, b = argb & 255, v[4] = { r, g, b, argb >> 24 };
    int rgb = sv_is_rgb(d->l->fourcc);
    if (!rgb) {
        to_yuv(c, r, g, b, &v[0], &v[1], &v[2]);
        v[0] += c->full ? 0 : 16;
        v[1] += 128;
        v[2] += 128;
    }
    for (int k = 0; k < (rgb ? 4 : 3); k++) {
        Comp o = comp(d, k);
        for (int j = 0; o.p && j < o.h; j++)
            for (int i = 0; i < o.w; i++)
                put(&o, i, j, v[k]);
    }
}

/* Bob: keep one field, make the other lines by averaging their neighbours. */
static uint8_t *bob(const Surface *s, int bottom)
{
    uint8_t *m = sv_malloc(s->l.size);
    memcpy(m, s->mem->ptr, s->l.size);
    View v = { &s->l, m };
    for (int c = 0; c < 3; c++) {
        Comp o = comp(&v, c);
        for (int j = !bottom; j < o.h; j += 2) {
            int a = j > 0 ? j - 1 : j + 1, b = j + 1 < o.h ? j + 1 : j - 1;
            for (int i = 0; i < o.w; i++)
                put(&o, i, j, (get(&o, i, a) + get(&o, i, b)) / 2);
        }
    }
    return m;
}

VAStatus sv_vpp_picture(Driver *d, Ctx *c, Surface *dst)
{
    View dv = { &dst->l, dst->mem->ptr };
    int nth = 0;
    for (int q = 0; q < c->nq; q++) {
        VAProcPipelineParameterBuffer *p = (void *)c->q[q]->data;
        Surface *s;
        uint8_t *tmp = NULL;
        Layer y;
        if (c->q[q]->type != VAProcPipelineParameterBufferType)
            continue;
        if (!(s = sv_surface(d, p->surface)))
            return VA_STATUS_ERROR_INVALID_SURFACE;
        sv_ready(s);
        memset(&y, 0, sizeof(y));
        y.src = (View){ &s->l, s->mem->ptr };
        y.dst = dv;
        y.sr = clip(p->surface_region, &s->l);
        y.dr = clip(p->output_region, &dst->l);
        y.cs = colour(p->surface_color_standard, &p->input_color_properties, s->l.h);
        y.cd = colour(p->output_color_standard, &p->output_color_properties, dst->l.h);
        y.alpha = -1;
        if (p->blend_state) {
            if (sv_disabled("blend"))
                return VA_STATUS_ERROR_UNSUPPORTED_FILTER;
            y.alpha = p->blend_state->flags & VA_BLEND_GLOBAL_ALPHA ? p->blend_state->global_alpha : 1;
            y.premult = !!(p->blend_state->flags & VA_BLEND_PREMULTIPLIED_ALPHA);
            sv_count(y.premult ? "vpp-blend-premultiplied" : "vpp-blend-straight");
        }
        for (uint32_t i = 0; i < p->num_filters; i++) {
            Buf *b = sv_buffer(d, p->filters[i]);
            VAProcFilterParameterBufferBase *f = b ? (void *)b->data : NULL;
            if (!f)
                return VA_STATUS_ERROR_INVALID_BUFFER;
            if (f->type == VAProcFilterHighDynamicRangeToneMapping) {
                VAProcFilterParameterBufferHDRToneMapping *t = (void *)f;
                VAHdrMetaDataHDR10 *m = t->data.metadata;
                float nits = 1000;
                if (m && m->max_display_mastering_luminance)
                    nits = m->max_display_mastering_luminance / 10000.0f;
                if (m && m->max_content_light_level)
                    nits = m->max_content_light_level;
                pthread_once(&lut_once, lut_init);
                y.peak = nits / 203;
                if (p->surface_color_standard != VAProcColorStandardExplicit)
                    y.cs = colour(VAProcColorStandardBT2020, NULL, 0);
                sv_count("vpp-tonemap");
            } else if (f->type == VAProcFilterDeinterlacing) {
                VAProcFilterParameterBufferDeinterlacing *t = (void *)f;
                free(tmp);
                y.src.p = tmp = bob(s, !!(t->flags & VA_DEINTERLACING_BOTTOM_FIELD));
                sv_count("vpp-deinterlace");
            } else {
                free(tmp);
                return VA_STATUS_ERROR_UNSUPPORTED_FILTER;
            }
        }
        if (nth == 0 && (y.dr.x || y.dr.y || y.dr.width < dst->l.w || y.dr.height < dst->l.h))
            background(&dv, p->output_background_color, &y.cd);
        layer(&y);
        sv_count(nth++ ? "vpp-layer-above" : "vpp-layer-base");
        free(tmp);
    }
    return VA_STATUS_SUCCESS;
}
