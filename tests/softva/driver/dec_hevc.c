/* softva - HEVC decode: parameter sets and slice headers written again from the parameters */
#include <stdlib.h>
#include <string.h>
#include "dec.h"

static void diag(int n, uint8_t *o)
{
    int i = 0;
    for (int s = 0; s < 2 * n - 1; s++)
        for (int x = 0; x <= s; x++)
            if (x < n && s - x < n)
                o[i++] = (s - x) * n + x;
}

static void hevc_lists(Wr *w, const VAIQMatrixBufferHEVC *q)
{
    uint8_t d4[16], d8[64];
    diag(4, d4);
    diag(8, d8);
    for (int size = 0; size < 4; size++)
        for (int m = 0; m < 6; m += size == 3 ? 3 : 1) {
            const uint8_t *l = size == 0 ? q->ScalingList4x4[m] : size == 1 ? q->ScalingList8x8[m] :
                               size == 2 ? q->ScalingList16x16[m] : q->ScalingList32x32[m / 3];
            int last = 8, dc;
            wr(w, 1, 1);
            if (size > 1) {
                dc = size == 2 ? q->ScalingListDC16x16[m] : q->ScalingListDC32x32[m / 3];
                wr_se(w, dc - 8);
                last = dc;
            }
            for (int i = 0; i < (size ? 64 : 16); i++) {
                int v = l[size ? d8[i] : d4[i]], x = v - last;
                wr_se(w, x > 127 ? x - 256 : x < -128 ? x + 256 : x);
                last = v;
            }
        }
}

static void hevc_ptl(Wr *w, int deep)
{
    wr(w, 3, 0);
    wr(w, 5, deep ? 2 : 1);
    wr(w, 32, deep ? 1u << 29 : 3u << 29);
    wr(w, 24, 0);
    wr(w, 24, 0);
    wr(w, 8, 186);
}

static void hevc_vps(Wr *w, const VAPictureParameterBufferHEVC *p)
{
    wr(w, 4, 0); wr(w, 2, 3); wr(w, 6, 0); wr(w, 3, 0); wr(w, 1, 1); wr(w, 16, 0xffff);
    hevc_ptl(w, p->bit_depth_luma_minus8);
    wr(w, 1, 1);
    wr_ue(w, p->sps_max_dec_pic_buffering_minus1); wr_ue(w, 0); wr_ue(w, 0);
    wr(w, 6, 0); wr_ue(w, 0);
    wr(w, 2, 0);
    wr_trail(w);
}

static void hevc_sps(Wr *w, const VAPictureParameterBufferHEVC *p, const Dec *d)
{
    wr(w, 4, 0); wr(w, 3, 0); wr(w, 1, 1);
    hevc_ptl(w, p->bit_depth_luma_minus8);
    wr_ue(w, 0);
    wr_ue(w, p->pic_fields.bits.chroma_format_idc);
    wr_ue(w, p->pic_width_in_luma_samples);
    wr_ue(w, p->pic_height_in_luma_samples);
    wr(w, 1, 0);
    wr_ue(w, p->bit_depth_luma_minus8);
    wr_ue(w, p->bit_depth_chroma_minus8);
    wr_ue(w, p->log2_max_pic_order_cnt_lsb_minus4);
    wr(w, 1, 1);
    wr_ue(w, p->sps_max_dec_pic_buffering_minus1); wr_ue(w, 0); wr_ue(w, 0);
    wr_ue(w, p->log2_min_luma_coding_block_size_minus3);
    wr_ue(w, p->log2_diff_max_min_luma_coding_block_size);
    wr_ue(w, p->log2_min_transform_block_size_minus2);
    wr_ue(w, p->log2_diff_max_min_transform_block_size);
    wr_ue(w, p->max_transform_hierarchy_depth_inter);
    wr_ue(w, p->max_transform_hierarchy_depth_intra);
    wr(w, 1, p->pic_fields.bits.scaling_list_enabled_flag);
    if (p->pic_fields.bits.scaling_list_enabled_flag) {
        wr(w, 1, d->have_iq);
        if (d->have_iq)
            hevc_lists(w, &d->iq5);
    }
    wr(w, 1, p->pic_fields.bits.amp_enabled_flag);
    wr(w, 1, p->slice_parsing_fields.bits.sample_adaptive_offset_enabled_flag);
    wr(w, 1, p->pic_fields.bits.pcm_enabled_flag);
    if (p->pic_fields.bits.pcm_enabled_flag) {
        wr(w, 4, p->pcm_sample_bit_depth_luma_minus1);
        wr(w, 4, p->pcm_sample_bit_depth_chroma_minus1);
        wr_ue(w, p->log2_min_pcm_luma_coding_block_size_minus3);
        wr_ue(w, p->log2_diff_max_min_pcm_luma_coding_block_size);
        wr(w, 1, p->pic_fields.bits.pcm_loop_filter_disabled_flag);
    }
    wr_ue(w, 0);                                         /* every slice brings its own RPS */
    wr(w, 1, p->slice_parsing_fields.bits.long_term_ref_pics_present_flag);
    if (p->slice_parsing_fields.bits.long_term_ref_pics_present_flag)
        wr_ue(w, 0);
    wr(w, 1, p->slice_parsing_fields.bits.sps_temporal_mvp_enabled_flag);
    wr(w, 1, p->pic_fields.bits.strong_intra_smoothing_enabled_flag);
    wr(w, 2, 0);
    wr_trail(w);
}

