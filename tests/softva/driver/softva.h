/* softva - a CPU-only VA-API driver, made as a test double.
 * Shared declarations of the translation units. */
#ifndef SOFTVA_H
#define SOFTVA_H
#include <stdint.h>
#include <stddef.h>
#include <pthread.h>
#include <va/va.h>
#include <va/va_backend.h>
#include <va/va_backend_vpp.h>
#include <va/va_vpp.h>
#include "mem.h"

/* Ref-counted block of pixel memory (a memfd, so that it can be exported). */
typedef struct Mem { int ref, fd; size_t size; uint8_t *ptr; } Mem;

typedef struct Layout {               /* how pixels of one fourcc lie in a block */
    uint32_t fourcc;
    int      w, h;                    /* visible size */
    int      np;                      /* planes */
    uint32_t pitch[3], off[3];
    size_t   size;
} Layout;

struct Av1;
typedef struct Surface {
    Layout l;
    Mem *mem;
    struct Av1 *wait;                 /* decoder that still owes this surface its picture */
} Surface;

typedef struct Buf {
    int          ref;
    VABufferType type;
    uint32_t     size, n;
    uint8_t     *data;                /* parameter bytes, or pixels of an image */
    Mem         *mem;                 /* set when data points into a Mem */
    VACodedBufferSegment seg;         /* coded buffers */
    size_t       seg_cap;
} Buf;

typedef struct Image { VAImage va; Layout l; } Image;

typedef struct Config {
    VAProfile profile; VAEntrypoint ep;
    uint32_t  rc;
} Config;

typedef struct Ctx {
    Config   cfg;
    int      w, h;
    VASurfaceID target;
    Buf    **q; int nq, cap;          /* buffers of the picture being rendered */
    void    *priv;                    /* codec state */
    void   (*close)(struct Ctx *);
} Ctx;

typedef struct Driver Driver;

/* object look-up (objects.c) */
Surface *sv_surface(Driver *d, VASurfaceID id);
Buf     *sv_buffer(Driver *d, VABufferID id);

/* pixel layout helpers (formats.c) */
int  sv_is_rgb(uint32_t fourcc);
int  sv_is_10bit(uint32_t fourcc);
void sv_rgb_order(uint32_t fourcc, int o[4]);        /* byte offsets of R,G,B,A; A<0: none */
int  sv_layout(Layout *l, uint32_t fourcc, int w, int h);

/* behaviour knobs and counters (knobs.c) */
int  sv_disabled(const char *what);                  /* SOFTVA_DISABLE=a,b,c */
void sv_count(const char *what);                     /* reported to SOFTVA_LOG on terminate */
void sv_note(const char *fmt, ...);                  /* free text to SOFTVA_LOG */
int  sv_must_fail(const char *call);                 /* counts a call; VA status it shall end with, 0 for none */

/* vpp.c */
typedef struct View { const Layout *l; uint8_t *p; } View;
VAStatus sv_vpp_picture(Driver *d, Ctx *c, Surface *dst);
void     sv_convert(const View *s, const View *d, const VARectangle *sr, const VARectangle *dr);

/* enc.c / dec.c */
VAStatus sv_enc_picture(Driver *d, Ctx *c, Surface *src);
VAStatus sv_dec_picture(Driver *d, Ctx *c, Surface *dst);
VAStatus sv_av1_picture(Driver *d, Ctx *c, Surface *dst);
void     sv_av1_wait(Surface *s);
#ifdef SOFTVA_AV1
#define sv_ready(s) do { if ((s) && (s)->wait) sv_av1_wait(s); } while (0)
#else
#define sv_ready(s) do { } while (0)
#endif

#endif
