/* softva - HEVC encode: libx265's slices under the application's parameter sets */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "enc.h"

static void hevc_ps(PS *o, const uint8_t *p, size_t n)
{
    uint8_t *t = sv_malloc(n);
    Rd r = { t, unescape(p + 2, n - 2, t) * 8, 0 };
    int type = p[0] >> 1 & 63, sub;
    if (type == 33) {
        rd(&r, 4);
        sub = rd(&r, 3);
        rd(&r, 1);
        for (int i = 0; i < 12; i++)
            rd(&r, 8);                                  /* profile, tier, level; sub == 0 expected */
        rd_ue(&r);
        if (rd_ue(&r) == 3)
            rd(&r, 1);
        rd_ue(&r); rd_ue(&r);
        if (rd(&r, 1))
            for (int i = 0; i < 4; i++)
                rd_ue(&r);
        rd_ue(&r); rd_ue(&r);
        o->log2_poc = rd_ue(&r) + 4;
        for (int i = rd(&r, 1) ? 0 : sub; i <= sub; i++) {
            rd_ue(&r); rd_ue(&r); rd_ue(&r);
        }
        for (int i = 0; i < 6; i++)
            rd_ue(&r);
        rd(&r, 1);                                      /* scaling lists: not expected */
        rd(&r, 1);
        o->sao = rd(&r, 1);
        rd(&r, 1);                                      /* pcm: not expected */
        o->sps_rps = rd_ue(&r);
        o->lt = rd(&r, 1);
        o->tmvp = rd(&r, 1);
    } else if (type == 34) {
        rd_ue(&r); rd_ue(&r);
        o->dependent = rd(&r, 1);
        o->out_flag = rd(&r, 1);
        o->extra_bits = rd(&r, 3);
        rd(&r, 1);
        o->cabac_init = rd(&r, 1);
        o->nref = rd_ue(&r) + 1;
        rd_ue(&r);
        o->init_qp = 26 + rd_se(&r);
        rd(&r, 2);
        o->dqp = rd(&r, 1) ? 1 + rd_ue(&r) : 0;
        rd_se(&r); rd_se(&r);
        o->chroma_off = rd(&r, 1);
        o->weighted = rd(&r, 1);
        rd(&r, 2);
        o->wpp_or_tiles = rd(&r, 1);
        o->wpp_or_tiles |= rd(&r, 1);
        o->across = rd(&r, 1);
        if (rd(&r, 1)) {
            o->dbk_override = rd(&r, 1);
            o->dbk_off = rd(&r, 1);
            if (!o->dbk_off) {
                rd_se(&r); rd_se(&r);
            }
        }
        rd(&r, 1);
        o->lists_mod = rd(&r, 1);
        rd_ue(&r);
        o->ext = rd(&r, 1);
    }
    free(t);
}

void enc_hevc_scan(PS *o, const uint8_t *p, size_t n)
{
    size_t pos = 0, len;
    const uint8_t *u;
    while ((u = next_nal(p, n, &pos, &len)))
        hevc_ps(o, u, len);
}

