/*
 * Which compiler is meant, and whether its command can be of interest to the agent.
 *
 * We may be called as `wardcc gcc …`, or through a link named `gcc`. In both cases the compiler is looked for in PATH, and
 * whatever is ourselves there is passed over: by identity of the file, never by comparing the text of paths.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "wardcc.h"

static const char *base_name(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}

static int named_wardcc(const char *path) {
  return strcmp(base_name(path), "wardcc") == 0;
}

int is_set(const char *variable) {
  const char *value = getenv(variable);
  return value && *value && strcmp(value, "0") != 0;
}

/* Ourselves, or another installation of wardcc that would find us in turn. */
static int is_wardcc(const char *path, const struct stat *status) {
  static struct stat self;
  static int known;
  if (!known) known = stat("/proc/self/exe", &self) == 0 ? 1 : -1;
  if (known > 0 && status->st_dev == self.st_dev && status->st_ino == self.st_ino) return 1;
  struct stat link;
  char real[PATH_MAX];
  if (lstat(path, &link) != 0 || !S_ISLNK(link.st_mode)) return named_wardcc(path);
  return realpath(path, real) && named_wardcc(real);
}

static int is_program(const char *path, struct stat *status) {
  return stat(path, status) == 0 && S_ISREG(status->st_mode) && access(path, X_OK) == 0;
}

/* The first program of that name in PATH that is not wardcc. *skipped: there was a wardcc before it. */
static char *search_path(const char *name, int *skipped) {
  const char *path = getenv("PATH");
  if (!path) path = "/bin:/usr/bin";
  for (;;) {
    const char *end = strchrnul(path, ':');
    int length = (int)(end - path);
    char *candidate;
    if (asprintf(&candidate, "%.*s%s%s", length, path, length ? "/" : "./", name) < 0) return NULL;
    struct stat status;
    if (is_program(candidate, &status)) {
      if (!is_wardcc(candidate, &status)) return candidate;
      *skipped = 1;
    }
    free(candidate);
    if (!*end) return NULL;
    path = end + 1;
  }
}

/* Fills `command`; 0, or the exit status after saying what is wrong. */
int find_command(int argc, char **argv, struct command *command) {
  int first = 0;
  int linked = !named_wardcc(argv[0]);
  if (!linked) {
    for (first = 1; first < argc && named_wardcc(argv[first]); first++) continue;
    if (first >= argc) return EXIT_USAGE;
  }
  command->argv = argv + first;
  const char *typed = command->argv[0];
  int skipped = linked;
  struct stat status;
  if (!linked && strchr(typed, '/')) {
    /* A path that isn't us is taken as it is, whether it exists or not: execve has the better message. */
    if (stat(typed, &status) != 0 || !is_wardcc(typed, &status)) {
      command->compiler = typed;
      return 0;
    }
    skipped = 1;
  }
  command->compiler = search_path(base_name(typed), &skipped);
  if (!command->compiler) {
    say("%s: no such compiler in PATH%s", base_name(typed), skipped ? " besides wardcc itself" : "");
    return EXIT_COMPILER_MISSING;
  }
  /* gcc looks for its own parts next to the program that PATH has under argv[0], which would be us. */
  if (skipped) command->argv[0] = (char *)command->compiler;
  return 0;
}

/* A header, or a language of headers: what is made of it is compiled, also without -c. */
static int names_header(const char *text) {
  static const char *const endings[] = {".h", ".hh", ".H", ".hp", ".hxx", ".hpp", ".HPP", ".h++", ".tcc", "-header"};
  size_t length = strlen(text);
  for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
    size_t ending = strlen(endings[i]);
    if (length > ending && strcmp(text + length - ending, endings[i]) == 0) return 1;
  }
  return 0;
}

/*
 * A command without these options links, prints or preprocesses: that needs no agent. A response file may hold them. One that
 * names a header needs none of them, unless it only preprocesses it.
 */
int may_travel(char **argv) {
  int header = 0, preprocesses = 0;
  for (char **argument = argv + 1; *argument; argument++) {
    const char *text = *argument;
    if (text[0] == '@') return 1;
    if (strcmp(text, "-c") == 0 || strcmp(text, "-S") == 0) return 1;
    if (strcmp(text, "--compile") == 0 || strcmp(text, "--assemble") == 0) return 1;
    if (strcmp(text, "-E") == 0 || strcmp(text, "-M") == 0 || strcmp(text, "-MM") == 0) preprocesses = 1;
    else if (strcmp(argument[-1], "-include") != 0 && (text[0] != '-' || text[1] == 'x')) header |= names_header(text);
  }
  return header && !preprocesses;
}

/* Becomes the compiler. A script in PATH may call wardcc again, so the depth is counted. */
void run_compiler(const struct command *command) {
  const char *depth = getenv("WARDCC_DEPTH");
  int level = depth ? atoi(depth) : 0;
  if (level >= 10) {
    say("%s calls wardcc again and again: check PATH", command->compiler);
    _exit(EXIT_COMPILER_MISSING);
  }
  char text[16];
  snprintf(text, sizeof text, "%d", level + 1);
  setenv("WARDCC_DEPTH", text, 1);
  execv(command->compiler, command->argv);
  if (errno == ENOEXEC) {
    /* A script without `#!`: what a shell would do with it. */
    size_t count = 0;
    while (command->argv[count]) count++;
    char **shell = calloc(count + 2, sizeof *shell);
    if (shell) {
      shell[0] = "sh";
      shell[1] = (char *)command->compiler;
      for (size_t i = 1; i < count; i++) shell[i + 1] = command->argv[i];
      execv("/bin/sh", shell);
    }
  }
  int missing = errno == ENOENT || errno == ENOTDIR;
  say("%s: %s", command->compiler, strerror(errno));
  _exit(missing ? EXIT_COMPILER_MISSING : EXIT_CANNOT_EXECUTE);
}
