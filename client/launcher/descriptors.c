/* Small things done to file descriptors. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "wardcc.h"

/* A build may run us with stdin, stdout or stderr closed: our own descriptors must not take their numbers, or the
   compiler would print into them. */
int above_stdio(int descriptor) {
  if (descriptor < 0 || descriptor > STDERR_FILENO) return descriptor;
  int moved = fcntl(descriptor, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
  int error = errno;
  close(descriptor);
  errno = error;
  return moved;
}

/* One write(2) where the kernel takes it in one, so that parallel diagnostics never mix. 0, or -1 with errno. */
int write_all(int descriptor, const char *bytes, size_t length) {
  while (length > 0) {
    ssize_t written = write(descriptor, bytes, length);
    if (written >= 0) {
      bytes += written;
      length -= (size_t)written;
    } else if (errno == EAGAIN) {
      struct pollfd writable = { .fd = descriptor, .events = POLLOUT };
      poll(&writable, 1, -1);
    } else if (errno != EINTR) {
      return -1;
    }
  }
  return 0;
}

/* One line on stderr, written at once. */
void say(const char *format, ...) {
  char line[8192] = "wardcc: ";
  size_t used = 8;
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(line + used, sizeof line - used - 1, format, arguments);
  va_end(arguments);
  if (length < 0) return;
  used += (size_t)length < sizeof line - used - 1 ? (size_t)length : sizeof line - used - 2;
  line[used++] = '\n';
  write_all(STDERR_FILENO, line, used);
}
