/*
 * The command, as the agent needs to know it: 'WCL1', the length of what follows, then records {tag, length, bytes}.
 * Numbers are little-endian.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "wardcc.h"

extern char **environ;

/* What changes a compile, chooses a credential or is ours. A name that ends in * stands for all that begin so. */
static const char *const telling[] = {
  "AS_*", "CC_*", "CCC_*", "CLANG_*", "CLICOLOR*", "COLLECT_*", "COLORTERM", "COLUMNS", "COMPILER_PATH", "CPATH",
  "CPLUS_INCLUDE_PATH", "CXX_MODULE_MAPPER",
  "C_INCLUDE_PATH", "DEPENDENCIES_OUTPUT", "FORCE_COLOR", "GCC_*", "KRB5*", "LANG", "LANGUAGE", "LC_*", "LD_*",
  "LIBRARY_PATH", "LLVM_*", "LOCPATH", "MALLOC_*", "NLSPATH", "NO_COLOR", "OBJCPLUS_INCLUDE_PATH", "OBJC_INCLUDE_PATH",
  "QA_OVERRIDE_*", "SDKROOT", "SOURCE_DATE_EPOCH", "SSH_AUTH_SOCK", "SUNPRO_DEPENDENCIES", "TERM", "TERM_URLS", "TMPDIR",
  "TZ", "WARDCC_*",
};

struct message {
  char *bytes;
  size_t length, capacity;
};

static void put(struct message *message, const void *bytes, size_t length) {
  if (message->length + length > message->capacity) {
    message->capacity = (message->length + length) * 2;
    message->bytes = realloc(message->bytes, message->capacity);
    if (!message->bytes) abort();
  }
  memcpy(message->bytes + message->length, bytes, length);
  message->length += length;
}

static void put_number(struct message *message, uint32_t number) {
  unsigned char bytes[4] = { number, number >> 8, number >> 16, number >> 24 };
  put(message, bytes, sizeof bytes);
}

static void record(struct message *message, char tag, const void *bytes, size_t length) {
  put(message, &tag, 1);
  put_number(message, (uint32_t)length);
  put(message, bytes, length);
}

static void record_text(struct message *message, char tag, const char *text) {
  record(message, tag, text, strlen(text));
}

static void record_number(struct message *message, char tag, uint32_t number) {
  put(message, &tag, 1);
  put_number(message, 4);
  put_number(message, number);
}

static int tells(const char *entry) {
  for (size_t i = 0; i < sizeof telling / sizeof *telling; i++) {
    size_t length = strlen(telling[i]);
    if (telling[i][length - 1] == '*') {
      if (strncmp(entry, telling[i], length - 1) == 0) return 1;
    } else if (strncmp(entry, telling[i], length) == 0 && entry[length] == '=') {
      return 1;
    }
  }
  return 0;
}

/* The compiler's path from the root, with nothing resolved. */
static void record_compiler(struct message *message, const char *compiler, const char *cwd) {
  char path[2 * PATH_MAX];
  if (*compiler == '/') {
    record_text(message, 'K', compiler);
  } else if (strlen(cwd) + strlen(compiler) + 2 <= sizeof path) {
    strcpy(path, cwd);
    strcat(strcat(path, "/"), compiler);
    record_text(message, 'K', path);
  }
}

/* clang asks stderr how wide it is, gcc asks stdin. */
static void record_terminal(struct message *message) {
  const int asked[] = { STDERR_FILENO, STDIN_FILENO };
  unsigned char bytes[5] = { (unsigned char)isatty(STDERR_FILENO) };
  for (int i = 0; i < 2; i++) {
    struct winsize size = { 0 };
    if (!bytes[0] || ioctl(asked[i], TIOCGWINSZ, &size) != 0) continue;
    bytes[1 + 2 * i] = (unsigned char)size.ws_col;
    bytes[2 + 2 * i] = (unsigned char)(size.ws_col >> 8);
  }
  record(message, 'T', bytes, sizeof bytes);
}

int send_request(int agent, const struct command *command, const char *cwd) {
  struct message message = { malloc(16384), 8, 16384 };
  if (!message.bytes) abort();
  memcpy(message.bytes, "WCL1", 4);

  for (char **argument = command->argv; *argument; argument++) record_text(&message, 'A', *argument);
  record_compiler(&message, command->compiler, cwd);
  record_text(&message, 'C', cwd);
  const char *pwd = getenv("PWD");
  struct stat here, there;
  if (pwd && *pwd == '/' && stat(pwd, &there) == 0 && stat(".", &here) == 0 && here.st_dev == there.st_dev && here.st_ino == there.st_ino) {
    record_text(&message, 'P', pwd);
  }
  mode_t mask = umask(077);
  umask(mask);
  record_number(&message, 'U', mask);
  const char *path = getenv("PATH");
  if (path) record_text(&message, 'H', path);
  for (char **entry = environ; *entry; entry++) {
    if (tells(*entry)) record_text(&message, 'E', *entry);
  }
  char identity[256];
  if (namespace_identity(identity, sizeof identity)) record_text(&message, 'N', identity);
  record_terminal(&message);
  record_number(&message, 'D', (uint32_t)getpid());
  record(&message, 'M', command->begun, sizeof command->begun);

  uint32_t length = (uint32_t)(message.length - 8);
  for (int i = 0; i < 4; i++) message.bytes[4 + i] = (char)(length >> (8 * i));
  size_t sent = 0;
  while (sent < message.length) {
    ssize_t count = send(agent, message.bytes + sent, message.length - sent, MSG_NOSIGNAL);
    if (count > 0) sent += (size_t)count;
    else if (errno != EINTR) break;
  }
  free(message.bytes);
  return sent == message.length ? 0 : -1;
}
