/* softva - H.264 decode: parameter sets written again from the parameters */
#include <stdlib.h>
#include <string.h>
#include "dec.h"

static const uint8_t zz4[16] = { 0, 1, 4, 8, 5, 2, 3, 6, 9, 12, 13, 10, 7, 11, 14, 15 };
static void zigzag8(uint8_t o[64])
{
    int x = 0, y = 0;
    for (int i = 0; i < 64; i++) {
        o[i] = y * 8 + x;
        if ((x + y) & 1) { if (y == 7) x++; else if (!x) y++; else { x--; y++; } }
        else             { if (x == 7) y++; else if (!y) x++; else { x++; y--; } }
    }
}
static void put_list(Wr *w, const uint8_t *m, const uint8_t *scan, int n)
{
    int last = 8;
    wr(w, 1, 1);
    for (int i = 0; i < n; i++) {
        int dlt = m[scan[i]] - last;
        wr_se(w, dlt > 127 ? dlt - 256 : dlt < -128 ? dlt + 256 : dlt);
        last = m[scan[i]];
    }
}

static void h264_sps(Wr *w, const VAPictureParameterBufferH264 *p)
{
    int fmo = p->seq_fields.bits.frame_mbs_only_flag;
    wr(w, 8, 100); wr(w, 8, 0); wr(w, 8, 52);
    wr_ue(w, 0);
    wr_ue(w, p->seq_fields.bits.chroma_format_idc);
    wr_ue(w, p->bit_depth_luma_minus8);
    wr_ue(w, p->bit_depth_chroma_minus8);
    wr(w, 2, 0);
    wr_ue(w, p->seq_fields.bits.log2_max_frame_num_minus4);
    wr_ue(w, p->seq_fields.bits.pic_order_cnt_type);
    if (p->seq_fields.bits.pic_order_cnt_type == 0)
        wr_ue(w, p->seq_fields.bits.log2_max_pic_order_cnt_lsb_minus4);
    wr_ue(w, p->num_ref_frames);
    wr(w, 1, p->seq_fields.bits.gaps_in_frame_num_value_allowed_flag);
    wr_ue(w, p->picture_width_in_mbs_minus1);
    wr_ue(w, fmo ? p->picture_height_in_mbs_minus1 : (p->picture_height_in_mbs_minus1 + 1) / 2 - 1);
    wr(w, 1, fmo);
    if (!fmo)
        wr(w, 1, p->seq_fields.bits.mb_adaptive_frame_field_flag);
    wr(w, 1, p->seq_fields.bits.direct_8x8_inference_flag);
    wr(w, 2, 0);                                         /* no cropping, no VUI */
    wr_trail(w);
}

static void h264_pps(Wr *w, const VAPictureParameterBufferH264 *p, const Dec *d, int id, int l0, int l1)
{
    int flat = 1;
    wr_ue(w, id);
    wr_ue(w, 0);
    wr(w, 1, p->pic_fields.bits.entropy_coding_mode_flag);
    wr(w, 1, p->pic_fields.bits.pic_order_present_flag);
    wr_ue(w, 0);
    wr_ue(w, l0);
    wr_ue(w, l1);
    wr(w, 1, p->pic_fields.bits.weighted_pred_flag);
    wr(w, 2, p->pic_fields.bits.weighted_bipred_idc);
    wr_se(w, p->pic_init_qp_minus26);
    wr_se(w, p->pic_init_qs_minus26);
    wr_se(w, p->chroma_qp_index_offset);
    wr(w, 1, p->pic_fields.bits.deblocking_filter_control_present_flag);
    wr(w, 1, p->pic_fields.bits.constrained_intra_pred_flag);
    wr(w, 1, p->pic_fields.bits.redundant_pic_cnt_present_flag);
    wr(w, 1, p->pic_fields.bits.transform_8x8_mode_flag);
    for (size_t i = 0; d->have_iq && i < sizeof(d->iq4.ScalingList4x4) + sizeof(d->iq4.ScalingList8x8); i++)
        if (((const uint8_t *)&d->iq4)[i] != 16)
            flat = 0;
    wr(w, 1, !flat);
    if (!flat) {
        uint8_t zz8[64];
        zigzag8(zz8);
        for (int i = 0; i < 6; i++)
            put_list(w, d->iq4.ScalingList4x4[i], zz4, 16);
        if (p->pic_fields.bits.transform_8x8_mode_flag)
            for (int i = 0; i < 2; i++)
                put_list(w, d->iq4.ScalingList8x8[i], zz8, 64);
    }
    wr_se(w, p->second_chroma_qp_index_offset);
    wr_trail(w);
}

