/*
 * wardcc-slot: makes the room that one executor lives in, then runs it there.
 *
 *   wardcc-slot [--cgroup FILE]... [--tmpfs DIR BYTES INODES]... [--uid N --gid N] [--limit NAME N]... -- COMMAND [ARG]...
 *
 * In order: descriptors but 0, 1, 2 are closed; the process joins the given cgroups; it enters new mount, pid and ipc namespaces (and a
 * new user namespace with its own uid unless it is root); the slot's file systems are mounted noexec, nosuid, nodev with their sizes, and
 * a /proc that shows the slot alone; as root it becomes the slot's uid; limits are set; every capability is dropped for good; COMMAND is
 * executed.
 *
 * What always holds: three processes stand in a line, this one, the first of the pid namespace, and COMMAND. When any of them ends,
 * however it ends, all that runs in the slot is dead and the slot's file systems are gone. COMMAND's exit status is passed on. Nothing
 * secret is on the command line. Any failure ends it with status 70 and a sentence: an executor never runs in a room that is half made.
 *
 * COMMAND's descriptor 3 is a pipe that tells of each orphan the first process has collected, as `struct ended`: with it an executor
 * knows that a sandbox is wholly gone, and what it used.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { setup_failed = 70, max_items = 16, report_fd = 3 };

struct ended { /* 32 bytes, host byte order */
  unsigned pid, status;
  unsigned long long user_us, system_us, max_rss_kb;
};

struct room {
  const char *cgroups[max_items];
  int cgroup_count;
  struct { const char *directory, *bytes, *inodes; } mounts[max_items];
  int mount_count;
  struct { int resource; rlim_t value; } limits[max_items];
  int limit_count;
  long uid, gid;
  char **command;
};

static const struct { const char *name; int resource; } resources[] = {
  {"nofile", RLIMIT_NOFILE}, {"nproc", RLIMIT_NPROC}, {"fsize", RLIMIT_FSIZE}, {"stack", RLIMIT_STACK}, {"memlock", RLIMIT_MEMLOCK},
};

static void die(const char *what, const char *which) {
  fprintf(stderr, "wardcc-slot: %s%s%s: %s\n", what, *which ? " " : "", which, strerror(errno));
  _exit(setup_failed);
}

static void usage(const char *why) {
  fprintf(stderr, "wardcc-slot: %s\n", why);
  _exit(setup_failed);
}

static unsigned long long number(const char *text) {
  char *end;
  errno = 0;
  unsigned long long value = strtoull(text, &end, 10);
  if (*text < '0' || *text > '9' || *end != '\0' || errno != 0) usage("a number is expected");
  return value;
}

static struct room parse(int argc, char **argv) {
  struct room room = {.uid = -1, .gid = -1};
  int at = 1;
  for (; at < argc && strcmp(argv[at], "--") != 0; at++) {
    const int left = argc - at - 1;
    if (strcmp(argv[at], "--cgroup") == 0 && left >= 1 && room.cgroup_count < max_items) {
      room.cgroups[room.cgroup_count++] = argv[++at];
    } else if (strcmp(argv[at], "--tmpfs") == 0 && left >= 3 && room.mount_count < max_items) {
      room.mounts[room.mount_count].directory = argv[at + 1];
      room.mounts[room.mount_count].bytes = argv[at + 2];
      room.mounts[room.mount_count++].inodes = argv[at + 3];
      number(argv[at + 2]);
      number(argv[at + 3]);
      at += 3;
    } else if (strcmp(argv[at], "--uid") == 0 && left >= 1) {
      room.uid = (long)number(argv[++at]);
    } else if (strcmp(argv[at], "--gid") == 0 && left >= 1) {
      room.gid = (long)number(argv[++at]);
    } else if (strcmp(argv[at], "--limit") == 0 && left >= 2 && room.limit_count < max_items) {
      size_t i = 0;
      while (i < sizeof resources / sizeof *resources && strcmp(resources[i].name, argv[at + 1]) != 0) i++;
      if (i == sizeof resources / sizeof *resources) usage("unknown limit");
      room.limits[room.limit_count].resource = resources[i].resource;
      room.limits[room.limit_count++].value = number(argv[at + 2]);
      at += 2;
    } else {
      usage("unknown, incomplete or too many options");
    }
  }
  if (at + 1 >= argc) usage("no command after --");
  room.command = argv + at + 1;
  if (geteuid() == 0 && (room.uid <= 0 || room.gid <= 0)) usage("root must name a --uid and a --gid that are not 0");
  if (geteuid() != 0 && (room.uid >= 0 || room.gid >= 0)) usage("only root may name another uid");
  return room;
}

static void write_file(const char *path, const char *text) {
  const int fd = open(path, O_WRONLY | O_CLOEXEC);
  const ssize_t length = (ssize_t)strlen(text);
  if (fd < 0 || write(fd, text, (size_t)length) != length || close(fd) != 0) die("write to", path);
}

static void join_cgroups(const struct room *room) {
  for (int i = 0; i < room->cgroup_count; i++) write_file(room->cgroups[i], "0");
}

