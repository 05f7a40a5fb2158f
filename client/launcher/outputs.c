/*
 * Output files appear whole or not at all: each is written to a temporary beside its place and renamed when the job has
 * ended. No link is ever followed. A signal removes the temporaries.
 *
 * Where the directory can't be written but the file can, the content waits in memory and is copied in at the end.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "wardcc.h"

struct output {
  struct output *previous;
  char *path, *name; /* name: the part of path after the last slash */
  int directory, file;
  char temporary[48]; /* empty: the content is in memory */
};

/* The newest output; the signal handler reads it. */
static struct output *volatile newest;
/* What an earlier compile left and this one, which failed, takes away. */
static char *stale;
static int guarded_agent = -1;
static char failure[5000];

static void fail(const char *path, int error) {
  snprintf(failure, sizeof failure, "%s: %s", path, strerror(error));
}

const char *failed_output(void) {
  return failure;
}

void discard_outputs(void) {
  for (struct output *output = newest; output; output = output->previous) {
    if (output->temporary[0]) unlinkat(output->directory, output->temporary, 0);
    output->temporary[0] = '\0';
  }
}

/* Async-signal-safe: the job is cancelled by the end of the connection, and we die of what was sent. */
static void die_of(int number) {
  discard_outputs();
  if (guarded_agent >= 0) close(guarded_agent);
  signal(number, SIG_DFL);
  sigset_t one;
  sigemptyset(&one);
  sigaddset(&one, number);
  sigprocmask(SIG_UNBLOCK, &one, NULL);
  raise(number);
}

static const int fatal[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGXFSZ, SIGXCPU };

void guard_outputs(int agent) {
  guarded_agent = agent;
  for (size_t i = 0; i < sizeof fatal / sizeof *fatal; i++) {
    struct sigaction action, old;
    memset(&action, 0, sizeof action);
    action.sa_handler = die_of;
    sigfillset(&action.sa_mask);
    /* What the caller has us ignore (nohup) stays ignored. */
    if (sigaction(fatal[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN) sigaction(fatal[i], &action, NULL);
  }
}

static int open_temporary(struct output *output, mode_t mode) {
  struct timespec time;
  clock_gettime(CLOCK_REALTIME, &time);
  for (unsigned attempt = 0; attempt < 100; attempt++) {
    snprintf(output->temporary, sizeof output->temporary, ".wardcc-%d-%lx-%x", (int)getpid(), time.tv_nsec, attempt);
    int file = openat(output->directory, output->temporary, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode & 0777);
    if (file >= 0) return above_stdio(file);
    if (errno != EEXIST) break;
  }
  output->temporary[0] = '\0';
  return -1;
}

/* Starts the next output file: a path absolute or relative to the working directory, and the mode before the umask. */
enum begun begin_output(const char *path, mode_t mode) {
  struct output *output = calloc(1, sizeof *output);
  if (!output || !(output->path = strdup(path))) abort();
  char *slash = strrchr(output->path, '/');
  output->name = slash ? slash + 1 : output->path;
  char *directory = slash ? strndup(output->path, (size_t)(slash - output->path) + 1) : strdup(".");
  if (!directory) abort();
  output->directory = above_stdio(open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC));
  free(directory);
  struct stat status;
  int exists = output->directory >= 0 && fstatat(output->directory, output->name, &status, AT_SYMLINK_NOFOLLOW) == 0;
  if (exists && !S_ISREG(status.st_mode)) return OUTPUT_NOT_REGULAR;
  if (output->directory < 0) {
    fail(path, errno);
    return OUTPUT_FAILED;
  }
  sigset_t all, before;
  sigfillset(&all);
  sigprocmask(SIG_BLOCK, &all, &before);
  output->file = open_temporary(output, mode);
  int error = errno;
  output->previous = newest;
  newest = output;
  sigprocmask(SIG_SETMASK, &before, NULL);
  if (output->file < 0 && exists && faccessat(output->directory, output->name, W_OK, AT_EACCESS) == 0) {
    output->file = above_stdio(memfd_create("wardcc-output", MFD_CLOEXEC));
  }
  if (output->file >= 0) return OUTPUT_BEGUN;
  fail(path, error);
  return OUTPUT_FAILED;
}

/* Adds to the output begun last. */
int append_output(const char *bytes, size_t length) {
  if (!newest) return -1;
  if (write_all(newest->file, bytes, length) == 0) return 0;
  fail(newest->path, errno);
  return -1;
}

/* The file stays the same file: for directories we can't write, mount points, and other people's files in a sticky one. */
static int copy_in_place(const struct output *output) {
  int target = above_stdio(openat(output->directory, output->name, O_WRONLY | O_NOFOLLOW | O_CLOEXEC));
  if (target < 0) return -1;
  struct stat status;
  off_t offset = 0;
  int result = fstat(output->file, &status);
  if (result == 0) result = ftruncate(target, 0);
  while (result == 0 && offset < status.st_size) {
    if (sendfile(target, output->file, &offset, (size_t)(status.st_size - offset)) <= 0) result = -1;
  }
  int error = errno;
  if (result != 0 && ftruncate(target, 0) != 0) result = -1;
  if (close(target) != 0 && result == 0) result = -1;
  else errno = error;
  return result;
}

static int commit(struct output *output) {
  if (output->temporary[0]) {
    /* close(2) is where NFS and quotas say that there was no room. */
    int copy = fcntl(output->file, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    if (close(output->file) != 0) {
      fail(output->path, errno);
      return -1;
    }
    output->file = copy;
    if (renameat(output->directory, output->temporary, output->directory, output->name) == 0) {
      output->temporary[0] = '\0';
      return 0;
    }
  }
  int result = copy_in_place(output);
  if (result != 0) fail(output->path, errno);
  if (output->temporary[0]) unlinkat(output->directory, output->temporary, 0);
  output->temporary[0] = '\0';
  return result;
}

/* A compiler that fails removes the object that was there before: a regular file that may be written. */
void remove_at_commit(const char *path) {
  free(stale);
  if (!(stale = strdup(path))) abort();
}

static void remove_stale(void) {
  struct stat status;
  if (stale && lstat(stale, &status) == 0 && S_ISREG(status.st_mode) && faccessat(AT_FDCWD, stale, W_OK, AT_EACCESS) == 0) unlink(stale);
}

/* Puts every output into its place, the first one (the object) last: what make looks at must not be ahead of its .d. */
int commit_outputs(void) {
  for (struct output *output = newest; output; output = output->previous) {
    if (commit(output) != 0) {
      discard_outputs();
      return -1;
    }
  }
  remove_stale();
  return 0;
}
