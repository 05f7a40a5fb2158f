/*
 * A connection to this user's agent; one launcher of many starts it if there is none.
 *
 * The agent keeps the lock it was started under for as long as it lives, so there is never a second one, and whoever fails
 * to get the lock knows that somebody else's agent is coming up.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "wardcc.h"

enum { WAIT_MS = 2000, PATIENT_WAIT_MS = 20000, PAUSE_MS = 4, REST_AFTER_FAILURE_S = 10, LOCK_DESCRIPTOR = 3 };

static long now_ms(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

/* -1 with errno: ENOENT or ECONNREFUSED mean that nobody is there, EPERM that it's another user's. */
static int connect_agent(const struct meeting_place *place) {
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/agent-%s.sock", place->directory, place->name);
  int agent = above_stdio(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (agent < 0) return -1;
  struct ucred peer;
  socklen_t size = sizeof peer;
  int error = 0;
  if (connect(agent, (struct sockaddr *)&address, sizeof address) != 0) error = errno;
  else if (getsockopt(agent, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) error = errno;
  else if (peer.uid != geteuid()) error = EPERM;
  if (!error) return agent;
  close(agent);
  errno = error;
  return -1;
}

/* The script beside the real file of this program. */
static int agent_program(char *path, size_t size) {
  ssize_t length = readlink("/proc/self/exe", path, size);
  if (length <= 0 || (size_t)length >= size) return 0;
  path[length] = '\0';
  char *end = strrchr(path, '/') + 1;
  if ((size_t)(end - path) + sizeof "wardcc-agent" > size) return 0;
  strcpy(end, "wardcc-agent");
  return access(path, X_OK) == 0;
}

static char *setting(const char *name, const char *value) {
  char *entry = NULL;
  return value && asprintf(&entry, "%s=%s", name, value) > 0 ? entry : NULL;
}

/* In the new process: nothing of the build remains but the lock. */
static void become_agent(const char *program, int lock) {
  setsid();
  if (fork() != 0) _exit(0);
  char *environment[8];
  const char *kept[] = { "HOME", "USER", "WARDCC_RUNTIME_DIR", "XDG_RUNTIME_DIR" };
  int count = 0;
  environment[count++] = "PATH=/usr/bin:/bin";
  for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
    char *entry = setting(kept[i], getenv(kept[i]));
    if (entry) environment[count++] = entry;
  }
  char *config = *configuration_path() ? setting("WARDCC_CONFIG", configuration_path()) : NULL;
  if (config) environment[count++] = config;
  environment[count] = NULL;

  int nothing = open("/dev/null", O_RDWR);
  for (int standard = 0; standard <= STDERR_FILENO; standard++) dup2(nothing, standard);
  if (lock == LOCK_DESCRIPTOR) fcntl(lock, F_SETFD, 0);
  else dup2(lock, LOCK_DESCRIPTOR);
  if (close_range(LOCK_DESCRIPTOR + 1, ~0u, 0) != 0) {
    for (int descriptor = LOCK_DESCRIPTOR + 1; descriptor < 4096; descriptor++) close(descriptor);
  }
  for (int number = 1; number < NSIG; number++) signal(number, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  umask(077);
  if (chdir("/") == 0) execle(program, "wardcc-agent", (char *)NULL, environment);
  _exit(127);
}

/* A start that failed is not tried again for some seconds: every compile of a large build would wait in vain. */
static int failed_lately(int lock) {
  struct stat status;
  return fstat(lock, &status) == 0 && status.st_size > 0 && time(NULL) - status.st_mtime < REST_AFTER_FAILURE_S;
}

static void remember(int lock, int failed) {
  if (failed ? pwrite(lock, "failed\n", 7, 0) < 0 : ftruncate(lock, 0) < 0) return;
}

static void pause_ms(long milliseconds) {
  struct timespec time = { .tv_nsec = milliseconds * 1000000 };
  nanosleep(&time, NULL);
}

int reach_agent(const struct meeting_place *place, int patient, const char **why) {
  int agent = connect_agent(place);
  if (agent >= 0) return agent;
  if (errno == EPERM) {
    *why = "another user's process answers in the place of the agent";
    return -1;
  }
  char name[64], program[PATH_MAX];
  if (!agent_program(program, sizeof program)) {
    *why = "there is no wardcc-agent beside wardcc";
    return -1;
  }
  snprintf(name, sizeof name, "agent-%s.lock", place->name);
  int lock = above_stdio(openat(place->directory, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
  *why = "the lock file of the agent cannot be written";
  if (lock < 0) return -1;

  int starter = 0;
  long deadline = now_ms() + (patient ? PATIENT_WAIT_MS : WAIT_MS);
  *why = "the agent does not start";
  for (;;) {
    int alone = !starter && flock(lock, LOCK_EX | LOCK_NB) == 0;
    /* While somebody holds the lock, an agent may still be coming up: who can do nothing else waits for it. */
    if (!starter && failed_lately(lock) && (alone || !patient)) break;
    if (alone) {
      /* Alone now; but somebody may have been quicker and done. */
      if ((agent = connect_agent(place)) >= 0) break;
      starter = 1;
      pid_t child = fork();
      if (child == 0) become_agent(program, lock);
      if (child > 0) waitpid(child, NULL, 0);
    }
    if ((agent = connect_agent(place)) >= 0) {
      if (starter) remember(lock, 0);
      break;
    }
    if (now_ms() > deadline) {
      remember(lock, 1);
      break;
    }
    pause_ms(PAUSE_MS);
  }
  close(lock);
  return agent;
}
