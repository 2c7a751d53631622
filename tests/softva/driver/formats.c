/* softva - how the pixels of each format lie in memory */
#include <string.h>
#include "internal.h"

#define ALIGN(x, a) (((x) + (a) - 1) & ~((a) - 1))

const uint32_t formats[] = {
    VA_FOURCC_NV12, VA_FOURCC_P010, VA_FOURCC_I420, VA_FOURCC_YV12,
    VA_FOURCC_BGRA, VA_FOURCC_RGBA, VA_FOURCC_ARGB, VA_FOURCC_ABGR,
    VA_FOURCC_BGRX, VA_FOURCC_RGBX,
};
const int nformats = sizeof(formats) / sizeof(*formats);

int sv_is_10bit(uint32_t f) { return f == VA_FOURCC_P010; }

void sv_rgb_order(uint32_t f, int o[4])
{
    static const struct { uint32_t f; int o[4]; } t[] = {
        { VA_FOURCC_BGRA, { 2, 1, 0, 3 } },  { VA_FOURCC_RGBA, { 0, 1, 2, 3 } },
        { VA_FOURCC_ARGB, { 1, 2, 3, 0 } },  { VA_FOURCC_ABGR, { 3, 2, 1, 0 } },
        { VA_FOURCC_BGRX, { 2, 1, 0, -1 } }, { VA_FOURCC_RGBX, { 0, 1, 2, -1 } },
    };
    for (unsigned i = 0; i < sizeof(t) / sizeof(*t); i++)
        if (t[i].f == f)
            memcpy(o, t[i].o, sizeof(t[i].o));
}
int sv_is_rgb(uint32_t f)
{
    return f == VA_FOURCC_BGRA || f == VA_FOURCC_RGBA || f == VA_FOURCC_ARGB ||
           f == VA_FOURCC_ABGR || f == VA_FOURCC_BGRX || f == VA_FOURCC_RGBX;
}

int sv_layout(Layout *l, uint32_t fourcc, int w, int h)
{
    int aw = ALIGN(w, 64), ah = ALIGN(h, 32);
    memset(l, 0, sizeof(*l));
    l->fourcc = fourcc;
    l->w = w;
    l->h = h;
    switch (fourcc) {
    case VA_FOURCC_NV12:
    case VA_FOURCC_P010: {
        int b = fourcc == VA_FOURCC_P010 ? 2 : 1;
        l->np = 2;
        l->pitch[0] = l->pitch[1] = aw * b;
        l->off[1] = aw * b * ah;
        l->size = (size_t)aw * b * ah * 3 / 2;
        return 0; }
    case VA_FOURCC_I420:
    case VA_FOURCC_YV12:
        l->np = 3;
        l->pitch[0] = aw;
        l->pitch[1] = l->pitch[2] = aw / 2;
        l->off[1] = aw * ah;
        l->off[2] = aw * ah * 5 / 4;
        l->size = (size_t)aw * ah * 3 / 2;
        return 0;
    }
    if (!sv_is_rgb(fourcc))
        return -1;
    l->np = 1;
    l->pitch[0] = aw * 4;
    l->size = (size_t)aw * 4 * ah;
    return 0;
}

void fill_format(VAImageFormat *f, uint32_t fourcc)
{
    memset(f, 0, sizeof(*f));
    f->fourcc = fourcc;
    f->byte_order = VA_LSB_FIRST;
    f->bits_per_pixel = fourcc == VA_FOURCC_P010 ? 24 : 12;
    if (sv_is_rgb(fourcc)) {
        int o[4];
        sv_rgb_order(fourcc, o);
        f->bits_per_pixel = 32;
        f->depth = o[3] < 0 ? 24 : 32;
        f->red_mask   = 0xffu << o[0] * 8;
        f->green_mask = 0xffu << o[1] * 8;
        f->blue_mask  = 0xffu << o[2] * 8;
        f->alpha_mask = o[3] < 0 ? 0 : 0xffu << o[3] * 8;
    }
}
