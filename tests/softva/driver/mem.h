/* softva - memory that is there: a test double that runs out of it ends the process, loudly */
#ifndef SOFTVA_MEM_H
#define SOFTVA_MEM_H
#include <stdio.h>
#include <stdlib.h>

static inline void *sv_there(void *p)
{
    if (!p) {
        fputs("softva: out of memory\n", stderr);
        abort();
    }
    return p;
}

static inline void *sv_calloc(size_t n, size_t size)
{
    return sv_there(calloc(n ? n : 1, size ? size : 1));
}

static inline void *sv_malloc(size_t size)
{
    return sv_there(malloc(size ? size : 1));
}

static inline void *sv_realloc(void *p, size_t size)
{
    return sv_there(realloc(p, size ? size : 1));
}

#endif
