/* softva - AV1 decode entry point, done by libdav1d.
 *
 * The sequence header, the frame header and the tile group are written again
 * from the VA-API parameters. What the parameters do not say (which reference
 * slots the new frame goes to, and what was stored with older frames) is
 * tracked here by surface. Which slot may be overwritten shows in the next
 * frame's reference map; only when all eight slots are in use the decoder has
 * to wait for that map before it can go on. Film grain is not applied. */
#include <errno.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "av1.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t flushed = PTHREAD_COND_INITIALIZER;

static void obu(Bytes *o, int type, const uint8_t *p, size_t n)
{
    uint8_t h[8] = { type << 3 | 2 };
    int k = 1;
    for (size_t v = n;; v >>= 7) {
        h[k++] = (v & 127) | (v > 127 ? 128 : 0);
        if (v <= 127)
            break;
    }
    add(o, h, k);
    add(o, p, n);
}

static void picture_out(const Dav1dPicture *f, Surface *s)
{
    int deep = sv_is_10bit(s->l.fourcc), by = f->p.bpc > 8 ? 2 : 1;
    int w = min(f->p.w, s->l.w), h = min(f->p.h, s->l.h);
    for (int p = 0; p < 2; p++) {
        int pw = p ? (w + 1) / 2 : w, ph = p ? (h + 1) / 2 : h;
        for (int y = 0; y < ph; y++) {
            uint8_t *o = s->mem->ptr + s->l.off[p] + (size_t)y * s->l.pitch[p];
            const uint8_t *a = f->data[p] ? (uint8_t *)f->data[p] + y * f->stride[p] : NULL;
            const uint8_t *b = p && f->data[2] ? (uint8_t *)f->data[2] + y * f->stride[1] : NULL;
            for (int x = 0; x < pw; x++) {
                int u = 1 << (f->p.bpc - 1), v = u, sh = f->p.bpc > 8 ? 16 - f->p.bpc : 8;
                if (a) u = by == 2 ? ((const uint16_t *)a)[x] : a[x];
                if (b) v = by == 2 ? ((const uint16_t *)b)[x] : b[x];
                if (deep) {
                    ((uint16_t *)o)[p ? 2 * x : x] = u << sh;
                    if (p) ((uint16_t *)o)[2 * x + 1] = v << sh;
                } else {
                    o[p ? 2 * x : x] = u << sh >> 8;
                    if (p) o[2 * x + 1] = v << sh >> 8;
                }
            }
        }
    }
}

/* a slot whose content is not in the map, or is there twice; -1 if none */
static int free_slot(const Av1 *a, const VASurfaceID *map)
{
    for (int k = 0; k < 8; k++) {
        int need = 0;
        if (!a->slot[k].ok)
            return k;
        for (int i = 0; i < 8; i++)
            need |= a->slot[k].s == map[i];
        for (int i = 0; i < 8; i++)
            if (i != k && a->slot[i].ok && a->slot[i].s == a->slot[k].s)
                need = 0;
        if (!need)
            return k;
    }
    return -1;
}

/* decode the waiting frame; next: the reference map of its successor, if known */
static void run_job(Av1 *a, const VASurfaceID *next)
{
    Job *j = &a->job;
    const VADecPictureParameterBufferAV1 *p = &j->p;
    int refresh = 0, slot, n = p->tile_cols * p->tile_rows;
    Bytes au = { 0 }, body = { 0 };
    Wr w = { 0 };
    Dav1dData data = { 0 };
    Dav1dPicture pic;

    if (!j->live)
        return;
    for (int k = 0; k < 8; k++)
        if (a->slot[k].s == p->current_frame)
            a->slot[k].ok = 0;
    if ((slot = free_slot(a, next ? next : p->ref_frame_map)) >= 0)
        refresh = 1 << slot;
    if (!a->max_w) {
        a->max_w = p->frame_width_minus1 + 1;
        a->max_h = p->frame_height_minus1 + 1;
    }
    obu(&au, 2, NULL, 0);
    av1_sequence(a, &w, p);
    if (a->seq.n != w.pos / 8 || memcmp(a->seq.p, w.p, a->seq.n)) {
        a->seq.n = 0;
        add(&a->seq, w.p, w.pos / 8);
        obu(&au, 1, w.p, w.pos / 8);
    }
    free(w.p);
    memset(&w, 0, sizeof(w));
    av1_frame_header(a, &w, p, refresh);
    if (n > 1)
        wr(&w, 8, 0);
    add(&body, w.p, w.pos / 8);
    free(w.p);
    for (int i = 0; i < n; i++) {
        if (i < n - 1) {
            uint32_t z = j->tile[i].n - 1;
            uint8_t le[4] = { z, z >> 8, z >> 16, z >> 24 };
            add(&body, le, 4);
        }
        add(&body, j->tile[i].p, j->tile[i].n);
        free(j->tile[i].p);
    }
    free(j->tile);
    obu(&au, 6, body.p, body.n);
    free(body.p);
    memcpy(sv_there(dav1d_data_create(&data, au.n)), au.p, au.n);
    free(au.p);
    if (dav1d_send_data(a->c, &data) < 0)
        sv_count("dec-error");
    dav1d_data_unref(&data);
    memset(&pic, 0, sizeof(pic));
    if (dav1d_get_picture(a->c, &pic) == 0) {
        picture_out(&pic, j->dst);
        if (j->show && j->show != j->dst)
            picture_out(&pic, j->show);
        dav1d_picture_unref(&pic);
    } else {
        sv_count("dec-error");
    }
    sv_count("dec-av1");
    j->dst->wait = NULL;
    if (j->show)
        j->show->wait = NULL;
    j->live = 0;
    pthread_cond_broadcast(&flushed);
}

