/* softva - what the driver can do: profiles, entry points, attributes */
#include <stdlib.h>
#include <string.h>
#include "internal.h"

static const struct { VAProfile p; VAEntrypoint e; const char *off; } caps[] = {
    { VAProfileNone,                    VAEntrypointVideoProc, "vpp" },
#ifdef SOFTVA_ENC
    { VAProfileH264ConstrainedBaseline, VAEntrypointEncSlice, "h264enc" },
    { VAProfileH264Main,                VAEntrypointEncSlice, "h264enc" },
    { VAProfileH264High,                VAEntrypointEncSlice, "h264enc" },
    { VAProfileHEVCMain,                VAEntrypointEncSlice, "hevcenc" },
    { VAProfileHEVCMain10,              VAEntrypointEncSlice, "hevcenc" },
    { VAProfileH264ConstrainedBaseline, VAEntrypointEncSliceLP, "lowpower" },
    { VAProfileH264Main,                VAEntrypointEncSliceLP, "lowpower" },
    { VAProfileH264High,                VAEntrypointEncSliceLP, "lowpower" },
    { VAProfileHEVCMain,                VAEntrypointEncSliceLP, "lowpower" },
    { VAProfileHEVCMain10,              VAEntrypointEncSliceLP, "lowpower" },
#endif
#ifdef SOFTVA_DEC
    { VAProfileH264ConstrainedBaseline, VAEntrypointVLD, "h264dec" },
    { VAProfileH264Main,                VAEntrypointVLD, "h264dec" },
    { VAProfileH264High,                VAEntrypointVLD, "h264dec" },
    { VAProfileHEVCMain,                VAEntrypointVLD, "hevcdec" },
    { VAProfileHEVCMain10,              VAEntrypointVLD, "hevcdec" },
    { VAProfileVP9Profile0,             VAEntrypointVLD, "vp9dec" },
    { VAProfileVP9Profile2,             VAEntrypointVLD, "vp9dec" },
#ifdef SOFTVA_AV1
    { VAProfileAV1Profile0,             VAEntrypointVLD, "av1dec" },
#endif
#endif
};
#define NCAPS (int)(sizeof(caps) / sizeof(*caps))

static int has_cap(VAProfile p, VAEntrypoint e)
{
    for (int i = 0; i < NCAPS; i++)
        if (caps[i].p == p && caps[i].e == e && !sv_disabled(caps[i].off))
            return 1;
    return 0;
}

VAStatus QueryConfigProfiles(VADriverContextP x, VAProfile *list, int *num)
{
    int n = 0;
    for (int i = 0; i < NCAPS; i++) {
        int j;
        if (!has_cap(caps[i].p, caps[i].e))
            continue;
        for (j = 0; j < n && list[j] != caps[i].p; j++)
            ;
        if (j == n)
            list[n++] = caps[i].p;
    }
    *num = n;
    return VA_STATUS_SUCCESS;
}

VAStatus QueryConfigEntrypoints(VADriverContextP x, VAProfile p, VAEntrypoint *list, int *num)
{
    int n = 0;
    for (int i = 0; i < NCAPS; i++)
        if (caps[i].p == p && has_cap(p, caps[i].e))
            list[n++] = caps[i].e;
    *num = n;
    return n ? VA_STATUS_SUCCESS : VA_STATUS_ERROR_UNSUPPORTED_PROFILE;
}

static int deep_profile(VAProfile p) { return p == VAProfileHEVCMain10 || p == VAProfileVP9Profile2; }

static uint32_t attrib(VAProfile p, VAEntrypoint e, VAConfigAttribType t)
{
    int enc = e == VAEntrypointEncSlice || e == VAEntrypointEncSliceLP;
    int hevc = p == VAProfileHEVCMain || p == VAProfileHEVCMain10;
    switch (t) {
    case VAConfigAttribRTFormat:
        if (e == VAEntrypointVideoProc)
            return VA_RT_FORMAT_YUV420 | VA_RT_FORMAT_YUV420_10 | VA_RT_FORMAT_RGB32;
        return deep_profile(p) || p == VAProfileAV1Profile0 ? VA_RT_FORMAT_YUV420 | VA_RT_FORMAT_YUV420_10
                                        : VA_RT_FORMAT_YUV420;
    case VAConfigAttribMaxPictureWidth:
    case VAConfigAttribMaxPictureHeight:
        return 8192;
    case VAConfigAttribDecSliceMode:
        return e == VAEntrypointVLD ? VA_DEC_SLICE_MODE_NORMAL : VA_ATTRIB_NOT_SUPPORTED;
    default:
        break;
    }
    if (!enc)
        return VA_ATTRIB_NOT_SUPPORTED;
    switch (t) {
    case VAConfigAttribRateControl: {
        uint32_t rc = VA_RC_CQP | VA_RC_CBR | VA_RC_VBR | VA_RC_ICQ | VA_RC_QVBR;
        if (sv_disabled("qvbr")) rc &= ~VA_RC_QVBR;
        if (sv_disabled("icq"))  rc &= ~VA_RC_ICQ;
        if (sv_disabled("vbr"))  rc &= ~VA_RC_VBR;
        if (sv_disabled("cbr"))  rc &= ~VA_RC_CBR;
        return rc; }
    case VAConfigAttribEncPackedHeaders:
        return VA_ENC_PACKED_HEADER_SEQUENCE | VA_ENC_PACKED_HEADER_PICTURE |
               VA_ENC_PACKED_HEADER_SLICE | VA_ENC_PACKED_HEADER_MISC |
               VA_ENC_PACKED_HEADER_RAW_DATA;
    case VAConfigAttribEncMaxRefFrames:
        return 1;                               /* one past reference, no B pictures */
    case VAConfigAttribEncMaxSlices:
        return 1;
    case VAConfigAttribEncQualityRange:
        return 7;
#if VA_CHECK_VERSION(1, 13, 0)
    case VAConfigAttribEncHEVCFeatures: {
        VAConfigAttribValEncHEVCFeatures f = { .value = 0 };   /* few tools: enc.c must match them */
        f.bits.cu_qp_delta = 1;
        return hevc ? f.value : VA_ATTRIB_NOT_SUPPORTED; }
    case VAConfigAttribEncHEVCBlockSizes: {
        VAConfigAttribValEncHEVCBlockSizes b = { .value = 0 };
        b.bits.log2_max_coding_tree_block_size_minus3 = 2;     /* 32 */
        b.bits.log2_min_coding_tree_block_size_minus3 = 2;
        b.bits.log2_min_luma_coding_block_size_minus3 = 0;     /* 8 */
        b.bits.log2_max_luma_transform_block_size_minus2 = 3;  /* 32 */
        b.bits.log2_min_luma_transform_block_size_minus2 = 0;  /* 4 */
        return hevc ? b.value : VA_ATTRIB_NOT_SUPPORTED; }
#endif
    default:
        return VA_ATTRIB_NOT_SUPPORTED;
    }
}

