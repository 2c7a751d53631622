/* fakedrm - LD_PRELOAD helper: lets a process open a DRM render node that does
 * not exist. Paths below /dev/dri/ are opened as an unlinked temporary file and
 * libdrm's questions about that descriptor are answered as for a render node.
 * Needs no privileges and no kernel driver. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAXFD 65536
static unsigned char ours[MAXFD];

static int fake(const char *path)
{
    int fd;
    if (!path || strncmp(path, "/dev/dri/renderD", 16))
        return -2;
    /* FAKEDRM_NODES=renderD128,renderD129 limits which nodes "exist" */
    const char *n = getenv("FAKEDRM_NODES");
    if (!n)
        n = "renderD128";
    if (!strstr(n, path + 9))
        return -2;
    fd = memfd_create("fakedrm", MFD_CLOEXEC);
    if (fd >= 0 && fd < MAXFD)
        ours[fd] = 1;
    return fd;
}

#define OPEN(name)                                                           \
    int name(const char *path, int flags, ...)                               \
    {                                                                        \
        static int (*real)(const char *, int, ...);                          \
        int fd = fake(path);                                                 \
        mode_t m = 0;                                                        \
        if (fd != -2)                                                        \
            return fd;                                                       \
        if (!real)                                                           \
            real = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, #name); \
        if (flags & (O_CREAT | O_TMPFILE)) {                                 \
            va_list ap;                                                      \
            va_start(ap, flags);                                             \
            m = va_arg(ap, mode_t);                                          \
            va_end(ap);                                                      \
        }                                                                    \
        fd = real(path, flags, m);                                           \
        if (fd >= 0 && fd < MAXFD)                                           \
            ours[fd] = 0;                                                    \
        return fd;                                                           \
    }
OPEN(open)
OPEN(open64)

static int is_ours(int fd) { return fd >= 0 && fd < MAXFD && ours[fd]; }

/* libva asks this one; 2 is the number of the render node type */
int drmGetNodeTypeFromFd(int fd)
{
    static int (*real)(int);
    if (is_ours(fd))
        return 2;
    if (!real)
        real = (int (*)(int))dlsym(RTLD_NEXT, "drmGetNodeTypeFromFd");
    return real ? real(fd) : -1;
}

typedef struct { int maj, min, patch; int nl; char *name; int dl; char *date; int el; char *desc; } Version;
static Version *mine;

void *drmGetVersion(int fd)
{
    static void *(*real)(int);
    if (is_ours(fd)) {
        const char *n = getenv("FAKEDRM_DRIVER");
        Version *v = calloc(1, sizeof(*v));
        if (!v)
            return NULL;
        v->maj = 1;
        v->name = strdup(n ? n : "softva");
        v->date = strdup("0");
        v->desc = strdup("fake render node");
        if (!v->name || !v->date || !v->desc) {
            free(v->name);
            free(v->date);
            free(v->desc);
            free(v);
            return NULL;
        }
        v->nl = strlen(v->name);
        v->dl = strlen(v->date);
        v->el = strlen(v->desc);
        return mine = v;
    }
    if (!real)
        real = (void *(*)(int))dlsym(RTLD_NEXT, "drmGetVersion");
    return real ? real(fd) : NULL;
}

void drmFreeVersion(void *p)
{
    static void (*real)(void *);
    Version *v = p;
    if (p && p == mine) {
        free(v->name); free(v->date); free(v->desc); free(v);
        mine = NULL;
        return;
    }
    if (!real)
        real = (void (*)(void *))dlsym(RTLD_NEXT, "drmFreeVersion");
    if (real)
        real(p);
}
