/* softva - H.264 encode: libx264's slices under the application's parameter sets */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "enc.h"

static void h264_ps(PS *o, const uint8_t *p, size_t n)
{
    uint8_t *t = sv_malloc(n);
    Rd r = { t, unescape(p + 1, n - 1, t) * 8, 0 };
    if ((p[0] & 31) == 7) {
        int prof = rd(&r, 8);
        rd(&r, 16);
        rd_ue(&r);
        if (prof == 100 || prof == 110 || prof == 122 || prof == 244) {
            if (rd_ue(&r) == 3)
                rd(&r, 1);
            rd_ue(&r); rd_ue(&r); rd(&r, 2);           /* no scaling matrix expected */
        }
        o->log2_fn = rd_ue(&r) + 4;
        o->poc_type = rd_ue(&r);
        if (!o->poc_type)
            o->log2_poc = rd_ue(&r) + 4;
    } else if ((p[0] & 31) == 8) {
        rd_ue(&r); rd_ue(&r);
        o->cabac = rd(&r, 1);
        o->pic_order_present = rd(&r, 1);
        rd_ue(&r);
        o->nref = rd_ue(&r) + 1;
        rd_ue(&r); rd(&r, 3);
        o->init_qp = 26 + rd_se(&r);
        rd_se(&r); rd_se(&r);
        o->deblock_ctrl = rd(&r, 1);
    }
    free(t);
}

static int h264_open(Enc *e, const VAEncPictureParameterBufferH264 *pp, int qp)
{
    const VAEncSequenceParameterBufferH264 *s = &e->seq.s4;
    x264_param_t p;
    x264_nal_t *nal;
    int n;
    x264_param_default_preset(&p, "superfast", "zerolatency");
    e->w = s->picture_width_in_mbs * 16;
    e->h = s->picture_height_in_mbs * 16;
    e->depth = 8;
    p.i_width = e->w;
    p.i_height = e->h;
    p.i_csp = X264_CSP_NV12;
    p.i_fps_num = e->fps_n ? e->fps_n : 25;
    p.i_fps_den = e->fps_d ? e->fps_d : 1;
    p.b_vfr_input = 0;
    p.i_log_level = X264_LOG_NONE;
    p.i_threads = 1;
    p.b_sliced_threads = 0;
    p.i_keyint_max = X264_KEYINT_MAX_INFINITE;
    p.i_scenecut_threshold = 0;
    p.i_bframe = 0;
    p.i_frame_reference = 1;
    p.b_repeat_headers = 0;
    p.b_annexb = 1;
    p.b_cabac = pp->pic_fields.bits.entropy_coding_mode_flag;
    p.b_constrained_intra = pp->pic_fields.bits.constrained_intra_pred_flag;
    p.analyse.b_transform_8x8 = pp->pic_fields.bits.transform_8x8_mode_flag;
    p.analyse.i_weighted_pred = 0;
    p.analyse.b_psy = 0;
    p.analyse.i_chroma_qp_offset = pp->chroma_qp_index_offset;
    p.rc.b_mb_tree = 0;
    p.rc.i_lookahead = 0;
    if (e->min_qp)
        p.rc.i_qp_min = e->min_qp;
    switch (e->rc) {
    case VA_RC_CBR:
    case VA_RC_VBR:
        p.rc.i_rc_method = X264_RC_ABR;
        p.rc.i_bitrate = e->bps / 1000;
        p.rc.i_vbv_max_bitrate = e->maxbps / 1000;
        p.rc.i_vbv_buffer_size = (e->hrd ? e->hrd : e->maxbps) / 1000;
        break;
    case VA_RC_QVBR:
    case VA_RC_ICQ:
        p.rc.i_rc_method = X264_RC_CRF;
        p.rc.f_rf_constant = e->quality;
        if (e->rc == VA_RC_QVBR && e->maxbps) {
            p.rc.i_vbv_max_bitrate = e->maxbps / 1000;
            p.rc.i_vbv_buffer_size = (e->hrd ? e->hrd : e->maxbps) / 1000;
        }
        break;
    default:
        p.rc.i_rc_method = X264_RC_CQP;
        p.rc.i_qp_constant = qp > 0 ? qp : 1;
    }
    sv_note("h264 encode %dx%d rc=%#x bps=%d max=%d quality=%d qp=%d", e->w, e->h, e->rc, e->bps, e->maxbps, e->quality, qp);
    if (!(e->x4 = x264_encoder_open(&p)) || x264_encoder_headers(e->x4, &nal, &n) < 0)
        return -1;
    for (int i = 0; i < n; i++) {
        size_t pos = 0, len;
        const uint8_t *u = next_nal(nal[i].p_payload, nal[i].i_payload, &pos, &len);
        if (u)
            h264_ps(&e->own, u, len);
    }
    return 0;
}

