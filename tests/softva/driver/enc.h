/* softva - what the encoders share */
#ifndef SOFTVA_ENC_H
#define SOFTVA_ENC_H
#include <va/va.h>
#include <x264.h>
#include <x265.h>
#include "bits.h"
#include "softva.h"

/* the parts of SPS/PPS that slice headers depend on */
typedef struct PS {
    /* H.264 */
    int log2_fn, poc_type, log2_poc, cabac, deblock_ctrl, init_qp, pic_order_present;
    /* HEVC */
    int sao, tmvp, lt, dependent, out_flag, extra_bits, cabac_init, nref, wpp_or_tiles,
        weighted, chroma_off, dbk_override, dbk_off, across, lists_mod, ext, sps_rps, dqp;
} PS;

typedef struct Enc {
    x264_t *x4;
    const x265_api *api;
    x265_encoder *x5;
    x265_param *p5;
    PS own, app;                    /* x264's/x265's, the application's */
    int app_sps, app_pps;
    int w, h;
    int depth;
    uint8_t *plane[3];
    int rc, bps, maxbps, quality, hrd, fps_n, fps_d, min_qp;
    int64_t pts;
    union {
        VAEncSequenceParameterBufferH264 s4;
        VAEncSequenceParameterBufferHEVC s5;
    } seq;
    int have_seq;
} Enc;

void enc_grab(Enc *e, const Surface *s, int interleaved);
VAStatus enc_h264_picture(Enc *e, const Surface *src, const Buf *pic, const Buf *slice, Bytes *out);
VAStatus enc_hevc_picture(Enc *e, const Surface *src, const Buf *pic, const Buf *slice, Bytes *out);
void enc_hevc_scan(PS *o, const uint8_t *p, size_t n);

#endif
