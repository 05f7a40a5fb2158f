/* Running the compiler here: because the agent says so, or because there is none. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "wardcc.h"

/* The agent writes down what its configuration says, for the time when it isn't there: `never`, or `never locked` where
   the environment has no say. */
int falls_back_never(const struct meeting_place *place) {
  char mirrored[32] = "";
  if (place->directory >= 0) {
    char name[64];
    snprintf(name, sizeof name, "agent-%s.status", place->name);
    int file = openat(place->directory, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (file >= 0) {
      ssize_t length = read(file, mirrored, sizeof mirrored - 1);
      mirrored[length > 0 ? length : 0] = '\0';
      close(file);
    }
  }
  const char *asked = getenv("WARDCC_FALLBACK");
  if (strncmp(mirrored, "never locked", 12) == 0) return 1;
  if (asked && *asked) return strcmp(asked, "never") == 0;
  return strncmp(mirrored, "never", 5) == 0;
}

void compile_without_agent(const struct command *command, const struct meeting_place *place, const char *why) {
  if (falls_back_never(place)) {
    say("%s; nothing was compiled, because fallback is 'never'", why);
    exit(EXIT_NO_AGENT);
  }
  if (is_set("WARDCC_EXPLAIN")) run_and_report(command, why);
  run_compiler(command);
}

static volatile pid_t compiler;

static void pass_on(int number) {
  if (compiler > 0) kill(compiler, number);
}

/* What is meant for the compiler but sent to us; what our caller has ignored stays so. */
static void pass_on_signals(void) {
  const int passed[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
  for (size_t i = 0; i < sizeof passed / sizeof *passed; i++) {
    if (signal(passed[i], pass_on) == SIG_IGN) signal(passed[i], SIG_IGN);
  }
}

/* Runs the compiler as a child, so that somebody is left to say what it took (WARDCC_EXPLAIN). */
void run_and_report(const struct command *command, const char *reason) {
  struct timespec begin, end;
  clock_gettime(CLOCK_MONOTONIC, &begin);
  signal(SIGCHLD, SIG_DFL); /* ignored by our caller, it would take the status away from us */
  compiler = fork();
  if (compiler <= 0) run_compiler(command);
  pass_on_signals();
  int status = 0;
  while (waitpid(compiler, &status, 0) < 0 && errno == EINTR) continue;
  clock_gettime(CLOCK_MONOTONIC, &end);
  long ms = (end.tv_sec - begin.tv_sec) * 1000 + (end.tv_nsec - begin.tv_nsec) / 1000000;
  say("local: %s, %ld ms", reason, ms);
  if (WIFSIGNALED(status)) {
    signal(WTERMSIG(status), SIG_DFL);
    raise(WTERMSIG(status));
  }
  exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}
