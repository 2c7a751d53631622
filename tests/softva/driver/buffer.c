/* softva - buffers and images */
#include <stdlib.h>
#include <string.h>
#include "internal.h"

/* ---- buffers ------------------------------------------------------------- */
VAStatus CreateBuffer(VADriverContextP x, VAContextID c, VABufferType t, unsigned size,
                             unsigned n, void *data, VABufferID *id)
{
    Buf *b = sv_calloc(1, sizeof(*b));
    b->ref = 1;
    b->type = t;
    b->size = size;
    b->n = n;
    if (t != VAEncCodedBufferType) {
        b->data = sv_calloc(1, (size_t)size * n + 64);
        if (data)
            memcpy(b->data, data, (size_t)size * n);
    }
    *id = obj_add(drv(x), T_BUFFER, b);
    return VA_STATUS_SUCCESS;
}

VAStatus BufferSetNumElements(VADriverContextP x, VABufferID id, unsigned n)
{
    Buf *b = sv_buffer(drv(x), id);
    if (!b || n > b->n)
        return VA_STATUS_ERROR_INVALID_BUFFER;
    b->n = n;
    return VA_STATUS_SUCCESS;
}

VAStatus MapBuffer(VADriverContextP x, VABufferID id, void **p)
{
    Buf *b = sv_buffer(drv(x), id);
    if (!b)
        return VA_STATUS_ERROR_INVALID_BUFFER;
    *p = b->type == VAEncCodedBufferType ? (void *)&b->seg : b->data;
    return VA_STATUS_SUCCESS;
}
VAStatus UnmapBuffer(VADriverContextP x, VABufferID id)
{
    return sv_buffer(drv(x), id) ? VA_STATUS_SUCCESS : VA_STATUS_ERROR_INVALID_BUFFER;
}
VAStatus DestroyBuffer(VADriverContextP x, VABufferID id)
{
    Buf *b = obj_get(drv(x), T_BUFFER, id, 1);
    if (!b)
        return VA_STATUS_ERROR_INVALID_BUFFER;
    buf_unref(b);
    return VA_STATUS_SUCCESS;
}
VAStatus BufferInfo(VADriverContextP x, VABufferID id, VABufferType *t, unsigned *size, unsigned *n)
{
    Buf *b = sv_buffer(drv(x), id);
    if (!b)
        return VA_STATUS_ERROR_INVALID_BUFFER;
    *t = b->type;
    *size = b->size;
    *n = b->n;
    return VA_STATUS_SUCCESS;
}

/* ---- images -------------------------------------------------------------- */
static VAStatus image_new(Driver *d, const Layout *l, Mem *m, VAImage *out)
{
    Image *im = sv_calloc(1, sizeof(*im));
    Buf *b = sv_calloc(1, sizeof(*b));
    im->l = *l;
    b->ref = 1;
    b->type = VAImageBufferType;
    b->size = l->size;
    b->n = 1;
    b->mem = m;
    b->data = m->ptr;
    fill_format(&im->va.format, l->fourcc);
    im->va.width = l->w;
    im->va.height = l->h;
    im->va.data_size = l->size;
    im->va.num_planes = l->np;
    for (int i = 0; i < l->np; i++) {
        im->va.pitches[i] = l->pitch[i];
        im->va.offsets[i] = l->off[i];
    }
    im->va.buf = obj_add(d, T_BUFFER, b);
    im->va.image_id = obj_add(d, T_IMAGE, im);
    *out = im->va;
    return VA_STATUS_SUCCESS;
}

VAStatus CreateImage(VADriverContextP x, VAImageFormat *f, int w, int h, VAImage *out)
{
    Layout l;
    Mem *m;
    ENTER("CreateImage");
    if (sv_layout(&l, f->fourcc, w, h) < 0)
        return VA_STATUS_ERROR_INVALID_IMAGE_FORMAT;
    m = mem_new(l.size);
    return m ? image_new(drv(x), &l, m, out) : VA_STATUS_ERROR_ALLOCATION_FAILED;
}

VAStatus DeriveImage(VADriverContextP x, VASurfaceID id, VAImage *out)
{
    Surface *s = sv_surface(drv(x), id);
    ENTER("DeriveImage");
    if (!s)
        return VA_STATUS_ERROR_INVALID_SURFACE;
    if (sv_disabled("derive"))
        return VA_STATUS_ERROR_OPERATION_FAILED;
    sv_ready(s);
    __sync_add_and_fetch(&s->mem->ref, 1);
    return image_new(drv(x), &s->l, s->mem, out);
}

VAStatus DestroyImage(VADriverContextP x, VAImageID id)
{
    Image *im = obj_get(drv(x), T_IMAGE, id, 1);
    if (!im)
        return VA_STATUS_ERROR_INVALID_IMAGE;
    DestroyBuffer(x, im->va.buf);
    free(im);
    return VA_STATUS_SUCCESS;
}

static VAStatus copy_image(VADriverContextP x, VASurfaceID sid, VAImageID iid, int put,
                           const VARectangle *sr, const VARectangle *dr)
{
    Surface *s = sv_surface(drv(x), sid);
    Image *im = obj_get(drv(x), T_IMAGE, iid, 0);
    Buf *b = im ? sv_buffer(drv(x), im->va.buf) : NULL;
    View a, c;
    if (!s)
        return VA_STATUS_ERROR_INVALID_SURFACE;
    if (!b)
        return VA_STATUS_ERROR_INVALID_IMAGE;
    sv_ready(s);
    a = (View){ &im->l, b->data };
    c = (View){ &s->l, s->mem->ptr };
    if (put)
        sv_convert(&a, &c, sr, dr);
    else
        sv_convert(&c, &a, sr, dr);
    return VA_STATUS_SUCCESS;
}

VAStatus GetImage(VADriverContextP x, VASurfaceID s, int sx, int sy, unsigned w, unsigned h, VAImageID i)
{
    VARectangle sr = { sx, sy, w, h }, dr = { 0, 0, w, h };
    ENTER("GetImage");
    return copy_image(x, s, i, 0, &sr, &dr);
}

VAStatus PutImage(VADriverContextP x, VASurfaceID s, VAImageID i, int sx, int sy, unsigned sw,
                         unsigned sh, int dx, int dy, unsigned dw, unsigned dh)
{
    VARectangle sr = { sx, sy, sw, sh }, dr = { dx, dy, dw, dh };
    ENTER("PutImage");
    return copy_image(x, s, i, 1, &sr, &dr);
}

VAStatus QueryImageFormats(VADriverContextP x, VAImageFormat *f, int *n)
{
    for (int i = 0; i < nformats; i++)
        fill_format(&f[i], formats[i]);
    *n = nformats;
    return VA_STATUS_SUCCESS;
}