static void hevc_pps(Wr *w, const VAPictureParameterBufferHEVC *p, int id)
{
    wr_ue(w, id);
    wr_ue(w, 0);
    wr(w, 1, p->slice_parsing_fields.bits.dependent_slice_segments_enabled_flag);
    wr(w, 1, p->slice_parsing_fields.bits.output_flag_present_flag);
    wr(w, 3, p->num_extra_slice_header_bits);
    wr(w, 1, p->pic_fields.bits.sign_data_hiding_enabled_flag);
    wr(w, 1, p->slice_parsing_fields.bits.cabac_init_present_flag);
    wr_ue(w, p->num_ref_idx_l0_default_active_minus1);
    wr_ue(w, p->num_ref_idx_l1_default_active_minus1);
    wr_se(w, p->init_qp_minus26);
    wr(w, 1, p->pic_fields.bits.constrained_intra_pred_flag);
    wr(w, 1, p->pic_fields.bits.transform_skip_enabled_flag);
    wr(w, 1, p->pic_fields.bits.cu_qp_delta_enabled_flag);
    if (p->pic_fields.bits.cu_qp_delta_enabled_flag)
        wr_ue(w, p->diff_cu_qp_delta_depth);
    wr_se(w, p->pps_cb_qp_offset);
    wr_se(w, p->pps_cr_qp_offset);
    wr(w, 1, p->slice_parsing_fields.bits.pps_slice_chroma_qp_offsets_present_flag);
    wr(w, 1, p->pic_fields.bits.weighted_pred_flag);
    wr(w, 1, p->pic_fields.bits.weighted_bipred_flag);
    wr(w, 1, p->pic_fields.bits.transquant_bypass_enabled_flag);
    wr(w, 1, p->pic_fields.bits.tiles_enabled_flag);
    wr(w, 1, p->pic_fields.bits.entropy_coding_sync_enabled_flag);
    if (p->pic_fields.bits.tiles_enabled_flag) {
        wr_ue(w, p->num_tile_columns_minus1);
        wr_ue(w, p->num_tile_rows_minus1);
        wr(w, 1, 0);
        for (int i = 0; i < p->num_tile_columns_minus1; i++)
            wr_ue(w, p->column_width_minus1[i]);
        for (int i = 0; i < p->num_tile_rows_minus1; i++)
            wr_ue(w, p->row_height_minus1[i]);
        wr(w, 1, p->pic_fields.bits.loop_filter_across_tiles_enabled_flag);
    }
    wr(w, 1, p->pic_fields.bits.pps_loop_filter_across_slices_enabled_flag);
    wr(w, 1, 1);
    wr(w, 1, p->slice_parsing_fields.bits.deblocking_filter_override_enabled_flag);
    wr(w, 1, p->slice_parsing_fields.bits.pps_disable_deblocking_filter_flag);
    if (!p->slice_parsing_fields.bits.pps_disable_deblocking_filter_flag) {
        wr_se(w, p->pps_beta_offset_div2);
        wr_se(w, p->pps_tc_offset_div2);
    }
    wr(w, 1, 0);
    wr(w, 1, p->slice_parsing_fields.bits.lists_modification_present_flag);
    wr_ue(w, p->log2_parallel_merge_level_minus2);
    wr(w, 1, p->slice_parsing_fields.bits.slice_segment_header_extension_present_flag);
    wr(w, 1, 0);
    wr_trail(w);
}

static int bits_for(int n) { int k = 0; while ((1 << k) < n) k++; return k; }

static int by_distance(const void *a, const void *b)
{
    int x = abs(((const int *)a)[0]), y = abs(((const int *)b)[0]);
    return x - y;
}

/* the short-term reference picture set of this picture, spelled out */
static void hevc_rps(Wr *w, const VAPictureParameterBufferHEVC *p)
{
    int ref[2][16][2], n[2] = { 0, 0 };
    for (int i = 0; i < 15; i++) {
        const VAPictureHEVC *f = &p->ReferenceFrames[i];
        int dist = f->pic_order_cnt - p->CurrPic.pic_order_cnt, k = dist > 0;
        if (f->picture_id == VA_INVALID_ID || f->flags & (VA_PICTURE_HEVC_INVALID | VA_PICTURE_HEVC_LONG_TERM_REFERENCE) || !dist)
            continue;
        ref[k][n[k]][0] = dist;
        ref[k][n[k]++][1] = !!(f->flags & (VA_PICTURE_HEVC_RPS_ST_CURR_BEFORE | VA_PICTURE_HEVC_RPS_ST_CURR_AFTER));
    }
    wr_ue(w, n[0]);
    wr_ue(w, n[1]);
    for (int k = 0; k < 2; k++) {
        int last = 0;
        qsort(ref[k], n[k], sizeof(ref[k][0]), by_distance);
        for (int i = 0; i < n[k]; i++) {
            wr_ue(w, abs(ref[k][i][0]) - last - 1);
            wr(w, 1, ref[k][i][1]);
            last = abs(ref[k][i][0]);
        }
    }
}