static int hevc_open(Enc *e, const VAEncPictureParameterBufferHEVC *pp, int qp)
{
    const VAEncSequenceParameterBufferHEVC *s = &e->seq.s5;
    x265_param *p;
    x265_nal *nal;
    uint32_t n;
    e->depth = s->seq_fields.bits.bit_depth_luma_minus8 + 8;
    if (!(e->api = x265_api_get(e->depth)))
        return -1;
    p = e->p5 = e->api->param_alloc();
    e->api->param_default_preset(p, "ultrafast", "zerolatency");
    e->w = s->pic_width_in_luma_samples;
    e->h = s->pic_height_in_luma_samples;
    p->sourceWidth = e->w;
    p->sourceHeight = e->h;
    p->internalCsp = X265_CSP_I420;
    p->fpsNum = e->fps_n ? e->fps_n : 25;
    p->fpsDenom = e->fps_d ? e->fps_d : 1;
    p->logLevel = X265_LOG_NONE;
    p->bEnableWavefront = 0;
    p->frameNumThreads = 1;
    p->keyframeMax = -1;
    p->bOpenGOP = 0;
    p->bframes = 0;
    p->scenecutThreshold = 0;
    p->lookaheadDepth = 0;
    p->maxNumReferences = 1;
    p->bRepeatHeaders = 0;
    p->bAnnexB = 1;
    p->bEmitInfoSEI = 0;
    p->maxCUSize = 1u << (s->log2_min_luma_coding_block_size_minus3 + 3 + s->log2_diff_max_min_luma_coding_block_size);
    p->minCUSize = 1u << (s->log2_min_luma_coding_block_size_minus3 + 3);
    p->maxTUSize = 1u << (s->log2_min_transform_block_size_minus2 + 2 + s->log2_diff_max_min_transform_block_size);
    p->tuQTMaxInterDepth = s->max_transform_hierarchy_depth_inter + 1;
    p->tuQTMaxIntraDepth = s->max_transform_hierarchy_depth_intra + 1;
    p->bEnableAMP = s->seq_fields.bits.amp_enabled_flag;
    p->bEnableRectInter = p->bEnableAMP;
    p->bEnableSAO = s->seq_fields.bits.sample_adaptive_offset_enabled_flag;
    p->bEnableStrongIntraSmoothing = s->seq_fields.bits.strong_intra_smoothing_enabled_flag;
    p->bEnableTemporalMvp = s->seq_fields.bits.sps_temporal_mvp_enabled_flag;
    p->bEnableSignHiding = pp->pic_fields.bits.sign_data_hiding_enabled_flag;
    p->bEnableTransformSkip = pp->pic_fields.bits.transform_skip_enabled_flag;
    p->bEnableConstrainedIntra = pp->pic_fields.bits.constrained_intra_pred_flag;
    p->bEnableWeightedPred = 0;
    p->bEnableWeightedBiPred = 0;
    p->bEnableLoopFilter = 1;
    p->cbQpOffset = pp->pps_cb_qp_offset;
    p->crQpOffset = pp->pps_cr_qp_offset;
    p->rc.cuTree = 0;
    p->rc.aqMode = 0;
    if (pp->pic_fields.bits.cu_qp_delta_enabled_flag) {  /* x265 switches it on with AQ or VBV only */
        p->rc.aqMode = X265_AQ_VARIANCE;
        p->rc.aqStrength = 1.0;
        p->rc.qgSize = p->maxCUSize >> pp->diff_cu_qp_delta_depth;
    }
    p->bEnablePsnr = p->bEnableSsim = 0;
    switch (e->rc) {
    case VA_RC_CBR:
    case VA_RC_VBR:
        p->rc.rateControlMode = X265_RC_ABR;
        p->rc.bitrate = e->bps / 1000;
        p->rc.vbvMaxBitrate = e->maxbps / 1000;
        p->rc.vbvBufferSize = (e->hrd ? e->hrd : e->maxbps) / 1000;
        break;
    case VA_RC_QVBR:
    case VA_RC_ICQ:
        p->rc.rateControlMode = X265_RC_CRF;
        p->rc.rfConstant = e->quality;
        if (e->rc == VA_RC_QVBR && e->maxbps) {
            p->rc.vbvMaxBitrate = e->maxbps / 1000;
            p->rc.vbvBufferSize = (e->hrd ? e->hrd : e->maxbps) / 1000;
        }
        break;
    default:
        p->rc.rateControlMode = X265_RC_CQP;
        p->rc.qp = qp > 0 ? qp : 1;
        p->rc.ipFactor = 1;
    }
    sv_note("hevc encode %dx%d depth=%d rc=%#x bps=%d max=%d quality=%d qp=%d", e->w, e->h, e->depth, e->rc, e->bps, e->maxbps, e->quality, qp);
    if (!(e->x5 = e->api->encoder_open(p)) || e->api->encoder_headers(e->x5, &nal, &n) < 0)
        return -1;
    for (uint32_t i = 0; i < n; i++)
        enc_hevc_scan(&e->own, nal[i].payload, nal[i].sizeBytes);
    if (e->own.dqp != e->app.dqp || e->own.sao != e->app.sao || e->own.sps_rps || e->app.sps_rps)
        sv_note("hevc: parameter sets do not match (dqp %d/%d sao %d/%d)", e->own.dqp, e->app.dqp, e->own.sao, e->app.sao);
    return 0;
}

