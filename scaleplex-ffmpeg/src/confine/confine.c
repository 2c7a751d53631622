/*
 * confine: start a program that may open what it is told and nothing else, and that dies with who started it.
 *
 *   confine [--parent PID] [--run PATH | --read PATH | --write PATH | --device PATH | --connect PORT]... -- PROGRAM ARG...
 *   confine --abi
 *
 * --run      files below PATH may be read and executed
 * --read     files below PATH may be read
 * --write    files below PATH may be read, written, made, renamed and removed
 * --device   PATH, or what is below it, may be opened for reading and writing and takes ioctls
 * --connect  TCP connections to PORT of any host; without one, none
 * --parent   end at once if the process that started this one is no longer PID
 * --abi      print the version of Landlock this kernel has, 0 for none
 *
 * A path that is not there is left out. Without Landlock the program is started all the same, unconfined: who starts it
 * asks --abi once and says so. With it, and when a rule cannot be made, nothing is started (exit code 125). The program
 * cannot gain privileges, send signals to processes outside, or read their memory.
 *
 * The numbers below are the kernel's interface (linux/landlock.h). They stand here because the header of the oldest
 * release this is built on ends at version 2.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule 445
#define SYS_landlock_restrict_self 446
#endif

#define FS(bit) (UINT64_C(1) << (bit))
enum { EXECUTE, WRITE_FILE, READ_FILE, READ_DIR, REMOVE_DIR, REMOVE_FILE, MAKE_CHAR, MAKE_DIR, MAKE_REG, MAKE_SOCK,
       MAKE_FIFO, MAKE_BLOCK, MAKE_SYM, REFER, TRUNCATE, IOCTL_DEV };
#define LAST_OF_ABI_1 MAKE_SYM
#define READ (FS(READ_FILE) | FS(READ_DIR))
#define RUN (READ | FS(EXECUTE))
#define WRITE (READ | FS(WRITE_FILE) | FS(TRUNCATE) | FS(REMOVE_FILE) | FS(REMOVE_DIR) | FS(MAKE_REG) | FS(MAKE_DIR) | FS(REFER))
#define DEVICE (READ | FS(WRITE_FILE) | FS(TRUNCATE) | FS(IOCTL_DEV))
/* The rights that mean something for a file; others are refused in a rule for one. */
#define OF_A_FILE (FS(EXECUTE) | FS(WRITE_FILE) | FS(READ_FILE) | FS(TRUNCATE) | FS(IOCTL_DEV))
#define BIND_TCP 1
#define CONNECT_TCP 2
#define SCOPE_ABSTRACT_UNIX_SOCKET 1
#define SCOPE_SIGNAL 2
#define ASK_VERSION 1
#define RULE_PATH_BENEATH 1
#define RULE_NET_PORT 2
#define CANNOT_CONFINE 125
#define CANNOT_START 126

struct ruleset { uint64_t fs, net, scoped; };
struct path_rule { uint64_t allowed; int32_t parent; } __attribute__((packed));
struct port_rule { uint64_t allowed, port; };

static void die(int code, const char *what, const char *which)
{
    fprintf(stderr, "confine: %s %s: %s\n", what, which, strerror(errno));
    exit(code);
}

static int landlock_version(void)
{
    long found = syscall(SYS_landlock_create_ruleset, NULL, (size_t)0, ASK_VERSION);
    return found < 0 ? 0 : (int)found;
}

static uint64_t known_rights(int abi)
{
    int last = abi >= 5 ? IOCTL_DEV : abi >= 3 ? TRUNCATE : abi >= 2 ? REFER : LAST_OF_ABI_1;
    return FS(last + 1) - 1;
}

static int new_ruleset(int abi)
{
    struct ruleset attr = { .fs = known_rights(abi) };
    size_t size = sizeof(attr.fs);
    int fd;

    if (abi >= 4) {
        attr.net = BIND_TCP | CONNECT_TCP;
        size += sizeof(attr.net);
    }
    if (abi >= 6) {
        attr.scoped = SCOPE_ABSTRACT_UNIX_SOCKET | SCOPE_SIGNAL;
        size += sizeof(attr.scoped);
    }
    fd = (int)syscall(SYS_landlock_create_ruleset, &attr, size, 0);
    if (fd < 0)
        die(CANNOT_CONFINE, "cannot make", "a ruleset");
    return fd;
}

static void allow_path(int ruleset, int abi, const char *path, uint64_t rights)
{
    struct path_rule rule = { .allowed = rights & known_rights(abi), .parent = open(path, O_PATH | O_CLOEXEC) };
    struct stat status;

    if (rule.parent < 0)
        return; /* what is not there, or not reachable, cannot be opened anyway */
    if (fstat(rule.parent, &status) < 0)
        die(CANNOT_CONFINE, "cannot look at", path);
    if (!S_ISDIR(status.st_mode))
        rule.allowed &= OF_A_FILE;
    if (syscall(SYS_landlock_add_rule, ruleset, RULE_PATH_BENEATH, &rule, 0) < 0)
        die(CANNOT_CONFINE, "cannot allow", path);
    close(rule.parent);
}

static void allow_port(int ruleset, int abi, const char *text)
{
    char *end;
    struct port_rule rule = { .allowed = CONNECT_TCP, .port = strtoul(text, &end, 10) };

    if (*end || !*text || rule.port > 65535) {
        errno = EINVAL;
        die(CANNOT_CONFINE, "no port:", text);
    }
    if (abi >= 4 && syscall(SYS_landlock_add_rule, ruleset, RULE_NET_PORT, &rule, 0) < 0)
        die(CANNOT_CONFINE, "cannot allow port", text);
}

static void die_with(const char *parent)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
        die(CANNOT_CONFINE, "cannot follow", "the parent");
    if (parent && (long)getppid() != strtol(parent, NULL, 10))
        exit(CANNOT_CONFINE); /* it died before the line above */
}

/* Take one "--option value"; return 0 at what is none. */
static int take(int ruleset, int abi, const char *option, const char *value)
{
    static const struct { const char *name; uint64_t rights; } kinds[] = {
        { "--run", RUN }, { "--read", READ }, { "--write", WRITE }, { "--device", DEVICE },
    };

    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
        if (!strcmp(option, kinds[i].name)) {
            if (abi)
                allow_path(ruleset, abi, value, kinds[i].rights);
            return 1;
        }
    }
    if (strcmp(option, "--connect"))
        return 0;
    if (abi)
        allow_port(ruleset, abi, value);
    return 1;
}

int main(int argc, char **argv)
{
    int abi = landlock_version(), ruleset = -1, next = 1;
    const char *parent = NULL;

    if (argc == 2 && !strcmp(argv[1], "--abi"))
        return printf("%d\n", abi) < 0;
    if (abi)
        ruleset = new_ruleset(abi);
    while (next + 1 < argc && strcmp(argv[next], "--")) {
        if (!strcmp(argv[next], "--parent"))
            parent = argv[next + 1];
        else if (!take(ruleset, abi, argv[next], argv[next + 1]))
            break;
        next += 2;
    }
    if (next + 1 >= argc || strcmp(argv[next], "--")) {
        errno = EINVAL;
        die(CANNOT_CONFINE, "not understood:", next < argc ? argv[next] : "the end");
    }
    die_with(parent);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        die(CANNOT_CONFINE, "cannot give up", "privileges");
    if (abi && syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
        die(CANNOT_CONFINE, "cannot confine", argv[next + 1]);
    if (ruleset >= 0)
        close(ruleset);
    execv(argv[next + 1], argv + next + 1);
    die(CANNOT_START, "cannot start", argv[next + 1]);
}
