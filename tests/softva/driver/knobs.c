/* softva - behaviour knobs (environment variables) and the counters that say which code ran */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "softva.h"

static struct { char name[48]; unsigned long n; } counters[96];
static int ncounters;
static pthread_mutex_t count_lock = PTHREAD_MUTEX_INITIALIZER;

int sv_disabled(const char *what)
{
    const char *e = getenv("SOFTVA_DISABLE");
    size_t n = strlen(what);
    for (; e && *e; e = strchr(e, ',') ? strchr(e, ',') + 1 : NULL)
        if (!strncmp(e, what, n) && (e[n] == 0 || e[n] == ','))
            return 1;
    return 0;
}

void sv_count(const char *what)
{
    int i;
    pthread_mutex_lock(&count_lock);
    for (i = 0; i < ncounters && strcmp(counters[i].name, what); i++)
        ;
    if (i == ncounters && i < (int)(sizeof(counters) / sizeof(*counters)))
        snprintf(counters[ncounters++].name, sizeof(counters[0].name), "%s", what);
    if (i < ncounters)
        counters[i].n++;
    pthread_mutex_unlock(&count_lock);
}

static FILE *log_open(void)
{
    const char *p = getenv("SOFTVA_LOG");
    return p && *p ? fopen(p, "a") : NULL;
}

void sv_note(const char *fmt, ...)
{
    FILE *f = log_open();
    va_list ap;
    if (!f)
        return;
    va_start(ap, fmt);
    fprintf(f, "note ");
    vfprintf(f, fmt, ap);
    fputc('\n', f);
    va_end(ap);
    fclose(f);
}

/* SOFTVA_FAIL=EndPicture:7,CreateSurfaces@3:2 - the 7th and every later EndPicture
 * fails, only the 3rd CreateSurfaces fails (with VA status 2; 34 by default). */
int sv_must_fail(const char *call)
{
    const char *e = getenv("SOFTVA_FAIL");
    size_t n = strlen(call);
    unsigned long k = 0, at;
    char *end;
    sv_count(call);
    for (int i = 0; e && i < ncounters; i++)
        if (!strcmp(counters[i].name, call))
            k = counters[i].n;
    for (; e && *e; e = strchr(e, ',') ? strchr(e, ',') + 1 : NULL) {
        if (strncmp(e, call, n) || (e[n] != ':' && e[n] != '@'))
            continue;
        at = strtoul(e + n + 1, &end, 10);
        if (k == at || (k > at && e[n] == ':'))
            return *end == ':' ? (int)strtoul(end + 1, NULL, 10) : VA_STATUS_ERROR_HW_BUSY;
    }
    return 0;
}

/* Not in Terminate: a program that leaks its display never gets there. */
__attribute__((destructor)) static void report(void)
{
    FILE *f = ncounters ? log_open() : NULL;
    if (!f)
        return;
    for (int i = 0; i < ncounters; i++)
        fprintf(f, "count %s %lu\n", counters[i].name, counters[i].n);
    fclose(f);
}