static void hevc_slice(Enc *e, const uint8_t *nal, size_t len, const VAEncPictureParameterBufferHEVC *pp,
                       const VAEncSliceParameterBufferHEVC *sp, Bytes *out)
{
    uint8_t *t = sv_malloc(len), hdr[2] = { pp->nal_unit_type << 1, 1 };
    Rd r = { t, unescape(nal + 2, len - 2, t) * 8, 0 };
    Wr w = { 0 };
    PS *o = &e->own, *a = &e->app;
    int ot = nal[0] >> 1 & 63, at = pp->nal_unit_type;
    int oidr = ot == 19 || ot == 20, aidr = at == 19 || at == 20, type, sl = 0, sc = 0, qd, merge = 0, ci = 0;

    rd(&r, 1);
    wr(&w, 1, 1);                                      /* first slice of the picture */
    if (ot >= 16 && ot <= 23) rd(&r, 1);
    if (at >= 16 && at <= 23) wr(&w, 1, 0);
    rd_ue(&r);
    wr_ue(&w, pp->slice_pic_parameter_set_id);
    rd(&r, o->extra_bits);
    wr(&w, a->extra_bits, 0);
    type = rd_ue(&r);                                  /* 0 B, 1 P, 2 I */
    wr_ue(&w, type);
    if (o->out_flag) rd(&r, 1);
    if (a->out_flag) wr(&w, 1, 1);
    if (!oidr) {
        rd(&r, o->log2_poc);
        if (!rd(&r, 1)) {
            int neg = rd_ue(&r), pos = rd_ue(&r);
            for (int i = 0; i < neg + pos; i++) {
                rd_ue(&r);
                rd(&r, 1);
            }
        }
        if (o->lt) rd_ue(&r);
        if (o->tmvp) rd(&r, 1);
    }
    if (!aidr) {
        int poc = pp->decoded_curr_pic.pic_order_cnt, n = 0, ref[15];
        wr(&w, a->log2_poc, poc & ((1u << a->log2_poc) - 1));
        for (int i = 0; i < 15; i++)
            if (!(pp->reference_frames[i].flags & VA_PICTURE_HEVC_INVALID))
                ref[n++] = poc - pp->reference_frames[i].pic_order_cnt;
        wr(&w, 1, 0);
        if (type == 2)
            n = 0;
        wr_ue(&w, n ? 1 : 0);
        wr_ue(&w, 0);
        if (n) {
            wr_ue(&w, ref[0] - 1);
            wr(&w, 1, 1);
        }
        if (a->lt) wr_ue(&w, 0);
        if (a->tmvp) wr(&w, 1, 0);
    }
    if (o->sao) {
        sl = rd(&r, 1);
        sc = rd(&r, 1);
    }
    if (a->sao) {
        wr(&w, 1, sl);
        wr(&w, 1, sc);
    }
    if (type != 2) {
        if (rd(&r, 1))
            rd_ue(&r);
        wr(&w, 1, a->nref != 1);
        if (a->nref != 1)
            wr_ue(&w, 0);
        if (o->cabac_init) ci = rd(&r, 1);
        if (a->cabac_init) wr(&w, 1, ci);
        merge = rd_ue(&r);
        wr_ue(&w, merge);
    }
    qd = o->init_qp + rd_se(&r);
    wr_se(&w, qd - a->init_qp);
    if (o->chroma_off) { rd_se(&r); rd_se(&r); }
    if (a->chroma_off) { wr_se(&w, 0); wr_se(&w, 0); }
    if (o->dbk_override && rd(&r, 1) && !rd(&r, 1)) { rd_se(&r); rd_se(&r); }
    if (a->dbk_override) wr(&w, 1, 0);
    if (o->across && (sl || sc || !o->dbk_off)) rd(&r, 1);
    if (a->across && (sl || sc || !a->dbk_off)) wr(&w, 1, 1);
    if (a->wpp_or_tiles) wr_ue(&w, 0);
    if (o->wpp_or_tiles) rd_ue(&r);
    if (a->ext) wr_ue(&w, 0);
    wr_trail(&w);
    rd(&r, 1);
    while (r.pos & 7) rd(&r, 1);
    wr_copy(&w, &r, r.bits - r.pos);
    add_nal(out, hdr, 2, w.p, w.pos / 8);
    free(w.p);
    free(t);
}

VAStatus enc_hevc_picture(Enc *e, const Surface *src, const Buf *pic, const Buf *slice, Bytes *out)
{
    const VAEncPictureParameterBufferHEVC *pp = (const void *)pic->data;
    const VAEncSliceParameterBufferHEVC *sp = (const void *)slice->data;
    int qp = pp->pic_init_qp + sp->slice_qp_delta, type = sp->slice_type, ret, by;
    x265_picture *in;
    x265_nal *nal;
    uint32_t n;

    if (!e->x5 && hevc_open(e, pp, qp) < 0)
        return VA_STATUS_ERROR_OPERATION_FAILED;
    enc_grab(e, src, 0);
    by = e->depth > 8 ? 2 : 1;
    in = e->api->picture_alloc();
    e->api->picture_init(e->p5, in);
    in->bitDepth = e->depth;
    in->colorSpace = X265_CSP_I420;
    for (int i = 0; i < 3; i++) {
        in->planes[i] = e->plane[i];
        in->stride[i] = (i ? e->w / 2 : e->w) * by;
    }
    in->pts = e->pts++;
    in->sliceType = pp->pic_fields.bits.idr_pic_flag ? X265_TYPE_IDR : type == 2 ? X265_TYPE_I : X265_TYPE_P;
    if (e->rc == VA_RC_CQP)
        in->forceqp = qp + 1;
    ret = e->api->encoder_encode(e->x5, &nal, &n, in, NULL);
    sv_count(in->sliceType == X265_TYPE_IDR ? "enc-hevc-idr" : type == 2 ? "enc-hevc-i" : "enc-hevc-p");
    e->api->picture_free(in);
    if (ret <= 0)
        return VA_STATUS_ERROR_OPERATION_FAILED;
    for (uint32_t i = 0; i < n; i++) {
        size_t pos = 0, len;
        const uint8_t *u = next_nal(nal[i].payload, nal[i].sizeBytes, &pos, &len);
        if (u && (u[0] >> 1 & 63) < 32)
            hevc_slice(e, u, len, pp, sp, out);
    }
    return VA_STATUS_SUCCESS;
}
