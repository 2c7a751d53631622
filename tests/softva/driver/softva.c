/* softva - a VA-API driver that does everything on the CPU: contexts, pictures, and the table of entry points */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "internal.h"

/* ---- contexts and pictures ----------------------------------------------- */
static VAStatus CreateContext(VADriverContextP x, VAConfigID cfg, int w, int h, int flag,
                              VASurfaceID *t, int n, VAContextID *id)
{
    Config *g = obj_get(drv(x), T_CONFIG, cfg, 0);
    Ctx *c;
    ENTER("CreateContext");
    if (!g)
        return VA_STATUS_ERROR_INVALID_CONFIG;
    c = sv_calloc(1, sizeof(*c));
    c->cfg = *g;
    c->w = w;
    c->h = h;
    *id = obj_add(drv(x), T_CONTEXT, c);
    sv_note("context profile=%d entrypoint=%d rc=%#x size=%dx%d", g->profile, g->ep, g->rc, w, h);
    return VA_STATUS_SUCCESS;
}

static void drop_queue(Ctx *c)
{
    for (int i = 0; i < c->nq; i++)
        buf_unref(c->q[i]);
    c->nq = 0;
}

static VAStatus DestroyContext(VADriverContextP x, VAContextID id)
{
    Ctx *c = obj_get(drv(x), T_CONTEXT, id, 1);
    if (!c)
        return VA_STATUS_ERROR_INVALID_CONTEXT;
    if (c->close)
        c->close(c);
    drop_queue(c);
    free(c->q);
    free(c);
    return VA_STATUS_SUCCESS;
}

static VAStatus BeginPicture(VADriverContextP x, VAContextID id, VASurfaceID t)
{
    Ctx *c = obj_get(drv(x), T_CONTEXT, id, 0);
    ENTER("BeginPicture");
    if (!c)
        return VA_STATUS_ERROR_INVALID_CONTEXT;
    if (!sv_surface(drv(x), t))
        return VA_STATUS_ERROR_INVALID_SURFACE;
    drop_queue(c);
    c->target = t;
    return VA_STATUS_SUCCESS;
}

static VAStatus RenderPicture(VADriverContextP x, VAContextID id, VABufferID *ids, int n)
{
    Ctx *c = obj_get(drv(x), T_CONTEXT, id, 0);
    if (!c)
        return VA_STATUS_ERROR_INVALID_CONTEXT;
    for (int i = 0; i < n; i++) {
        Buf *b = sv_buffer(drv(x), ids[i]);
        if (!b)
            return VA_STATUS_ERROR_INVALID_BUFFER;
        if (c->nq == c->cap)
            c->q = sv_realloc(c->q, (c->cap = c->cap ? c->cap * 2 : 16) * sizeof(*c->q));
        __sync_add_and_fetch(&b->ref, 1);
        c->q[c->nq++] = b;
    }
    return VA_STATUS_SUCCESS;
}

static VAStatus EndPicture(VADriverContextP x, VAContextID id)
{
    Ctx *c = obj_get(drv(x), T_CONTEXT, id, 0);
    Surface *s = c ? sv_surface(drv(x), c->target) : NULL;
    const char *delay = getenv("SOFTVA_DELAY_MS");
    VAStatus r = VA_STATUS_ERROR_UNIMPLEMENTED;
    if (!c)
        return VA_STATUS_ERROR_INVALID_CONTEXT;
    if (!s)
        return VA_STATUS_ERROR_INVALID_SURFACE;
    ENTER("EndPicture");
    if (delay)
        usleep(atoi(delay) * 1000);
    switch (c->cfg.ep) {
    case VAEntrypointVideoProc:
        r = sv_vpp_picture(drv(x), c, s);
        break;
#ifdef SOFTVA_ENC
    case VAEntrypointEncSlice:
    case VAEntrypointEncSliceLP:
        sv_ready(s);
        r = sv_enc_picture(drv(x), c, s);
        break;
#endif
#ifdef SOFTVA_DEC
    case VAEntrypointVLD:
#ifdef SOFTVA_AV1
        if (c->cfg.profile == VAProfileAV1Profile0) {
            r = sv_av1_picture(drv(x), c, s);
            break;
        }
#endif
        r = sv_dec_picture(drv(x), c, s);
        break;
#endif
    default:
        break;
    }
    drop_queue(c);
    return r;
}