VAStatus GetConfigAttributes(VADriverContextP x, VAProfile p, VAEntrypoint e,
                                    VAConfigAttrib *a, int n)
{
    if (!has_cap(p, e))
        return VA_STATUS_ERROR_UNSUPPORTED_ENTRYPOINT;
    for (int i = 0; i < n; i++)
        a[i].value = attrib(p, e, a[i].type);
    return VA_STATUS_SUCCESS;
}

VAStatus CreateConfig(VADriverContextP x, VAProfile p, VAEntrypoint e,
                             VAConfigAttrib *a, int n, VAConfigID *id)
{
    Config *c;
    ENTER("CreateConfig");
    if (!has_cap(p, e))
        return VA_STATUS_ERROR_UNSUPPORTED_PROFILE;
    c = sv_calloc(1, sizeof(*c));
    c->profile = p;
    c->ep = e;
    c->rc = VA_RC_CQP;
    for (int i = 0; i < n; i++)
        if (a[i].type == VAConfigAttribRateControl)
            c->rc = a[i].value;
    *id = obj_add(drv(x), T_CONFIG, c);
    return VA_STATUS_SUCCESS;
}

VAStatus DestroyConfig(VADriverContextP x, VAConfigID id)
{
    void *c = obj_get(drv(x), T_CONFIG, id, 1);
    free(c);
    return c ? VA_STATUS_SUCCESS : VA_STATUS_ERROR_INVALID_CONFIG;
}

VAStatus QueryConfigAttributes(VADriverContextP x, VAConfigID id, VAProfile *p,
                                      VAEntrypoint *e, VAConfigAttrib *a, int *n)
{
    Config *c = obj_get(drv(x), T_CONFIG, id, 0);
    if (!c)
        return VA_STATUS_ERROR_INVALID_CONFIG;
    *p = c->profile;
    *e = c->ep;
    a[0].type = VAConfigAttribRTFormat;
    a[0].value = attrib(c->profile, c->ep, VAConfigAttribRTFormat);
    *n = 1;
    return VA_STATUS_SUCCESS;
}

VAStatus QuerySurfaceAttributes(VADriverContextP x, VAConfigID id,
                                       VASurfaceAttrib *a, unsigned *num)
{
    Config *c = obj_get(drv(x), T_CONFIG, id, 0);
    unsigned n = 0, cap = a ? *num : 0;
    VASurfaceAttrib t;
    if (!c)
        return VA_STATUS_ERROR_INVALID_CONFIG;
#define PUT(ty, fl, v) do { memset(&t, 0, sizeof(t)); t.type = ty; t.flags = fl; \
        t.value.type = VAGenericValueTypeInteger; t.value.value.i = v;           \
        if (n < cap) { a[n] = t; } n++; } while (0)
    for (int i = 0; i < nformats; i++) {
        int ok = c->ep == VAEntrypointVideoProc ? 1 :
                 c->profile == VAProfileAV1Profile0 ? formats[i] == VA_FOURCC_P010 || formats[i] == VA_FOURCC_NV12 :
                 deep_profile(c->profile) ? formats[i] == VA_FOURCC_P010
                                                   : formats[i] == VA_FOURCC_NV12;
        if (ok)
            PUT(VASurfaceAttribPixelFormat, VA_SURFACE_ATTRIB_GETTABLE | VA_SURFACE_ATTRIB_SETTABLE,
                (int)formats[i]);
    }
    PUT(VASurfaceAttribMinWidth,  VA_SURFACE_ATTRIB_GETTABLE, 16);
    PUT(VASurfaceAttribMinHeight, VA_SURFACE_ATTRIB_GETTABLE, 16);
    PUT(VASurfaceAttribMaxWidth,  VA_SURFACE_ATTRIB_GETTABLE, 8192);
    PUT(VASurfaceAttribMaxHeight, VA_SURFACE_ATTRIB_GETTABLE, 8192);
    PUT(VASurfaceAttribMemoryType, VA_SURFACE_ATTRIB_GETTABLE | VA_SURFACE_ATTRIB_SETTABLE,
        VA_SURFACE_ATTRIB_MEM_TYPE_VA);
    *num = n;
    return a && n > cap ? VA_STATUS_ERROR_MAX_NUM_EXCEEDED : VA_STATUS_SUCCESS;
}

int sv_ncaps(void)
{
    return NCAPS;
}
