/* softva - H.264, HEVC and VP9 decode entry points, done by libavcodec's software
 * decoders.
 *
 * VA-API hands over parsed parameters and the raw slice NAL units. The
 * parameter sets are written again from the parameters, the slices go behind
 * them, and the access unit is given to a software decoder. That decoder
 * outputs pictures later and in another order than VA-API wants them, so its
 * output is thrown away: the buffer it asked for (get_buffer2) is watched
 * instead, and is complete as soon as the access unit has been consumed
 * (no frame threads). */
#include <stdlib.h>
#include <string.h>
#include "dec.h"

static int watch_buffer(AVCodecContext *av, AVFrame *f, int flags)
{
    Dec *d = av->opaque;
    int r = avcodec_default_get_buffer2(av, f, flags);
    if (r < 0)
        return r;
    /* HEVC asks for the picture first and for stand-ins of lost references
     * after it; H.264 the other way round. */
    if (!d->hevc || !d->asked++) {
        av_frame_unref(d->cur);
        r = av_frame_ref(d->cur, f);
    }
    return r;
}

static void dec_close(Ctx *c)
{
    Dec *d = c->priv;
    avcodec_free_context(&d->av);
    av_packet_free(&d->pkt);
    av_frame_free(&d->out);
    av_frame_free(&d->cur);
    free(d->sps.p);
    for (int i = 0; i < 64; i++)
        free(d->pps[i].p);
    free(d);
}

static Dec *dec_open(Ctx *c, enum AVCodecID id)
{
    const AVCodec *k = avcodec_find_decoder(id);
    Dec *d = sv_calloc(1, sizeof(*d));
    c->priv = d;
    c->close = dec_close;
    d->hevc = id == AV_CODEC_ID_HEVC;
    d->pkt = sv_there(av_packet_alloc());
    d->out = sv_there(av_frame_alloc());
    d->cur = sv_there(av_frame_alloc());
    d->av = avcodec_alloc_context3(k);
    if (!k || !d->av)
        return NULL;
    d->av->opaque = d;
    d->av->get_buffer2 = watch_buffer;
    d->av->thread_count = 1;
    d->av->flags |= AV_CODEC_FLAG_OUTPUT_CORRUPT;
    d->av->log_level_offset = getenv("SOFTVA_DEBUG") ? 0 : 200;
    return avcodec_open2(d->av, k, NULL) < 0 ? NULL : d;
}

/* planes of the decoded frame into the NV12 or P010 surface */
static void give(const AVFrame *f, Surface *s)
{
    int deep = sv_is_10bit(s->l.fourcc), src10 = f->format == AV_PIX_FMT_YUV420P10;
    int w = f->width < s->l.w ? f->width : s->l.w, h = f->height < s->l.h ? f->height : s->l.h;
    if (f->format != AV_PIX_FMT_YUV420P && f->format != AV_PIX_FMT_YUVJ420P && !src10)
        return;
    for (int p = 0; p < 2; p++) {
        int ph = p ? (h + 1) / 2 : h, pw = p ? (w + 1) / 2 : w;
        for (int y = 0; y < ph; y++) {
            uint8_t *o = s->mem->ptr + s->l.off[p] + (size_t)y * s->l.pitch[p];
            const uint8_t *a = f->data[p] + (ptrdiff_t)y * f->linesize[p];
            const uint8_t *b = p ? f->data[2] + (ptrdiff_t)y * f->linesize[2] : NULL;
            if (!deep && !src10) {
                if (!p)
                    memcpy(o, a, pw);
                else
                    for (int x = 0; x < pw; x++) {
                        o[2 * x] = a[x];
                        o[2 * x + 1] = b[x];
                    }
            } else if (deep) {
                uint16_t *q = (uint16_t *)o;
                for (int x = 0; x < pw; x++) {
                    int u = src10 ? ((const uint16_t *)a)[x] << 6 : a[x] << 8;
                    if (!p) {
                        q[x] = u;
                    } else {
                        q[2 * x] = u;
                        q[2 * x + 1] = src10 ? ((const uint16_t *)b)[x] << 6 : b[x] << 8;
                    }
                }
            }
        }
    }
}

VAStatus dec_consume(Dec *d, Bytes *au, Surface *dst, const char *what)
{
    int r;
    d->asked = 0;
    av_packet_unref(d->pkt);
    d->pkt->data = au->p;
    d->pkt->size = au->n;
    r = avcodec_send_packet(d->av, d->pkt);
    d->pkt->data = NULL;
    d->pkt->size = 0;
    while (avcodec_receive_frame(d->av, d->out) >= 0)
        av_frame_unref(d->out);
    if (r < 0)
        sv_count("dec-error");
    sv_count(what);
    if (d->cur->data[0])
        give(d->cur, dst);
    return VA_STATUS_SUCCESS;
}

/* keep a parameter set; true when it differs from the one sent before */
int dec_changed(Bytes *old, const Wr *w)
{
    if (old->n == w->pos / 8 && !memcmp(old->p, w->p, old->n))
        return 0;
    old->n = 0;
    add(old, w->p, w->pos / 8);
    return 1;
}

/* VP9 frames come whole, nothing has to be rebuilt */
static VAStatus vp9_decode(Dec *d, Ctx *c, Surface *dst)
{
    for (int i = 0; i < c->nq; i++)
        if (c->q[i]->type == VASliceDataBufferType) {
            Bytes au = { 0 };
            VAStatus st;
            add(&au, c->q[i]->data, (size_t)c->q[i]->size * c->q[i]->n);
            st = dec_consume(d, &au, dst, "dec-vp9");
            free(au.p);
            return st;
        }
    return VA_STATUS_ERROR_INVALID_BUFFER;
}

VAStatus sv_dec_picture(Driver *drv, Ctx *c, Surface *dst)
{
    int hevc = c->cfg.profile == VAProfileHEVCMain || c->cfg.profile == VAProfileHEVCMain10;
    int vp9 = c->cfg.profile == VAProfileVP9Profile0 || c->cfg.profile == VAProfileVP9Profile2;
    Dec *d = c->priv;
    const void *pic = NULL;

    if (!d && !(d = dec_open(c, hevc ? AV_CODEC_ID_HEVC : vp9 ? AV_CODEC_ID_VP9 : AV_CODEC_ID_H264)))
        return VA_STATUS_ERROR_OPERATION_FAILED;
    for (int i = 0; i < c->nq; i++) {
        Buf *b = c->q[i];
        if (b->type == VAPictureParameterBufferType)
            pic = b->data;
        if (b->type == VAIQMatrixBufferType) {
            void *o = hevc ? (void *)&d->iq5 : (void *)&d->iq4;
            size_t max = hevc ? sizeof(d->iq5) : sizeof(d->iq4);
            memcpy(o, b->data, b->size < max ? b->size : max);
            d->have_iq = 1;
        }
    }
    if (!pic)
        return VA_STATUS_ERROR_INVALID_BUFFER;
    return hevc ? dec_hevc_picture(d, c, pic, dst) : vp9 ? vp9_decode(d, c, dst) : dec_h264_picture(d, c, pic, dst);
}
