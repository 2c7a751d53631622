/* softva - AV1 sequence and frame headers, written again from the parameters */
#include "av1.h"

static void wr_su(Wr *w, int n, int v) { wr(w, n, (uint32_t)v & ((1u << n) - 1)); }
static void wr_ns(Wr *w, int n, int v)
{
    int b = 0, m;
    for (int x = n; x; x >>= 1)
        b++;
    m = (1 << b) - n;
    if (v < m)
        wr(w, b - 1, v);
    else {
        wr(w, b - 1, (v + m) >> 1);
        wr(w, 1, (v + m) & 1);
    }
}
static int tile_log2(int blk, int target)
{
    int k = 0;
    while ((blk << k) < target)
        k++;
    return k;
}

void av1_sequence(const Av1 *a, Wr *w, const VADecPictureParameterBufferAV1 *p)
{
    wr(w, 3, p->profile);
    wr(w, 1, 0); wr(w, 1, 0); wr(w, 1, 0); wr(w, 1, 0);
    wr(w, 5, 0); wr(w, 12, 0); wr(w, 5, 31); wr(w, 1, 0);
    wr(w, 4, 15); wr(w, 4, 15);
    wr(w, 16, a->max_w - 1);
    wr(w, 16, a->max_h - 1);
    wr(w, 1, 0);
    wr(w, 1, p->seq_info_fields.fields.use_128x128_superblock);
    wr(w, 1, p->seq_info_fields.fields.enable_filter_intra);
    wr(w, 1, p->seq_info_fields.fields.enable_intra_edge_filter);
    wr(w, 1, p->seq_info_fields.fields.enable_interintra_compound);
    wr(w, 1, p->seq_info_fields.fields.enable_masked_compound);
    wr(w, 1, 1);                                          /* warped motion: the frame says */
    wr(w, 1, p->seq_info_fields.fields.enable_dual_filter);
    wr(w, 1, p->seq_info_fields.fields.enable_order_hint);
    if (p->seq_info_fields.fields.enable_order_hint) {
        wr(w, 1, p->seq_info_fields.fields.enable_jnt_comp);
        wr(w, 1, 1);
    }
    wr(w, 1, 1);                                          /* screen content: the frame says */
    wr(w, 1, 1);                                          /* integer vectors: the frame says */
    if (p->seq_info_fields.fields.enable_order_hint)
        wr(w, 3, p->order_hint_bits_minus_1);
    wr(w, 1, 1);                                          /* super-resolution */
    wr(w, 1, p->seq_info_fields.fields.enable_cdef);
    wr(w, 1, 1);                                          /* restoration */
    wr(w, 1, p->bit_depth_idx != 0);
    if (p->profile != 1)
        wr(w, 1, p->seq_info_fields.fields.mono_chrome);
    wr(w, 1, 0);
    wr(w, 1, p->seq_info_fields.fields.color_range);
    if (!p->seq_info_fields.fields.mono_chrome) {
        if (p->profile == 0)
            wr(w, 2, 0);                                  /* chroma sample position */
        wr(w, 1, 1);                                      /* separate u/v quantiser deltas */
    }
    wr(w, 1, 0);                                          /* no film grain */
    wr_trail(w);
}

static void frame_size(Wr *w, const VADecPictureParameterBufferAV1 *p, int override)
{
    if (override) {
        wr(w, 16, p->frame_width_minus1);
        wr(w, 16, p->frame_height_minus1);
    }
    wr(w, 1, p->pic_info_fields.bits.use_superres);
    if (p->pic_info_fields.bits.use_superres)
        wr(w, 3, p->superres_scale_denominator - 9);
    wr(w, 1, 0);                                          /* render size is the same */
}

static void delta_q(Wr *w, int v)
{
    wr(w, 1, v != 0);
    if (v)
        wr_su(w, 7, v);
}

