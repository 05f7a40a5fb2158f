/*
 * wardcc: what make, ninja and cmake run in the place of a compiler. `wardcc gcc -c a.c`, or a link named gcc.
 *
 * 1. A command that only the machine itself can run becomes the compiler at once.
 * 2. Else the agent is told about it (and started, if this is the first).
 * 3. The agent says: run it yourself; or here are status, diagnostics and files.
 */
#define _GNU_SOURCE
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "wardcc.h"

static const char usage[] =
  "usage: wardcc COMPILER ARGUMENTS...      compile, on the farm where that is possible\n"
  "       make CC='wardcc gcc'              the same for a whole build\n"
  "       wardcc --version | --help\n"
  "\n"
  "Environment: WARDCC_DISABLE=1 run the compiler here; WARDCC_EXPLAIN=1 say what became of each job;\n"
  "WARDCC_FALLBACK=never|infra|always when to compile here after all; WARDCC_CONFIG client.jsonc; WARDCC_HOSTS.\n"
  "See also: wardctl --help\n";

static const char version[] = "wardcc " WARDCC_VERSION "\n";

/* Starts the agent and waits for it: for wardctl. */
static int start_agent(void) {
  struct meeting_place place;
  const char *why = find_meeting_place(&place);
  int agent = why ? -1 : reach_agent(&place, 1, &why);
  if (agent >= 0) return 0;
  say("%s", why);
  return EXIT_NO_AGENT;
}

static int own_option(const char *option) {
  if (strcmp(option, "--help") == 0) return write_all(STDOUT_FILENO, usage, strlen(usage)) != 0;
  if (strcmp(option, "--version") == 0) return write_all(STDOUT_FILENO, version, strlen(version)) != 0;
  if (strcmp(option, "--start-agent") == 0) return start_agent();
  write_all(STDERR_FILENO, usage, strlen(usage));
  return EXIT_USAGE;
}

/* All that the build did before is visible to whoever looks at a file after this. */
static void note_begin(unsigned char begun[8]) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  uint64_t nanoseconds = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
  for (int i = 0; i < 8; i++) begun[i] = (unsigned char)(nanoseconds >> (8 * i));
}

int main(int argc, char **argv) {
  if (argc < 1) return EXIT_USAGE;
  const char *slash = strrchr(argv[0], '/');
  if (strcmp(slash ? slash + 1 : argv[0], "wardcc") == 0 && (argc < 2 || argv[1][0] == '-')) return own_option(argc < 2 ? "" : argv[1]);

  struct command command;
  note_begin(command.begun);
  int refused = find_command(argc, argv, &command);
  if (refused) return refused;
  char cwd[PATH_MAX];
  if (is_set("WARDCC_DISABLE") || !may_travel(command.argv) || !getcwd(cwd, sizeof cwd) || cwd[0] != '/') run_compiler(&command);

  struct meeting_place place;
  const char *why = find_meeting_place(&place);
  if (why) compile_without_agent(&command, &place, why);
  int agent = reach_agent(&place, falls_back_never(&place), &why);
  if (agent < 0) compile_without_agent(&command, &place, why);

  guard_outputs(agent);
  if (send_request(agent, &command, cwd) == 0) obey_agent(agent, &command);
  close(agent);
  compile_without_agent(&command, &place, "the agent ended before the job did");
}