/* Append one slice; where the SPS had reference picture sets, the header is
 * written again because the SPS made here has none. Returns the PPS id. */
static int hevc_slice(Bytes *au, const uint8_t *nal, size_t len, const VAPictureParameterBufferHEVC *p,
                      const VASliceParameterBufferHEVC *s, int dry)
{
    int type = nal[0] >> 1 & 63, idr = type == 19 || type == 20, first, id, dep = 0, ctb, nctb;
    uint8_t *t = sv_malloc(len);
    Rd r = { t, unescape(nal + 2, len - 2, t) * 8, 0 };
    Wr w = { 0 };
    size_t mark, end;

    first = rd(&r, 1);
    if (type >= 16 && type <= 23)
        rd(&r, 1);
    id = rd_ue(&r) & 63;
    if (dry) {
        free(t);
        return id;
    }
    if (!first) {
        if (p->slice_parsing_fields.bits.dependent_slice_segments_enabled_flag)
            dep = rd(&r, 1);
        ctb = 1 << (p->log2_min_luma_coding_block_size_minus3 + 3 + p->log2_diff_max_min_luma_coding_block_size);
        nctb = ((p->pic_width_in_luma_samples + ctb - 1) / ctb) * ((p->pic_height_in_luma_samples + ctb - 1) / ctb);
        rd(&r, bits_for(nctb));
    }
    if (dep || idr || !p->num_short_term_ref_pic_sets) {
        add(au, "\0\0\1", 3);
        add(au, nal, len);
        free(t);
        return id;
    }
    rd(&r, p->num_extra_slice_header_bits);
    rd_ue(&r);
    if (p->slice_parsing_fields.bits.output_flag_present_flag)
        rd(&r, 1);
    if (p->pic_fields.bits.separate_colour_plane_flag)
        rd(&r, 2);
    rd(&r, p->log2_max_pic_order_cnt_lsb_minus4 + 4);
    mark = r.pos;
    r.pos = 0;
    wr_copy(&w, &r, mark);
    if (rd(&r, 1))
        rd(&r, bits_for(p->num_short_term_ref_pic_sets));
    else
        r.pos += p->st_rps_bits;
    wr(&w, 1, 0);
    hevc_rps(&w, p);
    end = ((size_t)s->slice_data_byte_offset - 2) * 8;   /* of the header, alignment included */
    do {
        end--;
    } while (end > r.pos && !(t[end >> 3] >> (7 - (end & 7)) & 1));
    wr_copy(&w, &r, end - r.pos);
    wr_trail(&w);
    r.pos = ((size_t)s->slice_data_byte_offset - 2) * 8;
    wr_copy(&w, &r, r.bits - r.pos);
    add_nal(au, nal, 2, w.p, w.pos / 8);
    free(w.p);
    free(t);
    return id;
}

VAStatus dec_hevc_picture(Dec *d, Ctx *c, const VAPictureParameterBufferHEVC *p, Surface *dst)
{
    static const uint8_t hv[2] = { 0x40, 1 }, hs[2] = { 0x42, 1 }, hp[2] = { 0x44, 1 };
    VASliceParameterBufferHEVC *sp = NULL;
    Bytes au = { 0 };
    Wr w = { 0 };
    VAStatus st;
    int n = 0;

    if (p->num_long_term_ref_pic_sps)
        return VA_STATUS_ERROR_UNIMPLEMENTED;
    hevc_sps(&w, p, d);
    if (dec_changed(&d->sps, &w)) {
        Wr v = { 0 };
        hevc_vps(&v, p);
        add_nal(&au, hv, 2, v.p, v.pos / 8);
        free(v.p);
        add_nal(&au, hs, 2, w.p, w.pos / 8);
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
                int id = hevc_slice(NULL, nal, sp[k].slice_data_size, p, &sp[k], 1);
                memset(&w, 0, sizeof(w));
                hevc_pps(&w, p, id);
                if (dec_changed(&d->pps[id], &w))
                    add_nal(&au, hp, 2, w.p, w.pos / 8);
                free(w.p);
                hevc_slice(&au, nal, sp[k].slice_data_size, p, &sp[k], 0);
            }
            sp = NULL;
        }
    }
    st = dec_consume(d, &au, dst, "dec-hevc");
    free(au.p);
    return st;
}