static void enter_namespaces(void) {
  const int root = geteuid() == 0;
  const unsigned uid = geteuid(), gid = getegid();
  if (unshare(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | (root ? 0 : CLONE_NEWUSER)) != 0) {
    die("unshare", root ? "" : "(are user namespaces permitted?)");
  }
  if (!root) {
    char map[64];
    write_file("/proc/self/setgroups", "deny");
    snprintf(map, sizeof map, "%u %u 1\n", uid, uid);
    write_file("/proc/self/uid_map", map);
    snprintf(map, sizeof map, "%u %u 1\n", gid, gid);
    write_file("/proc/self/gid_map", map);
  }
  if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) die("make mounts private", "");
}

static void mount_file_systems(const struct room *room) {
  for (int i = 0; i < room->mount_count; i++) {
    char options[256];
    const char *directory = room->mounts[i].directory;
    snprintf(options, sizeof options, "mode=0700,size=%s,nr_inodes=%s,uid=%ld,gid=%ld", room->mounts[i].bytes, room->mounts[i].inodes,
             room->uid >= 0 ? room->uid : (long)geteuid(), room->gid >= 0 ? room->gid : (long)getegid());
    if (mkdir(directory, 0700) != 0 && errno != EEXIST) die("create", directory);
    if (mount("wardcc-slot", directory, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, options) != 0) die("mount a file system on", directory);
  }
}

/* Shows the slot's own processes and no others. bubblewrap looks its child up there, by the number it has here. */
static void mount_processes(void) {
  if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) != 0) die("mount", "/proc (is a part of it hidden here?)");
}

static void set_limits(const struct room *room) {
  const struct rlimit none = {0, 0};
  if (setrlimit(RLIMIT_CORE, &none) != 0) die("setrlimit", "core");
  for (int i = 0; i < room->limit_count; i++) {
    const struct rlimit limit = {room->limits[i].value, room->limits[i].value};
    if (setrlimit((__rlimit_resource_t)room->limits[i].resource, &limit) != 0) die("setrlimit", "");
  }
}

static void drop_privileges(const struct room *room) {
  const gid_t gid = (gid_t)room->gid;
  for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++) {
    if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) != 0) die("drop capabilities", "");
  }
  if (room->uid >= 0) {
    if (setgroups(0, NULL) != 0) die("setgroups", "");
    if (setresgid(gid, gid, gid) != 0) die("setgid", "");
    if (setresuid((uid_t)room->uid, (uid_t)room->uid, (uid_t)room->uid) != 0) die("setuid", "");
  }
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
  struct __user_cap_data_struct data[2] = {{0}};
  if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0) die("drop capabilities", "");
  if (syscall(SYS_capset, &header, data) != 0) die("drop capabilities", "");
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) die("no_new_privs", "");
}

/* Dies with its parent. Asked for after the uid is final, which would clear it; `parent` is 0 when it lives in an outer pid namespace. */
static void die_with(pid_t parent) {
  if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0) die("prctl", "PDEATHSIG");
  if (getppid() != parent) _exit(setup_failed);
}

static volatile sig_atomic_t child;

static void kill_child(int signal) {
  (void)signal;
  if (child > 0) kill((pid_t)child, SIGKILL);
}

static unsigned long long microseconds(struct timeval time) {
  return (unsigned long long)time.tv_sec * 1000000 + (unsigned long long)time.tv_usec;
}

/* Collects the dead until the child is among them; `report` is the pipe that is told of the others, or -1. */
static int wait_for_child(int report) {
  int status;
  struct rusage used;
  for (;;) {
    const pid_t pid = wait4(-1, &status, 0, &used);
    if (pid == (pid_t)child) return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    if (pid < 0 && errno != EINTR) die("wait", "");
    if (pid < 0 || report < 0) continue;
    const struct ended ended = {
      (unsigned)pid, (unsigned)status, microseconds(used.ru_utime), microseconds(used.ru_stime), (unsigned long long)used.ru_maxrss,
    };
    /* The pipe does not block: an executor that stopped reading loses reports, never the collection of its dead. */
    if (write(report, &ended, sizeof ended) < 0) continue;
  }
}

int main(int argc, char **argv) {
  const struct room room = parse(argc, argv);
  const pid_t parent = getppid();
  if (syscall(SYS_close_range, 3, ~0U, 0) != 0) die("close_range", "");
  umask(077);
  if (chdir("/") != 0) die("chdir", "/");
  join_cgroups(&room);
  enter_namespaces();

  const int forwarded[] = {SIGTERM, SIGINT, SIGHUP};
  for (size_t i = 0; i < sizeof forwarded / sizeof *forwarded; i++) signal(forwarded[i], kill_child);
  if ((child = fork()) < 0) die("fork", "");
  if (child > 0) {
    drop_privileges(&room);
    die_with(parent);
    _exit(wait_for_child(-1));
  }

  /* The first process of the pid namespace: its end is the end of all in it. It only collects the dead. */
  mount_processes();
  mount_file_systems(&room);
  set_limits(&room);
  drop_privileges(&room);
  die_with(0);
  int report[2];
  if (pipe2(report, O_NONBLOCK) != 0 || report[0] != report_fd) die("pipe", "");
  if ((child = fork()) < 0) die("fork", "");
  if (child > 0) {
    close(0);
    close(1);
    close(report[0]);
    _exit(wait_for_child(report[1]));
  }
  close(report[1]);
  die_with(1);
  for (size_t i = 0; i < sizeof forwarded / sizeof *forwarded; i++) signal(forwarded[i], SIG_DFL);
  execv(room.command[0], room.command);
  die("exec", room.command[0]);
}
