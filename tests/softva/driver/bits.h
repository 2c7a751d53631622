/* softva - bit reader/writer and NAL helpers for H.264/HEVC headers. */
#ifndef SOFTVA_BITS_H
#define SOFTVA_BITS_H
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "mem.h"

typedef struct Rd { const uint8_t *p; size_t bits, pos; } Rd;

static inline uint32_t rd(Rd *r, int n)
{
    uint32_t v = 0;
    while (n--) {
        v = v << 1 | (r->pos < r->bits ? r->p[r->pos >> 3] >> (7 - (r->pos & 7)) & 1 : 0);
        r->pos++;
    }
    return v;
}
static inline uint32_t rd_ue(Rd *r)
{
    int n = 0;
    while (n < 32 && r->pos < r->bits && !rd(r, 1))
        n++;
    return n ? (1u << n) - 1 + rd(r, n) : 0;
}
static inline int32_t rd_se(Rd *r)
{
    uint32_t k = rd_ue(r);
    return k & 1 ? (int32_t)((k + 1) / 2) : -(int32_t)(k / 2);
}

typedef struct Wr { uint8_t *p; size_t cap, pos; } Wr;

static inline void wr(Wr *w, int n, uint32_t v)
{
    while (n--) {
        if (w->pos / 8 >= w->cap) {
            size_t c = w->cap ? w->cap * 2 : 256;
            w->p = sv_realloc(w->p, c);
            memset(w->p + w->cap, 0, c - w->cap);
            w->cap = c;
        }
        if (v >> n & 1)
            w->p[w->pos >> 3] |= 0x80 >> (w->pos & 7);
        w->pos++;
    }
}
static inline void wr_ue(Wr *w, uint32_t v)
{
    int n = 0;
    while ((v + 1) >> (n + 1))
        n++;
    wr(w, n, 0);
    wr(w, n + 1, v + 1);
}
static inline void wr_se(Wr *w, int32_t v) { wr_ue(w, v > 0 ? 2 * (uint32_t)v - 1 : 2 * (uint32_t)-v); }
static inline void wr_trail(Wr *w)
{
    wr(w, 1, 1);
    while (w->pos & 7)
        wr(w, 1, 0);
}
/* copy n bits from r */
static inline void wr_copy(Wr *w, Rd *r, size_t n)
{
    for (; n >= 8 && !(w->pos & 7) && !(r->pos & 7); n -= 8)
        wr(w, 8, rd(r, 8));
    for (; n >= 16; n -= 16)
        wr(w, 16, rd(r, 16));
    while (n--)
        wr(w, 1, rd(r, 1));
}

typedef struct Bytes { uint8_t *p; size_t n, cap; } Bytes;
static inline void add(Bytes *b, const void *p, size_t n)
{
    if (b->n + n + 64 > b->cap) {
        b->cap = (b->n + n + 64) * 2;
        b->p = sv_realloc(b->p, b->cap);
    }
    if (n)
        memcpy(b->p + b->n, p, n);
    b->n += n;
    memset(b->p + b->n, 0, 64);
}
/* append a NAL unit: start code, then the payload with emulation prevention */
static inline void add_nal(Bytes *b, const uint8_t *hdr, int nh, const uint8_t *p, size_t n)
{
    int z = 0;
    add(b, "\0\0\0\1", 4);
    add(b, hdr, nh);
    for (size_t i = 0; i < n; i++) {
        if (z >= 2 && p[i] <= 3) {
            add(b, "\3", 1);
            z = 0;
        }
        add(b, p + i, 1);
        z = p[i] ? 0 : z + 1;
    }
}
/* strip emulation prevention; returns the length written to o */
static inline size_t unescape(const uint8_t *p, size_t n, uint8_t *o)
{
    size_t k = 0;
    int z = 0;
    for (size_t i = 0; i < n; i++) {
        if (z >= 2 && p[i] == 3) {
            z = 0;
            continue;
        }
        o[k++] = p[i];
        z = p[i] ? 0 : z + 1;
    }
    return k;
}
/* next NAL in an Annex B stream: returns its start and length, moves *pos on */
static inline const uint8_t *next_nal(const uint8_t *p, size_t n, size_t *pos, size_t *len)
{
    size_t i = *pos, s;
    while (i + 3 <= n && !(p[i] == 0 && p[i + 1] == 0 && p[i + 2] == 1))
        i++;
    if (i + 3 > n)
        return NULL;
    s = i += 3;
    while (i + 3 <= n && !(p[i] == 0 && p[i + 1] == 0 && p[i + 2] <= 1))
        i++;
    if (i + 3 > n)
        i = n;
    *pos = i;
    *len = i - s;
    return p + s;
}
#endif