static void tile_info(Wr *w, const VADecPictureParameterBufferAV1 *p, int fw)
{
    int fh = p->frame_height_minus1 + 1, big = p->seq_info_fields.fields.use_128x128_superblock;
    int sh = big ? 5 : 4, cols = (2 * ((fw + 7) >> 3) + (1 << sh) - 1) >> sh, rows = (2 * ((fh + 7) >> 3) + (1 << sh) - 1) >> sh;
    int maxw = 4096 >> (sh + 2), area = (4096 * 2304) >> (2 * (sh + 2));
    int minc = tile_log2(maxw, cols), maxc = tile_log2(1, min(cols, 64)), maxr = tile_log2(1, min(rows, 64));
    int mint = max(minc, tile_log2(area, rows * cols)), lc, lr, k;
    wr(w, 1, p->pic_info_fields.bits.uniform_tile_spacing_flag);
    if (p->pic_info_fields.bits.uniform_tile_spacing_flag) {
        for (lc = minc; lc < maxc; lc++) {
            int tw = (cols + (1 << lc) - 1) >> lc;
            if ((cols + tw - 1) / tw >= p->tile_cols)
                break;
            wr(w, 1, 1);
        }
        if (lc < maxc)
            wr(w, 1, 0);
        for (lr = max(mint - lc, 0); lr < maxr; lr++) {
            int th = (rows + (1 << lr) - 1) >> lr;
            if ((rows + th - 1) / th >= p->tile_rows)
                break;
            wr(w, 1, 1);
        }
        if (lr < maxr)
            wr(w, 1, 0);
    } else {
        int widest = 1, maxh;
        for (k = 0; k < cols; k += p->width_in_sbs_minus_1[lc++] + 1) {
            if (!k)
                lc = 0;
            wr_ns(w, min(cols - k, maxw), p->width_in_sbs_minus_1[lc]);
            widest = max(widest, p->width_in_sbs_minus_1[lc] + 1);
        }
        lc = tile_log2(1, p->tile_cols);
        area = mint > 0 ? (rows * cols) >> (mint + 1) : rows * cols;
        maxh = max(area / widest, 1);
        lr = 0;
        for (k = 0; k < rows; k += p->height_in_sbs_minus_1[lr++] + 1)
            wr_ns(w, min(rows - k, maxh), p->height_in_sbs_minus_1[lr]);
        lr = tile_log2(1, p->tile_rows);
    }
    if (lc || lr) {
        wr(w, lc + lr, p->context_update_tile_id);
        wr(w, 2, 3);
    }
}

static int dist(const VADecPictureParameterBufferAV1 *p, int a, int b)
{
    int m = 1 << p->order_hint_bits_minus_1, d = a - b;
    return (d & (m - 1)) - (d & m);
}

static int skip_mode_allowed(const VADecPictureParameterBufferAV1 *p, const int hint[7])
{
    int f = -1, b = -1, s = -1;
    if (!p->mode_control_fields.bits.reference_select || !p->seq_info_fields.fields.enable_order_hint)
        return 0;
    for (int i = 0; i < 7; i++) {
        int d = dist(p, hint[i], p->order_hint);
        if (d < 0 && (f < 0 || dist(p, hint[i], hint[f]) > 0))
            f = i;
        if (d > 0 && (b < 0 || dist(p, hint[i], hint[b]) < 0))
            b = i;
    }
    if (f < 0)
        return 0;
    if (b >= 0)
        return 1;
    for (int i = 0; i < 7; i++)
        if (dist(p, hint[i], hint[f]) < 0 && (s < 0 || dist(p, hint[i], hint[s]) > 0))
            s = i;
    return s >= 0;
}

static void subexp(Wr *w, int n, int v)
{
    for (int i = 0, mk = 0;; i++) {
        int b = i ? 2 + i : 3, a = 1 << b;
        if (n <= mk + 3 * a) {
            wr_ns(w, n - mk, v - mk);
            return;
        }
        wr(w, 1, v >= mk + a);
        if (v < mk + a) {
            wr(w, b, v - mk);
            return;
        }
        mk += a;
    }
}
static int recenter(int r, int x) { return x > 2 * r ? x : x >= r ? 2 * (x - r) : 2 * (r - x) - 1; }

