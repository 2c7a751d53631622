/* softva - tables of objects by id, and the memory behind surfaces and images */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "internal.h"

uint32_t obj_add(Driver *d, int type, void *o)
{
    uint32_t i;
    pthread_mutex_lock(&d->lock);
    for (i = d->tab[type].hint; i < d->tab[type].n && d->tab[type].v[i]; i++)
        ;
    if (i == d->tab[type].n) {
        uint32_t n = d->tab[type].n ? d->tab[type].n * 2 : 64;
        d->tab[type].v = sv_realloc(d->tab[type].v, n * sizeof(void *));
        memset(d->tab[type].v + d->tab[type].n, 0, (n - d->tab[type].n) * sizeof(void *));
        d->tab[type].n = n;
    }
    d->tab[type].v[i] = o;
    d->tab[type].hint = i + 1;
    pthread_mutex_unlock(&d->lock);
    return (uint32_t)type << 24 | i;
}

void *obj_get(Driver *d, int type, uint32_t id, int take)
{
    void *o = NULL;
    uint32_t i = id & 0xffffff;
    pthread_mutex_lock(&d->lock);
    if (id >> 24 == (uint32_t)type && i < d->tab[type].n) {
        o = d->tab[type].v[i];
        if (take) {
            d->tab[type].v[i] = NULL;
            if (i < d->tab[type].hint)
                d->tab[type].hint = i;
        }
    }
    pthread_mutex_unlock(&d->lock);
    return o;
}
Surface *sv_surface(Driver *d, VASurfaceID id) { return obj_get(d, T_SURFACE, id, 0); }
Buf *sv_buffer(Driver *d, VABufferID id)       { return obj_get(d, T_BUFFER, id, 0); }

Mem *mem_new(size_t size)
{
    Mem *m = sv_calloc(1, sizeof(*m));
    m->ref = 1;
    m->size = size;
    m->fd = memfd_create("softva", MFD_CLOEXEC);
    if (m->fd < 0 || ftruncate(m->fd, size) < 0) {
        free(m);
        return NULL;
    }
    m->ptr = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, m->fd, 0);
    if (m->ptr == MAP_FAILED) {
        close(m->fd);
        free(m);
        return NULL;
    }
    return m;
}
void mem_unref(Mem *m)
{
    if (!m || __sync_sub_and_fetch(&m->ref, 1))
        return;
    munmap(m->ptr, m->size);
    close(m->fd);
    free(m);
}
void buf_unref(Buf *b)
{
    if (!b || __sync_sub_and_fetch(&b->ref, 1))
        return;
    if (b->mem)
        mem_unref(b->mem);
    else
        free(b->data);
    free(b->seg.buf);
    free(b);
}