/* ---- video processing queries -------------------------------------------- */
static VAStatus QueryVideoProcFilters(VADriverContextP x, VAContextID c, VAProcFilterType *f, unsigned *n)
{
    unsigned k = 0;
    if (!sv_disabled("tonemap") && k < *n)
        f[k++] = VAProcFilterHighDynamicRangeToneMapping;
    if (!sv_disabled("deinterlace") && k < *n)
        f[k++] = VAProcFilterDeinterlacing;
    *n = k;
    return VA_STATUS_SUCCESS;
}

static VAStatus QueryVideoProcFilterCaps(VADriverContextP x, VAContextID c, VAProcFilterType t,
                                         void *out, unsigned *n)
{
    if (t == VAProcFilterHighDynamicRangeToneMapping && !sv_disabled("tonemap")) {
        VAProcFilterCapHighDynamicRange *p = out;
        memset(p, 0, sizeof(*p));
        p->metadata_type = VAProcHighDynamicRangeMetadataHDR10;
        p->caps_flag = VA_TONE_MAPPING_HDR_TO_SDR;
        *n = 1;
        return VA_STATUS_SUCCESS;
    }
    if (t == VAProcFilterDeinterlacing && !sv_disabled("deinterlace")) {
        VAProcFilterCapDeinterlacing *p = out;
        memset(p, 0, sizeof(*p));
        p->type = VAProcDeinterlacingBob;
        *n = 1;
        return VA_STATUS_SUCCESS;
    }
    *n = 0;
    return VA_STATUS_ERROR_UNSUPPORTED_FILTER;
}

static VAStatus QueryVideoProcPipelineCaps(VADriverContextP x, VAContextID c, VABufferID *f,
                                           unsigned nf, VAProcPipelineCaps *o)
{
    static VAProcColorStandardType std[] = {
        VAProcColorStandardBT601, VAProcColorStandardBT709, VAProcColorStandardBT2020,
        VAProcColorStandardExplicit,
    };
    memset(o, 0, sizeof(*o));
    o->input_color_standards = o->output_color_standards = std;
    o->num_input_color_standards = o->num_output_color_standards = 4;
    o->rotation_flags = 1 << VA_ROTATION_NONE;
    if (!sv_disabled("blend"))
        o->blend_flags = VA_BLEND_GLOBAL_ALPHA | VA_BLEND_PREMULTIPLIED_ALPHA;
    o->max_input_width = o->max_input_height = o->max_output_width = o->max_output_height = 8192;
    o->min_input_width = o->min_input_height = o->min_output_width = o->min_output_height = 16;
    return VA_STATUS_SUCCESS;
}

/* ---- things no caller of ours needs, but libva insists on ------------------ */
#define STUB(name, ...) static VAStatus name(VADriverContextP x, __VA_ARGS__) { return VA_STATUS_ERROR_UNIMPLEMENTED; }
STUB(PutSurface, VASurfaceID s, void *d, short a, short b, unsigned short e, unsigned short f, short g,
     short h, unsigned short i, unsigned short j, VARectangle *k, unsigned l, unsigned m)
STUB(SetImagePalette, VAImageID i, unsigned char *p)
STUB(CreateSubpicture, VAImageID i, VASubpictureID *s)
STUB(DestroySubpicture, VASubpictureID s)
STUB(SetSubpictureImage, VASubpictureID s, VAImageID i)
STUB(SetSubpictureChromakey, VASubpictureID s, unsigned a, unsigned b, unsigned c)
STUB(SetSubpictureGlobalAlpha, VASubpictureID s, float a)
STUB(AssociateSubpicture, VASubpictureID s, VASurfaceID *t, int n, short a, short b, unsigned short c,
     unsigned short d, short e, short f, unsigned short g, unsigned short h, unsigned i)