static void h264_slice(Enc *e, const uint8_t *nal, size_t len, const VAEncPictureParameterBufferH264 *pp,
                       const VAEncSliceParameterBufferH264 *sp, Bytes *out)
{
    const VAEncSequenceParameterBufferH264 *s = &e->seq.s4;
    uint8_t *t = sv_malloc(len);
    Rd r = { t, unescape(nal + 1, len - 1, t) * 8, 0 };
    Wr w = { 0 };
    int idr = (nal[0] & 31) == 5, ref = nal[0] >> 5 & 3, type, v;
    int fnb = s->seq_fields.bits.log2_max_frame_num_minus4 + 4;

    wr_ue(&w, rd_ue(&r));                              /* first_mb_in_slice */
    type = rd_ue(&r);
    wr_ue(&w, type);
    type %= 5;
    rd_ue(&r);
    wr_ue(&w, pp->pic_parameter_set_id);
    rd(&r, e->own.log2_fn);
    wr(&w, fnb, pp->frame_num & ((1u << fnb) - 1));
    if (idr) {
        rd_ue(&r);
        wr_ue(&w, sp->idr_pic_id);
    }
    if (e->own.poc_type == 0)
        rd(&r, e->own.log2_poc);
    if (s->seq_fields.bits.pic_order_cnt_type == 0) {
        int b = s->seq_fields.bits.log2_max_pic_order_cnt_lsb_minus4 + 4;
        wr(&w, b, sp->pic_order_cnt_lsb & ((1u << b) - 1));
        if (pp->pic_fields.bits.pic_order_present_flag)
            wr_se(&w, 0);
    }
    if (type == 0) {                                   /* P: exactly one reference, the last picture */
        if (rd(&r, 1))
            rd_ue(&r);
        wr(&w, 1, pp->num_ref_idx_l0_active_minus1 != 0);
        if (pp->num_ref_idx_l0_active_minus1)
            wr_ue(&w, 0);
        if (rd(&r, 1))
            while ((v = rd_ue(&r)) != 3)
                rd_ue(&r);
        wr(&w, 1, 0);
    }
    if (ref) {
        if (idr) {
            rd(&r, 2);
            wr(&w, 2, 0);
        } else {
            if (rd(&r, 1))
                while ((v = rd_ue(&r)) != 0) {
                    if (v <= 3 || v == 4 || v == 6) rd_ue(&r);
                    if (v == 3) rd_ue(&r);
                }
            wr(&w, 1, 0);
        }
    }
    if (e->own.cabac && type != 2)
        wr_ue(&w, rd_ue(&r));                          /* cabac_init_idc */
    wr_se(&w, e->own.init_qp + rd_se(&r) - pp->pic_init_qp);
    if (e->own.deblock_ctrl) {
        v = rd_ue(&r);
        int a = 0, b = 0;
        if (v != 1) {
            a = rd_se(&r);
            b = rd_se(&r);
        }
        if (pp->pic_fields.bits.deblocking_filter_control_present_flag) {
            wr_ue(&w, v);
            if (v != 1) {
                wr_se(&w, a);
                wr_se(&w, b);
            }
        }
    } else if (pp->pic_fields.bits.deblocking_filter_control_present_flag) {
        wr_ue(&w, 0);
        wr_se(&w, 0);
        wr_se(&w, 0);
    }
    if (e->own.cabac) {
        while (r.pos & 7) rd(&r, 1);
        while (w.pos & 7) wr(&w, 1, 1);
        wr_copy(&w, &r, r.bits - r.pos);
    } else {
        size_t end = r.bits;                           /* find the stop bit */
        while (end > r.pos && !(t[(end - 1) >> 3] >> (7 - ((end - 1) & 7)) & 1))
            end--;
        wr_copy(&w, &r, end - 1 - r.pos);
        wr_trail(&w);
    }
    add_nal(out, nal, 1, w.p, w.pos / 8);
    free(w.p);
    free(t);
}

VAStatus enc_h264_picture(Enc *e, const Surface *src, const Buf *pic, const Buf *slice, Bytes *out)
{
    const VAEncPictureParameterBufferH264 *pp = (const void *)pic->data;
    const VAEncSliceParameterBufferH264 *sp = (const void *)slice->data;
    int qp = pp->pic_init_qp + sp->slice_qp_delta, n, type = sp->slice_type % 5;
    x264_picture_t in, rec;
    x264_nal_t *nal;

    if (!e->x4 && h264_open(e, pp, qp) < 0)
        return VA_STATUS_ERROR_OPERATION_FAILED;
    enc_grab(e, src, 1);
    x264_picture_init(&in);
    in.img.i_csp = X264_CSP_NV12;
    in.img.i_plane = 2;
    in.img.plane[0] = e->plane[0];
    in.img.plane[1] = e->plane[1];
    in.img.i_stride[0] = in.img.i_stride[1] = e->w;
    in.i_pts = e->pts++;
    in.i_type = pp->pic_fields.bits.idr_pic_flag ? X264_TYPE_IDR : type == 2 ? X264_TYPE_I : X264_TYPE_P;
    if (e->rc == VA_RC_CQP)
        in.i_qpplus1 = qp + 1;
    if (type == 1)
        return VA_STATUS_ERROR_UNIMPLEMENTED;
    if (x264_encoder_encode(e->x4, &nal, &n, &in, &rec) <= 0)
        return VA_STATUS_ERROR_OPERATION_FAILED;
    for (int i = 0; i < n; i++) {
        size_t pos = 0, len;
        const uint8_t *u = next_nal(nal[i].p_payload, nal[i].i_payload, &pos, &len);
        if (u && ((u[0] & 31) == 1 || (u[0] & 31) == 5))
            h264_slice(e, u, len, pp, sp, out);
    }
    sv_count(in.i_type == X264_TYPE_IDR ? "enc-h264-idr" : type == 2 ? "enc-h264-i" : "enc-h264-p");
    return VA_STATUS_SUCCESS;
}