/* PPS id and whether the header itself carries the number of references */
static int h264_peek(const uint8_t *nal, size_t len, const VAPictureParameterBufferH264 *p, int *override)
{
    uint8_t t[64];
    size_t n = unescape(nal + 1, len - 1 < 48 ? len - 1 : 48, t);
    Rd r = { t, n * 8, 0 };
    int type, id, field = 0;
    rd_ue(&r);
    type = rd_ue(&r) % 5;
    id = rd_ue(&r);
    rd(&r, p->seq_fields.bits.log2_max_frame_num_minus4 + 4);
    if (!p->seq_fields.bits.frame_mbs_only_flag && (field = rd(&r, 1)))
        rd(&r, 1);
    if ((nal[0] & 31) == 5)
        rd_ue(&r);
    if (p->seq_fields.bits.pic_order_cnt_type == 0) {
        rd(&r, p->seq_fields.bits.log2_max_pic_order_cnt_lsb_minus4 + 4);
        if (p->pic_fields.bits.pic_order_present_flag && !field)
            rd_se(&r);
    }
    if (p->pic_fields.bits.redundant_pic_cnt_present_flag)
        rd_ue(&r);
    if (type == 1)
        rd(&r, 1);
    *override = type == 2 || type == 4 || rd(&r, 1);
    return id & 63;
}

VAStatus dec_h264_picture(Dec *d, Ctx *c, const VAPictureParameterBufferH264 *p, Surface *dst)
{
    Bytes au = { 0 };
    Wr w = { 0 };
    const uint8_t hs = 0x67, hp = 0x68;
    VASliceParameterBufferH264 *sp = NULL;
    VAStatus st;
    int id, ov, n = 0;

    if (p->seq_fields.bits.pic_order_cnt_type == 1)
        return VA_STATUS_ERROR_UNIMPLEMENTED;            /* its offsets are not in VA-API */
    h264_sps(&w, p);
    if (dec_changed(&d->sps, &w)) {
        add_nal(&au, &hs, 1, w.p, w.pos / 8);
        for (int i = 0; i < 64; i++)
            d->pps[i].n = 0;
    }
    free(w.p);
    for (int i = 0; i < c->nq; i++) {
        Buf *b = c->q[i];
        if (b->type == VASliceParameterBufferType) {
            sp = (void *)b->data;
            n = b->n;
        } else if (b->type == VASliceDataBufferType && sp) {
            for (int k = 0; k < n; k++) {
                const uint8_t *nal = b->data + sp[k].slice_data_offset;
                size_t len = sp[k].slice_data_size;
                id = h264_peek(nal, len, p, &ov);
                if (!ov || !d->pps[id].n) {
                    memset(&w, 0, sizeof(w));
                    h264_pps(&w, p, d, id, sp[k].num_ref_idx_l0_active_minus1, sp[k].num_ref_idx_l1_active_minus1);
                    if (dec_changed(&d->pps[id], &w))
                        add_nal(&au, &hp, 1, w.p, w.pos / 8);
                    free(w.p);
                } else {                                 /* may still differ in other fields */
                    Rd r = { d->pps[id].p, d->pps[id].n * 8, 0 };
                    int a, e;
                    rd_ue(&r); rd_ue(&r); rd(&r, 2); rd_ue(&r);
                    a = rd_ue(&r);
                    e = rd_ue(&r);
                    memset(&w, 0, sizeof(w));
                    h264_pps(&w, p, d, id, a, e);
                    if (dec_changed(&d->pps[id], &w))
                        add_nal(&au, &hp, 1, w.p, w.pos / 8);
                    free(w.p);
                }
                add(&au, "\0\0\1", 3);
                add(&au, nal, len);
            }
            sp = NULL;
        }
    }
    st = dec_consume(d, &au, dst, "dec-h264");
    free(au.p);
    return st;
}
