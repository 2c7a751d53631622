/* softva - H.264 and HEVC encode entry points, done by libx264 and libx265.
 *
 * The application writes its own parameter sets (packed headers) and expects
 * slices that fit them. So x264/x265 are set up with the same coding tools,
 * one picture in, one picture out, and each slice header is parsed with their
 * parameter sets and written again with the application's; the slice data is
 * copied. One past reference, no B pictures, one slice per picture. */
#include <stdlib.h>
#include <string.h>
#include "enc.h"

/* ---- rate control and friends ------------------------------------------------ */
static void misc(Enc *e, const Buf *b)
{
    const VAEncMiscParameterBuffer *m = (const void *)b->data;
    switch (m->type) {
    case VAEncMiscParameterTypeRateControl: {
        const VAEncMiscParameterRateControl *r = (const void *)m->data;
        e->maxbps = r->bits_per_second;
        e->bps = (int64_t)r->bits_per_second * (r->target_percentage ? r->target_percentage : 100) / 100;
        e->quality = r->ICQ_quality_factor ? r->ICQ_quality_factor : r->quality_factor;
        e->min_qp = r->min_qp;
        break; }
    case VAEncMiscParameterTypeHRD:
        e->hrd = ((const VAEncMiscParameterHRD *)m->data)->buffer_size;
        break;
    case VAEncMiscParameterTypeFrameRate: {
        uint32_t f = ((const VAEncMiscParameterFrameRate *)m->data)->framerate;
        e->fps_n = f & 0xffff;
        e->fps_d = f >> 16 ? f >> 16 : 1;
        break; }
    default:
        break;
    }
}

/* surface pixels into e->plane, edge samples repeated up to the coded size */
void enc_grab(Enc *e, const Surface *s, int interleaved)
{
    int deep = sv_is_10bit(s->l.fourcc), by = deep ? 2 : 1;
    int w = s->l.w < e->w ? s->l.w : e->w, h = s->l.h < e->h ? s->l.h : e->h;
    const uint8_t *m = s->mem->ptr;
    if (!e->plane[0])
        for (int i = 0; i < 3; i++)
            e->plane[i] = sv_malloc((size_t)e->w * e->h * 2);
    for (int y = 0; y < e->h; y++) {
        const uint8_t *r = m + (size_t)(y < h ? y : h - 1) * s->l.pitch[0];
        if (!deep) {
            uint8_t *o = e->plane[0] + (size_t)y * e->w;
            memcpy(o, r, w);
            memset(o + w, r[w - 1], e->w - w);
        } else {
            uint16_t *o = (uint16_t *)e->plane[0] + (size_t)y * e->w;
            for (int x = 0; x < e->w; x++)
                o[x] = ((const uint16_t *)r)[x < w ? x : w - 1] >> 6;
        }
    }
    for (int y = 0; y < e->h / 2; y++) {
        int ch = (h + 1) / 2, cw = (w + 1) / 2;
        const uint8_t *r = m + s->l.off[1] + (size_t)(y < ch ? y : ch - 1) * s->l.pitch[1];
        for (int x = 0; x < e->w / 2; x++) {
            int k = (x < cw ? x : cw - 1) * 2;
            size_t o = (size_t)y * (e->w / 2) + x;
            if (deep) {
                ((uint16_t *)e->plane[1])[o] = ((const uint16_t *)r)[k] >> 6;
                ((uint16_t *)e->plane[2])[o] = ((const uint16_t *)r)[k + 1] >> 6;
            } else if (interleaved) {
                e->plane[1][2 * o] = r[k];
                e->plane[1][2 * o + 1] = r[k + 1];
            } else {
                e->plane[1][o] = r[k];
                e->plane[2][o] = r[k + 1];
            }
        }
    }
    (void)by;
}

static void enc_close(Ctx *c)
{
    Enc *e = c->priv;
    if (e->x4)
        x264_encoder_close(e->x4);
    if (e->x5)
        e->api->encoder_close(e->x5);
    if (e->p5)
        e->api->param_free(e->p5);
    for (int i = 0; i < 3; i++)
        free(e->plane[i]);
    free(e);
}

VAStatus sv_enc_picture(Driver *d, Ctx *c, Surface *src)
{
    int hevc = c->cfg.profile == VAProfileHEVCMain || c->cfg.profile == VAProfileHEVCMain10;
    Enc *e = c->priv;
    Buf *pic = NULL, *slice = NULL, *coded;
    const VAEncPackedHeaderParameterBuffer *ph = NULL;
    Bytes out = { 0 };
    VAStatus r;

    if (!e) {
        e = c->priv = sv_calloc(1, sizeof(*e));
        e->rc = c->cfg.rc;
        c->close = enc_close;
    }
    for (int i = 0; i < c->nq; i++) {
        Buf *b = c->q[i];
        switch ((int)b->type) {
        case VAEncSequenceParameterBufferType:
            memcpy(&e->seq, b->data, b->size < sizeof(e->seq) ? b->size : sizeof(e->seq));
            e->have_seq = 1;
            break;
        case VAEncPictureParameterBufferType: pic = b; break;
        case VAEncSliceParameterBufferType:   slice = b; break;
        case VAEncMiscParameterBufferType:    misc(e, b); break;
        case VAEncPackedHeaderParameterBufferType: ph = (const void *)b->data; break;
        case VAEncPackedHeaderDataBufferType:
            if (!ph)
                break;
            if (ph->type == VAEncPackedHeaderSequence && hevc)
                enc_hevc_scan(&e->app, b->data, ph->bit_length / 8);
            if (ph->type != VAEncPackedHeaderSlice)     /* slice headers are made here */
                add(&out, b->data, (ph->bit_length + 7) / 8);
            ph = NULL;
            break;
        default:
            break;
        }
    }
    if (!pic || !slice || !e->have_seq)
        return VA_STATUS_ERROR_INVALID_PARAMETER;
    coded = sv_buffer(d, hevc ? ((VAEncPictureParameterBufferHEVC *)pic->data)->coded_buf
                              : ((VAEncPictureParameterBufferH264 *)pic->data)->coded_buf);
    if (!coded || coded->type != VAEncCodedBufferType)
        return VA_STATUS_ERROR_INVALID_BUFFER;
    r = hevc ? enc_hevc_picture(e, src, pic, slice, &out) : enc_h264_picture(e, src, pic, slice, &out);
    free(coded->seg.buf);
    memset(&coded->seg, 0, sizeof(coded->seg));
    coded->seg.buf = out.p;
    coded->seg.size = out.n;
    return r;
}
