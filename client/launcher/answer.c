/*
 * What the agent wants done: frames {type, length, payload}, numbers little-endian.
 *
 *   L  run the compiler here        {flags, path NUL (empty: the one we found), reason}
 *   O  an output file begins        {mode, path length (u16), path, size (u64)}, then its content in
 *   B  frames
 *   U  a file that is to go         {path}
 *   S  R  bytes for stdout, stderr
 *   D  the job has ended            {exit status, signal}
 *   X  say this and exit            {exit status, text}
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "wardcc.h"

enum { RUN_UNCOUNTED = 1, RUN_REPORTING = 2, RUN_SAYING = 4, MAXIMUM_FRAME = 64 << 20 };

static uint32_t number_at(const char *bytes) {
  const unsigned char *b = (const unsigned char *)bytes;
  return b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

/* 1, or 0 if the agent is gone. */
static int read_exactly(int agent, char *bytes, size_t length) {
  static char buffer[65536];
  static size_t start, end;
  while (length > 0) {
    if (start < end) {
      size_t part = end - start < length ? end - start : length;
      memcpy(bytes, buffer + start, part);
      start += part;
      bytes += part;
      length -= part;
      continue;
    }
    char *target = length >= sizeof buffer ? bytes : buffer;
    ssize_t count = read(agent, target, target == buffer ? sizeof buffer : length);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return 0;
    if (target == buffer) {
      start = 0;
      end = (size_t)count;
    } else {
      bytes += count;
      length -= (size_t)count;
    }
  }
  return 1;
}

struct text {
  char *bytes;
  size_t length;
};

static void collect(struct text *text, const char *bytes, size_t length) {
  text->bytes = realloc(text->bytes, text->length + length + 1);
  if (!text->bytes) abort();
  memcpy(text->bytes + text->length, bytes, length);
  text->length += length;
}

static void run_here(int agent, const struct command *command, const char *payload, size_t length) {
  struct command chosen = *command;
  discard_outputs();
  uint32_t flags = number_at(payload);
  const char *path = payload + 4;
  if (*path) chosen.compiler = path;
  const char *reason = path + strlen(path) + 1;
  if (reason > payload + length) reason = "";
  if (flags & RUN_UNCOUNTED) close(agent);
  else fcntl(agent, F_SETFD, 0); /* its end, when the compiler has ended, frees the slot */
  if (flags & RUN_SAYING) say("%s", reason);
  if (flags & RUN_REPORTING) run_and_report(&chosen, reason);
  run_compiler(&chosen);
}

/* An output can't be written: the words a compiler would use, and nothing half done is left. */
static void give_up(const struct command *command) {
  discard_outputs();
  const char *slash = strrchr(command->argv[0], '/');
  const char *compiler = slash ? slash + 1 : command->argv[0];
  char line[6000];
  size_t length = 0;
  const char *parts[] = { compiler, ": fatal error: cannot write ", failed_output(), "\ncompilation terminated.\n" };
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
    size_t part = strlen(parts[i]);
    if (length + part > sizeof line) break;
    memcpy(line + length, parts[i], part);
    length += part;
  }
  write_all(STDERR_FILENO, line, length);
  exit(EXIT_OUTPUT);
}

static void begin(const struct command *command, int agent, char *payload, size_t length) {
  size_t path_length = length >= 6 ? (unsigned char)payload[4] | (size_t)(unsigned char)payload[5] << 8 : 0;
  if (path_length == 0 || length < 6 + path_length) abort();
  mode_t mode = number_at(payload);
  payload[6 + path_length] = '\0';
  switch (begin_output(payload + 6, mode)) {
    case OUTPUT_BEGUN:
      return;
    case OUTPUT_FAILED:
      give_up(command);
      return;
    case OUTPUT_NOT_REGULAR:
      /* A device, fifo or link has come into its place since the agent looked: only the compiler knows what to do. */
      discard_outputs();
      close(agent);
      run_compiler(command);
  }
}

static void finish(const struct command *command, const char *payload, const struct text *out, const struct text *err) {
  if (commit_outputs() != 0) give_up(command);
  signal(SIGPIPE, SIG_IGN); /* the job is done: a reader that left changes nothing */
  write_all(STDOUT_FILENO, out->bytes, out->length);
  write_all(STDERR_FILENO, err->bytes, err->length);
  uint32_t number = number_at(payload + 4);
  _exit((int)(number ? 128 + number : number_at(payload)));
}

void obey_agent(int agent, const struct command *command) {
  struct text out = { 0 }, err = { 0 };
  char header[5];
  char *payload = NULL;
  size_t capacity = 0;
  while (read_exactly(agent, header, sizeof header)) {
    size_t length = number_at(header + 1);
    if (length > MAXIMUM_FRAME) break;
    if (length + 1 > capacity) {
      capacity = length + 65536;
      free(payload);
      if (!(payload = malloc(capacity))) break;
    }
    if (!read_exactly(agent, payload, length)) break;
    payload[length] = '\0'; /* so that texts end */
    if (strchr("LDX", header[0]) && length < (header[0] == 'D' ? 8u : 4u)) break;
    switch (header[0]) {
      case 'L': run_here(agent, command, payload, length); break;
      case 'O': begin(command, agent, payload, length); break;
      case 'B': if (append_output(payload, length) != 0) give_up(command); break;
      case 'U': remove_at_commit(payload); break;
      case 'S': collect(&out, payload, length); break;
      case 'R': collect(&err, payload, length); break;
      case 'D': finish(command, payload, &out, &err); break;
      case 'X':
        discard_outputs();
        write_all(STDERR_FILENO, payload + 4, length - 4);
        _exit((int)number_at(payload));
      default: break;
    }
  }
  discard_outputs();
}