/* somebody wants to read this surface */
void sv_av1_wait(Surface *s)
{
    struct timespec t;
    pthread_mutex_lock(&lock);
    clock_gettime(CLOCK_REALTIME, &t);
    t.tv_nsec += 300 * 1000 * 1000;
    if (t.tv_nsec >= 1000000000) {
        t.tv_nsec -= 1000000000;
        t.tv_sec++;
    }
    while (s->wait)
        if (pthread_cond_timedwait(&flushed, &lock, &t) == ETIMEDOUT) {
            if (s->wait)
                run_job(s->wait, NULL);
            break;
        }
    pthread_mutex_unlock(&lock);
}

static void av1_close(Ctx *c)
{
    Av1 *a = c->priv;
    pthread_mutex_lock(&lock);
    run_job(a, NULL);
    pthread_mutex_unlock(&lock);
    dav1d_close(&a->c);
    free(a->seq.p);
    free(a);
}

VAStatus sv_av1_picture(Driver *d, Ctx *c, Surface *dst)
{
    Av1 *a = c->priv;
    const VADecPictureParameterBufferAV1 *p = NULL;
    VASliceParameterBufferAV1 *sp = NULL;
    int n = 0;

    if (!a) {
        Dav1dSettings s;
        a = c->priv = sv_calloc(1, sizeof(*a));
        c->close = av1_close;
        dav1d_default_settings(&s);
        s.n_threads = 1;
        s.max_frame_delay = 1;
        s.apply_grain = 0;
        s.output_invisible_frames = 1;
        if (!getenv("SOFTVA_DEBUG"))
            s.logger.callback = NULL;
        if (dav1d_open(&a->c, &s) < 0)
            return VA_STATUS_ERROR_OPERATION_FAILED;
    }
    for (int i = 0; i < c->nq; i++)
        if (c->q[i]->type == VAPictureParameterBufferType)
            p = (const void *)c->q[i]->data;
    if (!p)
        return VA_STATUS_ERROR_INVALID_BUFFER;
    pthread_mutex_lock(&lock);
    run_job(a, p->ref_frame_map);
    a->job.p = *p;
    a->job.dst = dst;
    a->job.show = sv_surface(d, p->current_display_picture);
    a->job.tile = sv_calloc(p->tile_cols * p->tile_rows, sizeof(Bytes));
    a->job.live = 1;
    for (int i = 0; i < c->nq; i++) {
        Buf *b = c->q[i];
        if (b->type == VASliceParameterBufferType) {
            sp = (void *)b->data;
            n = b->n;
        } else if (b->type == VASliceDataBufferType && sp) {
            for (int k = 0; k < n; k++) {
                int t = sp[k].tile_row * p->tile_cols + sp[k].tile_column;
                if (t < p->tile_cols * p->tile_rows && !a->job.tile[t].n)
                    add(&a->job.tile[t], b->data + sp[k].slice_data_offset, sp[k].slice_data_size);
            }
            sp = NULL;
        }
    }
    if (free_slot(a, p->ref_frame_map) >= 0 || (p->pic_info_fields.bits.frame_type == 0 && p->pic_info_fields.bits.show_frame)) {
        run_job(a, NULL);
    } else {
        sv_count("dec-av1-deferred");
        dst->wait = a;
        if (a->job.show)
            a->job.show->wait = a;
    }
    pthread_mutex_unlock(&lock);
    return VA_STATUS_SUCCESS;
}
