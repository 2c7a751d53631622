/* softva - what the two halves of the AV1 decoder share */
#ifndef SOFTVA_AV1_H
#define SOFTVA_AV1_H
#include <dav1d/dav1d.h>
#include "bits.h"
#include "softva.h"

typedef struct Slot { int ok; VASurfaceID s; int hint, gm[7][6]; } Slot;

typedef struct Job {
    VADecPictureParameterBufferAV1 p;
    Bytes *tile;
    Surface *dst, *show;
    int live;
} Job;

typedef struct Av1 {
    Dav1dContext *c;
    Slot slot[8];
    Bytes seq;
    Job job;                         /* the frame that waits for its successor */
    int max_w, max_h;
} Av1;

static inline int min(int a, int b)
{
    return a < b ? a : b;
}

static inline int max(int a, int b)
{
    return a > b ? a : b;
}

void av1_sequence(const Av1 *a, Wr *w, const VADecPictureParameterBufferAV1 *p);
void av1_frame_header(Av1 *a, Wr *w, const VADecPictureParameterBufferAV1 *p, int refresh);

#endif