static void gm_param(Wr *w, int type, int idx, int v, int prev, int hp)
{
    int abs = 12, prec = 15, diff, sub = 0, round = 0, mx, n, r, x;
    if (idx < 2) {
        abs = type == 1 ? 9 - !hp : 12;
        prec = type == 1 ? 3 - !hp : 6;
    }
    diff = 16 - prec;
    if (idx % 3 == 2) {
        round = 1 << 16;
        sub = 1 << prec;
    }
    mx = 1 << abs;
    n = 2 * mx + 1;
    r = (prev >> diff) - sub + mx;
    x = ((v - round) >> diff) + mx;
    subexp(w, n, 2 * r <= n ? recenter(r, x) : recenter(n - 1 - r, n - 1 - x));
}

void av1_frame_header(Av1 *a, Wr *w, const VADecPictureParameterBufferAV1 *p, int refresh)
{
    static const int seg_bits[8] = { 8, 6, 6, 6, 6, 3, 0, 0 };
    static const int ident[6] = { 0, 0, 1 << 16, 0, 0, 1 << 16 };
    int type = p->pic_info_fields.bits.frame_type, show = p->pic_info_fields.bits.show_frame;
    int intra = type == 0 || type == 2, err = p->pic_info_fields.bits.error_resilient_mode;
    int sct = p->pic_info_fields.bits.allow_screen_content_tools, mono = p->seq_info_fields.fields.mono_chrome;
    int fimv = sct && p->pic_info_fields.bits.force_integer_mv;
    int override = p->frame_width_minus1 + 1 != a->max_w || p->frame_height_minus1 + 1 != a->max_h;
    int hb = p->seq_info_fields.fields.enable_order_hint ? p->order_hint_bits_minus_1 + 1 : 0;
    int up = p->frame_width_minus1 + 1, fw = up, idx[7], hint[7], lossless = 1, uses = 0, usesc = 0;
    int prim = intra || err || (type == 0 && show) ? 7 : p->primary_ref_frame;

    if (p->pic_info_fields.bits.use_superres)
        fw = (up * 8 + p->superres_scale_denominator / 2) / p->superres_scale_denominator;
    if (type == 3 || (type == 0 && show))
        err = 1;
    for (int i = 0; i < 7; i++) {
        VASurfaceID s = p->ref_frame_map[p->ref_frame_idx[i]];
        idx[i] = 0;
        for (int k = 0; k < 8; k++)
            if (a->slot[k].ok && a->slot[k].s == s)
                idx[i] = k;
        hint[i] = a->slot[idx[i]].hint;
    }
    wr(w, 1, 0);
    wr(w, 2, type);
    wr(w, 1, show);
    if (!show)
        wr(w, 1, p->pic_info_fields.bits.showable_frame);
    if (!(type == 3 || (type == 0 && show)))
        wr(w, 1, err);
    wr(w, 1, p->pic_info_fields.bits.disable_cdf_update);
    wr(w, 1, sct);
    if (sct)
        wr(w, 1, p->pic_info_fields.bits.force_integer_mv);
    if (type != 3)
        wr(w, 1, override);
    else
        override = 1;
    wr(w, hb, p->order_hint);
    if (!intra && !err)
        wr(w, 3, prim);
    if (!(type == 3 || (type == 0 && show)))
        wr(w, 8, refresh);
    else
        refresh = 0xff;
    if ((!intra || refresh != 0xff) && err && hb)
        for (int i = 0; i < 8; i++)
            wr(w, hb, a->slot[i].hint);
    if (intra) {
        frame_size(w, p, override);
        if (sct && up == fw)
            wr(w, 1, p->pic_info_fields.bits.allow_intrabc);
    } else {
        if (hb)
            wr(w, 1, 0);
        for (int i = 0; i < 7; i++)
            wr(w, 3, idx[i]);
        if (override && !err)
            wr(w, 7, 0);                                  /* size is not taken from a reference */
        frame_size(w, p, override);
        if (!fimv)
            wr(w, 1, p->pic_info_fields.bits.allow_high_precision_mv);
        wr(w, 1, p->interp_filter == 4);
        if (p->interp_filter != 4)
            wr(w, 2, p->interp_filter);
        wr(w, 1, p->pic_info_fields.bits.is_motion_mode_switchable);
        if (!err && hb)
            wr(w, 1, p->pic_info_fields.bits.use_ref_frame_mvs);
    }
    if (!p->pic_info_fields.bits.disable_cdf_update)
        wr(w, 1, p->pic_info_fields.bits.disable_frame_end_update_cdf);
    tile_info(w, p, fw);

    wr(w, 8, p->base_qindex);
    delta_q(w, p->y_dc_delta_q);
    if (!mono) {
        int diff = p->u_dc_delta_q != p->v_dc_delta_q || p->u_ac_delta_q != p->v_ac_delta_q;
        wr(w, 1, diff);
        delta_q(w, p->u_dc_delta_q);
        delta_q(w, p->u_ac_delta_q);
        if (diff) {
            delta_q(w, p->v_dc_delta_q);
            delta_q(w, p->v_ac_delta_q);
        }
    }
    wr(w, 1, p->qmatrix_fields.bits.using_qmatrix);
    if (p->qmatrix_fields.bits.using_qmatrix) {
        wr(w, 4, p->qmatrix_fields.bits.qm_y);
        wr(w, 4, p->qmatrix_fields.bits.qm_u);
        if (!mono)
            wr(w, 4, p->qmatrix_fields.bits.qm_v);
    }
    wr(w, 1, p->seg_info.segment_info_fields.bits.enabled);
    if (p->seg_info.segment_info_fields.bits.enabled) {
        int upd = 1;
        if (prim != 7) {
            upd = p->seg_info.segment_info_fields.bits.update_data;
            wr(w, 1, p->seg_info.segment_info_fields.bits.update_map);
            if (p->seg_info.segment_info_fields.bits.update_map)
                wr(w, 1, p->seg_info.segment_info_fields.bits.temporal_update);
            wr(w, 1, upd);
        }
        for (int i = 0; upd && i < 8; i++)
            for (int j = 0; j < 8; j++) {
                int on = p->seg_info.feature_mask[i] >> j & 1;
                wr(w, 1, on);
                if (on && seg_bits[j])
                    wr_su(w, seg_bits[j] + (j < 5), p->seg_info.feature_data[i][j]);
            }
    }
    if (p->base_qindex) {
        wr(w, 1, p->mode_control_fields.bits.delta_q_present_flag);
        if (p->mode_control_fields.bits.delta_q_present_flag) {
            wr(w, 2, p->mode_control_fields.bits.log2_delta_q_res);
            if (!p->pic_info_fields.bits.allow_intrabc) {
                wr(w, 1, p->mode_control_fields.bits.delta_lf_present_flag);
                if (p->mode_control_fields.bits.delta_lf_present_flag) {
                    wr(w, 2, p->mode_control_fields.bits.log2_delta_lf_res);
                    wr(w, 1, p->mode_control_fields.bits.delta_lf_multi);
                }
            }
        }
    }
    for (int i = 0; i < 8; i++) {
        int q = p->base_qindex;
        if (p->seg_info.segment_info_fields.bits.enabled && p->seg_info.feature_mask[i] & 1)
            q = min(255, max(0, q + p->seg_info.feature_data[i][0]));
        if (q || p->y_dc_delta_q || p->u_dc_delta_q || p->u_ac_delta_q || p->v_dc_delta_q || p->v_ac_delta_q)
            lossless = 0;
    }
    if (!lossless && !p->pic_info_fields.bits.allow_intrabc) {
        wr(w, 6, p->filter_level[0]);
        wr(w, 6, p->filter_level[1]);
        if (!mono && (p->filter_level[0] || p->filter_level[1])) {
            wr(w, 6, p->filter_level_u);
            wr(w, 6, p->filter_level_v);
        }
        wr(w, 3, p->loop_filter_info_fields.bits.sharpness_level);
        wr(w, 1, p->loop_filter_info_fields.bits.mode_ref_delta_enabled);
        if (p->loop_filter_info_fields.bits.mode_ref_delta_enabled) {
            wr(w, 1, 1);
            for (int i = 0; i < 8; i++) { wr(w, 1, 1); wr_su(w, 7, p->ref_deltas[i]); }
            for (int i = 0; i < 2; i++) { wr(w, 1, 1); wr_su(w, 7, p->mode_deltas[i]); }
        }
        if (p->seq_info_fields.fields.enable_cdef) {
            wr(w, 2, p->cdef_damping_minus_3);
            wr(w, 2, p->cdef_bits);
            for (int i = 0; i < 1 << p->cdef_bits; i++) {
                wr(w, 6, p->cdef_y_strengths[i]);
                if (!mono)
                    wr(w, 6, p->cdef_uv_strengths[i]);
            }
        }
    }
    if (!(lossless && fw == up) && !p->pic_info_fields.bits.allow_intrabc) {
        static const int code[4] = { 0, 2, 3, 1 };
        int t[3] = { p->loop_restoration_fields.bits.yframe_restoration_type,
                     p->loop_restoration_fields.bits.cbframe_restoration_type,
                     p->loop_restoration_fields.bits.crframe_restoration_type };
        for (int i = 0; i < (mono ? 1 : 3); i++) {
            wr(w, 2, code[t[i]]);
            uses |= t[i];
            if (i)
                usesc |= t[i];
        }
        if (uses) {
            int s = p->loop_restoration_fields.bits.lr_unit_shift;
            if (p->seq_info_fields.fields.use_128x128_superblock) {
                wr(w, 1, s > 1);
            } else {
                wr(w, 1, s > 0);
                if (s)
                    wr(w, 1, s > 1);
            }
            if (usesc)
                wr(w, 1, p->loop_restoration_fields.bits.lr_uv_shift);
        }
    }
    if (!lossless)
        wr(w, 1, p->mode_control_fields.bits.tx_mode == 2);
    if (!intra) {
        wr(w, 1, p->mode_control_fields.bits.reference_select);
        if (skip_mode_allowed(p, hint))
            wr(w, 1, p->mode_control_fields.bits.skip_mode_present);
        if (!err)
            wr(w, 1, p->pic_info_fields.bits.allow_warped_motion);
    }
    wr(w, 1, p->mode_control_fields.bits.reduced_tx_set_used);
    for (int i = 0; !intra && i < 7; i++) {
        const int *prev = prim == 7 ? ident : a->slot[idx[prim]].gm[i];
        int t = p->wm[i].wmtype, hp = p->pic_info_fields.bits.allow_high_precision_mv && !fimv;
        const int *m = p->wm[i].wmmat;
        wr(w, 1, t != 0);
        if (!t)
            continue;
        wr(w, 1, t == 2);
        if (t != 2)
            wr(w, 1, t == 1);
        if (t >= 2) {
            gm_param(w, t, 2, m[2], prev[2], hp);
            gm_param(w, t, 3, m[3], prev[3], hp);
            if (t == 3) {
                gm_param(w, t, 4, m[4], prev[4], hp);
                gm_param(w, t, 5, m[5], prev[5], hp);
            }
        }
        gm_param(w, t, 0, m[0], prev[0], hp);
        gm_param(w, t, 1, m[1], prev[1], hp);
    }
    while (w->pos & 7)
        wr(w, 1, 0);
    /* what later frames will want to know */
    for (int k = 0; k < 8; k++)
        if (refresh >> k & 1) {
            a->slot[k].ok = 1;
            a->slot[k].s = p->current_frame;
            a->slot[k].hint = p->order_hint;
            for (int i = 0; i < 7; i++)
                for (int j = 0; j < 6; j++)
                    a->slot[k].gm[i][j] = intra || !p->wm[i].wmtype ? ident[j] : p->wm[i].wmmat[j];
        }
}
