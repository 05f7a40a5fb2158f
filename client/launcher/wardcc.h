/*
 * wardcc, the launcher: what its parts know of each other.
 *
 * A build starts one of these for every compile, so it does nothing that can be left to the agent: it describes the
 * command, waits, writes what comes back. Whatever goes wrong on the way ends in the compiler being run here, unless the
 * user said `fallback=never`.
 */
#ifndef WARDCC_H
#define WARDCC_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifndef WARDCC_BUILD_ID
#error "build with client/launcher/build.sh: WARDCC_BUILD_ID names the agent that speaks the same language"
#endif

/* Exit statuses besides the compiler's own: distcc's numbers. */
enum { EXIT_USAGE = 1, EXIT_OUTPUT = 1, EXIT_COMPILER_MISSING = 110, EXIT_NO_AGENT = 116, EXIT_CANNOT_EXECUTE = 126 };

/* What is to be compiled. */
struct command {
  char **argv;          /* the compiler's, argv[0] included, NULL at the end */
  const char *compiler; /* the file to execute; may be relative to the working directory */
  unsigned char begun[8]; /* when this process began: nanoseconds of the monotonic clock, little-endian */
};

/* Where this build's agent listens. */
struct meeting_place {
  int directory;   /* the runtime directory, checked: ours, 0700, no link */
  char name[24];   /* 16 hex digits: build, configuration and file system */
};

/* command.c: which compiler, and is it a compile at all? */
int find_command(int argc, char **argv, struct command *command);
int may_travel(char **argv);
int is_set(const char *variable);
void run_compiler(const struct command *command) __attribute__((noreturn));

/* place.c: the runtime directory and the name of the socket in it. NULL, or why there is none. */
const char *find_meeting_place(struct meeting_place *place);
const char *namespace_identity(char *buffer, size_t size);
const char *configuration_path(void);

/* agent.c: a connection to the agent, started if need be; -1 and *why if there is none. */
int reach_agent(const struct meeting_place *place, int patient, const char **why);

/* request.c: describes the command to the agent. 0, or -1 with errno. */
int send_request(int agent, const struct command *command, const char *cwd);

/* answer.c: does what the agent says; returns only if the agent went away before the end. */
void obey_agent(int agent, const struct command *command);

/* local.c: running the compiler here, and saying so. */
void compile_without_agent(const struct command *command, const struct meeting_place *place, const char *why)
  __attribute__((noreturn));
void run_and_report(const struct command *command, const char *reason) __attribute__((noreturn));
int falls_back_never(const struct meeting_place *place);

/* outputs.c: files appear whole, or not at all. */
enum begun { OUTPUT_BEGUN, OUTPUT_FAILED, OUTPUT_NOT_REGULAR };
void guard_outputs(int agent);
enum begun begin_output(const char *path, mode_t mode);
int append_output(const char *bytes, size_t length);
void remove_at_commit(const char *path);
int commit_outputs(void);
void discard_outputs(void);
const char *failed_output(void);

/* descriptors.c */
int above_stdio(int descriptor);
int write_all(int descriptor, const char *bytes, size_t length);
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