STUB(DeassociateSubpicture, VASubpictureID s, VASurfaceID *t, int n)
STUB(SetDisplayAttributes, VADisplayAttribute *a, int n)
static VAStatus QuerySubpictureFormats(VADriverContextP x, VAImageFormat *f, unsigned *fl, unsigned *n)
{
    *n = 0;
    return VA_STATUS_SUCCESS;
}
static VAStatus QueryDisplayAttributes(VADriverContextP x, VADisplayAttribute *a, int *n)
{
    *n = 0;
    return VA_STATUS_SUCCESS;
}
static VAStatus GetDisplayAttributes(VADriverContextP x, VADisplayAttribute *a, int n)
{
    for (int i = 0; i < n; i++)
        a[i].flags = VA_DISPLAY_ATTRIB_NOT_SUPPORTED;
    return VA_STATUS_SUCCESS;
}

static VAStatus Terminate(VADriverContextP x)
{
    Driver *d = drv(x);
    unsigned left = 0;
    for (int t = 1; t < T_END; t++)
        for (uint32_t i = 0; i < d->tab[t].n; i++)
            left += d->tab[t].v[i] != NULL;
    sv_note("terminate objects-left=%u", left);
    for (int t = 1; t < T_END; t++)
        free(d->tab[t].v);
    pthread_mutex_destroy(&d->lock);
    free(d);
    return VA_STATUS_SUCCESS;
}

/* libva tries every minor number down to 0, so this one name serves them all. */
__attribute__((visibility("default"))) VAStatus __vaDriverInit_1_0(VADriverContextP x)
{
    struct VADriverVTable *v = x->vtable;
    struct VADriverVTableVPP *p = x->vtable_vpp;
    const char *vendor = getenv("SOFTVA_VENDOR");
    Driver *d = sv_calloc(1, sizeof(*d));

    if (sv_must_fail("Initialize")) {
        free(d);
        return VA_STATUS_ERROR_UNKNOWN;
    }
    pthread_mutex_init(&d->lock, NULL);
    x->pDriverData = d;
    x->version_major = 1;
    x->version_minor = 0;
    x->max_profiles = sv_ncaps();
    x->max_entrypoints = 8;
    x->max_attributes = 16;
    x->max_image_formats = nformats;
    x->max_subpic_formats = 1;
    x->max_display_attributes = 1;
    x->str_vendor = vendor ? vendor : "softva CPU test double";
#define SET(n) v->va##n = n
    SET(Terminate); SET(QueryConfigProfiles); SET(QueryConfigEntrypoints); SET(GetConfigAttributes);
    SET(CreateConfig); SET(DestroyConfig); SET(QueryConfigAttributes); SET(CreateSurfaces);
    SET(DestroySurfaces); SET(CreateContext); SET(DestroyContext); SET(CreateBuffer);
    SET(BufferSetNumElements); SET(MapBuffer); SET(UnmapBuffer); SET(DestroyBuffer);
    SET(BeginPicture); SET(RenderPicture); SET(EndPicture); SET(SyncSurface);
    SET(QuerySurfaceStatus); SET(PutSurface); SET(QueryImageFormats); SET(CreateImage);
    SET(DeriveImage); SET(DestroyImage); SET(SetImagePalette); SET(GetImage); SET(PutImage);
    SET(QuerySubpictureFormats); SET(CreateSubpicture); SET(DestroySubpicture);
    SET(SetSubpictureImage); SET(SetSubpictureChromakey); SET(SetSubpictureGlobalAlpha);
    SET(AssociateSubpicture); SET(DeassociateSubpicture); SET(QueryDisplayAttributes);
    SET(GetDisplayAttributes); SET(SetDisplayAttributes); SET(BufferInfo); SET(CreateSurfaces2);
    SET(QuerySurfaceAttributes); SET(ExportSurfaceHandle); SET(SyncSurface2); SET(SyncBuffer);
    p->vaQueryVideoProcFilters = QueryVideoProcFilters;
    p->vaQueryVideoProcFilterCaps = QueryVideoProcFilterCaps;
    p->vaQueryVideoProcPipelineCaps = QueryVideoProcPipelineCaps;
    return VA_STATUS_SUCCESS;
}
