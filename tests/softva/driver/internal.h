/* softva - what the translation units behind the entry points share */
#ifndef SOFTVA_INTERNAL_H
#define SOFTVA_INTERNAL_H
#include "softva.h"

enum { T_CONFIG = 1, T_SURFACE, T_CONTEXT, T_BUFFER, T_IMAGE, T_END };

struct Driver {
    pthread_mutex_t lock;
    struct { void **v; uint32_t n, hint; } tab[T_END];
};

static inline Driver *drv(VADriverContextP c)
{
    return c->pDriverData;
}

#define ENTER(name) do { int st_ = sv_must_fail(name); if (st_) return st_; } while (0)

/* objects.c */
uint32_t obj_add(Driver *d, int type, void *o);
void *obj_get(Driver *d, int type, uint32_t id, int take);
Mem *mem_new(size_t size);
void mem_unref(Mem *m);
void buf_unref(Buf *b);

/* formats.c */
extern const uint32_t formats[];
extern const int nformats;
void fill_format(VAImageFormat *f, uint32_t fourcc);

/* config.c */
int sv_ncaps(void);

/* entry points, named as in libva's table without its prefix */
VAStatus QueryConfigProfiles(VADriverContextP x, VAProfile *list, int *num);
VAStatus QueryConfigEntrypoints(VADriverContextP x, VAProfile p, VAEntrypoint *list, int *num);
VAStatus GetConfigAttributes(VADriverContextP x, VAProfile p, VAEntrypoint e, VAConfigAttrib *a, int n);
VAStatus CreateConfig(VADriverContextP x, VAProfile p, VAEntrypoint e, VAConfigAttrib *a, int n, VAConfigID *id);
VAStatus DestroyConfig(VADriverContextP x, VAConfigID id);
VAStatus QueryConfigAttributes(VADriverContextP x, VAConfigID id, VAProfile *p, VAEntrypoint *e,
                 VAConfigAttrib *a, int *n);
VAStatus QuerySurfaceAttributes(VADriverContextP x, VAConfigID id, VASurfaceAttrib *a, unsigned *num);
VAStatus CreateSurfaces2(VADriverContextP x, unsigned fmt, unsigned w, unsigned h, VASurfaceID *out,
                 unsigned n, VASurfaceAttrib *a, unsigned na);
VAStatus CreateSurfaces(VADriverContextP x, int w, int h, int fmt, int n, VASurfaceID *out);
VAStatus DestroySurfaces(VADriverContextP x, VASurfaceID *ids, int n);
VAStatus SyncSurface(VADriverContextP x, VASurfaceID id);
VAStatus SyncSurface2(VADriverContextP x, VASurfaceID id, uint64_t ns);
VAStatus SyncBuffer(VADriverContextP x, VABufferID id, uint64_t ns);
VAStatus QuerySurfaceStatus(VADriverContextP x, VASurfaceID id, VASurfaceStatus *st);
VAStatus ExportSurfaceHandle(VADriverContextP x, VASurfaceID id, uint32_t mt, uint32_t flags, void *out);
VAStatus CreateBuffer(VADriverContextP x, VAContextID c, VABufferType t, unsigned size, unsigned n,
                 void *data, VABufferID *id);
VAStatus BufferSetNumElements(VADriverContextP x, VABufferID id, unsigned n);
VAStatus MapBuffer(VADriverContextP x, VABufferID id, void **p);
VAStatus UnmapBuffer(VADriverContextP x, VABufferID id);
VAStatus DestroyBuffer(VADriverContextP x, VABufferID id);
VAStatus BufferInfo(VADriverContextP x, VABufferID id, VABufferType *t, unsigned *size, unsigned *n);
VAStatus CreateImage(VADriverContextP x, VAImageFormat *f, int w, int h, VAImage *out);
VAStatus DeriveImage(VADriverContextP x, VASurfaceID id, VAImage *out);
VAStatus DestroyImage(VADriverContextP x, VAImageID id);
VAStatus GetImage(VADriverContextP x, VASurfaceID s, int sx, int sy, unsigned w, unsigned h, VAImageID i);
VAStatus PutImage(VADriverContextP x, VASurfaceID s, VAImageID i, int sx, int sy, unsigned sw, unsigned sh,
                 int dx, int dy, unsigned dw, unsigned dh);
VAStatus QueryImageFormats(VADriverContextP x, VAImageFormat *f, int *n);

#endif
