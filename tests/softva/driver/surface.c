/* softva - surfaces */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <va/va_drmcommon.h>
#include "internal.h"

static int nsurfaces;

VAStatus CreateSurfaces2(VADriverContextP x, unsigned fmt, unsigned w, unsigned h,
                                VASurfaceID *out, unsigned n, VASurfaceAttrib *a, unsigned na)
{
    uint32_t fourcc = fmt & VA_RT_FORMAT_YUV420_10 ? VA_FOURCC_P010 :
                      fmt & VA_RT_FORMAT_RGB32 ? VA_FOURCC_BGRA : VA_FOURCC_NV12;
    const char *max = getenv("SOFTVA_MAX_SURFACES");
    ENTER("CreateSurfaces");
    for (unsigned i = 0; i < na; i++) {
        if (a[i].type == VASurfaceAttribPixelFormat)
            fourcc = a[i].value.value.i;
        if (a[i].type == VASurfaceAttribMemoryType &&
            a[i].value.value.i != VA_SURFACE_ATTRIB_MEM_TYPE_VA)
            return VA_STATUS_ERROR_UNSUPPORTED_MEMORY_TYPE;
    }
    for (unsigned i = 0; i < n; i++) {
        Surface *s = sv_calloc(1, sizeof(*s));
        if (sv_layout(&s->l, fourcc, w, h) < 0) {
            free(s);
            return VA_STATUS_ERROR_UNSUPPORTED_RT_FORMAT;
        }
        if ((max && nsurfaces >= atoi(max)) || !(s->mem = mem_new(s->l.size))) {
            free(s);
            return VA_STATUS_ERROR_ALLOCATION_FAILED;
        }
        __sync_add_and_fetch(&nsurfaces, 1);
        out[i] = obj_add(drv(x), T_SURFACE, s);
    }
    return VA_STATUS_SUCCESS;
}

VAStatus CreateSurfaces(VADriverContextP x, int w, int h, int fmt, int n, VASurfaceID *out)
{
    return CreateSurfaces2(x, fmt, w, h, out, n, NULL, 0);
}

VAStatus DestroySurfaces(VADriverContextP x, VASurfaceID *ids, int n)
{
    for (int i = 0; i < n; i++) {
        Surface *s = obj_get(drv(x), T_SURFACE, ids[i], 1);
        if (!s)
            return VA_STATUS_ERROR_INVALID_SURFACE;
        sv_ready(s);
        mem_unref(s->mem);
        free(s);
        __sync_sub_and_fetch(&nsurfaces, 1);
    }
    return VA_STATUS_SUCCESS;
}

VAStatus SyncSurface(VADriverContextP x, VASurfaceID id)
{
    Surface *s = sv_surface(drv(x), id);
    ENTER("SyncSurface");
    sv_ready(s);
    return s ? VA_STATUS_SUCCESS : VA_STATUS_ERROR_INVALID_SURFACE;
}
VAStatus SyncSurface2(VADriverContextP x, VASurfaceID id, uint64_t ns)
{
    return SyncSurface(x, id);
}
VAStatus SyncBuffer(VADriverContextP x, VABufferID id, uint64_t ns)
{
    return sv_buffer(drv(x), id) ? VA_STATUS_SUCCESS : VA_STATUS_ERROR_INVALID_BUFFER;
}
VAStatus QuerySurfaceStatus(VADriverContextP x, VASurfaceID id, VASurfaceStatus *st)
{
    *st = VASurfaceReady;
    return sv_surface(drv(x), id) ? VA_STATUS_SUCCESS : VA_STATUS_ERROR_INVALID_SURFACE;
}

VAStatus ExportSurfaceHandle(VADriverContextP x, VASurfaceID id, uint32_t mt,
                                    uint32_t flags, void *out)
{
    Surface *s = sv_surface(drv(x), id);
    VADRMPRIMESurfaceDescriptor *p = out;
    uint32_t drm[3] = { 0 };
    if (!s)
        return VA_STATUS_ERROR_INVALID_SURFACE;
    if (mt != VA_SURFACE_ATTRIB_MEM_TYPE_DRM_PRIME_2)
        return VA_STATUS_ERROR_UNSUPPORTED_MEMORY_TYPE;
    ENTER("ExportSurfaceHandle");
    sv_ready(s);
#define CC(a, b, c, d) ((uint32_t)(a) | (b) << 8 | (c) << 16 | (uint32_t)(d) << 24)
    switch (s->l.fourcc) {
    case VA_FOURCC_NV12: drm[0] = CC('R','8',' ',' '); drm[1] = CC('G','R','8','8'); drm[2] = CC('N','V','1','2'); break;
    case VA_FOURCC_P010: drm[0] = CC('R','1','6',' '); drm[1] = CC('G','R','3','2'); drm[2] = CC('P','0','1','0'); break;
    case VA_FOURCC_BGRA: drm[0] = drm[2] = CC('A','R','2','4'); break;
    default: return VA_STATUS_ERROR_UNSUPPORTED_MEMORY_TYPE;
    }
    memset(p, 0, sizeof(*p));
    p->fourcc = s->l.fourcc;
    p->width = s->l.w;
    p->height = s->l.h;
    p->num_objects = 1;
    p->objects[0].fd = dup(s->mem->fd);
    p->objects[0].size = s->mem->size;
    p->objects[0].drm_format_modifier = 0;
    if (flags & VA_EXPORT_SURFACE_COMPOSED_LAYERS) {
        p->num_layers = 1;
        p->layers[0].drm_format = drm[2];
        p->layers[0].num_planes = s->l.np;
        for (int i = 0; i < s->l.np; i++) {
            p->layers[0].offset[i] = s->l.off[i];
            p->layers[0].pitch[i] = s->l.pitch[i];
        }
    } else {
        p->num_layers = s->l.np;
        for (int i = 0; i < s->l.np; i++) {
            p->layers[i].drm_format = drm[i];
            p->layers[i].num_planes = 1;
            p->layers[i].offset[0] = s->l.off[i];
            p->layers[i].pitch[0] = s->l.pitch[i];
        }
    }
    return VA_STATUS_SUCCESS;
}
