/* softva - what the decoders share */
#ifndef SOFTVA_DEC_H
#define SOFTVA_DEC_H
#include <libavcodec/avcodec.h>
#include <libavutil/pixfmt.h>
#include "bits.h"
#include "softva.h"

typedef struct Dec {
    AVCodecContext *av;
    AVPacket *pkt;
    AVFrame *out, *cur;             /* cur: buffer of the picture being decoded */
    int hevc, asked;
    Bytes sps, pps[64];             /* what was last sent */
    VAIQMatrixBufferH264 iq4;
    VAIQMatrixBufferHEVC iq5;
    int have_iq;
} Dec;

int dec_changed(Bytes *old, const Wr *w);
VAStatus dec_consume(Dec *d, Bytes *au, Surface *dst, const char *what);
VAStatus dec_h264_picture(Dec *d, Ctx *c, const VAPictureParameterBufferH264 *p, Surface *dst);
VAStatus dec_hevc_picture(Dec *d, Ctx *c, const VAPictureParameterBufferHEVC *p, Surface *dst);

#endif
