/*
 * Where this build's agent listens: a socket in a directory that is nobody else's.
 *
 * The name is a hash of the build, the configuration and the file system we see, so a stale agent, another configuration or
 * a container of the same user never answers. The directory is opened once and everything goes through that descriptor:
 * nobody can put another one in its place afterwards, and a long path is no problem to the socket.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "wardcc.h"

const char *configuration_path(void) {
  const char *path = getenv("WARDCC_CONFIG");
  if (!path || !*path) return "";
  if (*path == '/') return path;
  char cwd[PATH_MAX];
  char *absolute;
  return getcwd(cwd, sizeof cwd) && asprintf(&absolute, "%s/%s", cwd, path) > 0 ? absolute : path;
}

/* Mount namespace and root directory: two processes with the same see the same files. */
const char *namespace_identity(char *buffer, size_t size) {
  struct stat root;
  ssize_t length = readlink("/proc/self/ns/mnt", buffer, size - 1);
  if (length < 0 || stat("/", &root) != 0) return NULL;
  snprintf(buffer + length, size - (size_t)length, "|%llu:%llu", (unsigned long long)root.st_dev, (unsigned long long)root.st_ino);
  return buffer;
}

/* FNV-1a, 64 bits: a name, not a secret. */
static uint64_t hash(uint64_t state, const char *text) {
  for (const unsigned char *byte = (const unsigned char *)text; *byte; byte++) state = (state ^ *byte) * 0x100000001b3u;
  return state;
}

static uint64_t hash_separator(uint64_t state) {
  return state * 0x100000001b3u; /* a NUL byte changes nothing before the multiplication */
}

/* The file that WARDCC_CONFIG names, or the one below HOME: a build with a home of its own must not end up with an agent that
   knows nothing of the user's settings, nor the user with the build's. */
static uint64_t hash_configuration(uint64_t state) {
  const char *path = configuration_path(), *home = getenv("HOME");
  if (*path) return hash(state, path);
  return hash(hash(state, home ? home : ""), "/.config/wardcc/client.jsonc");
}

/* Opens our runtime directory, made if it is absent. -1 and *why if it can't be trusted. */
static int open_directory(const char *path, const char **why) {
  if (mkdir(path, 0700) != 0 && errno != EEXIST) {
    *why = "the runtime directory cannot be made (WARDCC_RUNTIME_DIR chooses another)";
    return -1;
  }
  int directory = above_stdio(open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  struct stat status;
  struct statfs system;
  if (directory < 0 || fstat(directory, &status) != 0) {
    *why = errno == ELOOP || errno == ENOTDIR
      ? "the runtime directory is a link or no directory: remove it, or choose another with WARDCC_RUNTIME_DIR"
      : "the runtime directory cannot be opened (WARDCC_RUNTIME_DIR chooses another)";
  } else if (status.st_uid != geteuid()) {
    *why = "the runtime directory belongs to somebody else: choose another with WARDCC_RUNTIME_DIR";
  } else if (status.st_mode & 077) {
    *why = "the runtime directory is open to others: its mode must be 0700";
  } else if (fstatfs(directory, &system) == 0 && system.f_type == NFS_SUPER_MAGIC) {
    *why = "the runtime directory is on NFS, where sockets don't work: choose another with WARDCC_RUNTIME_DIR";
  } else {
    return directory;
  }
  if (directory >= 0) close(directory);
  return -1;
}

const char *find_meeting_place(struct meeting_place *place) {
  const char *why = NULL;
  const char *chosen = getenv("WARDCC_RUNTIME_DIR");
  char path[64];
  place->directory = -1;
  char identity[256];
  if (!namespace_identity(identity, sizeof identity)) return "/proc is not mounted here";
  uint64_t state = hash_separator(hash(0xcbf29ce484222325u, WARDCC_BUILD_ID));
  state = hash(hash_separator(hash_configuration(state)), identity);
  snprintf(place->name, sizeof place->name, "%016llx", (unsigned long long)state);

  if (chosen && *chosen) {
    if (*chosen != '/') return "WARDCC_RUNTIME_DIR is not an absolute path";
    place->directory = open_directory(chosen, &why);
    return why;
  }
  struct stat status;
  snprintf(path, sizeof path, "/run/user/%u", (unsigned)geteuid());
  if (lstat(path, &status) == 0 && S_ISDIR(status.st_mode) && status.st_uid == geteuid()) {
    strcat(path, "/wardcc");
  } else {
    snprintf(path, sizeof path, "/tmp/wardcc-%u", (unsigned)geteuid());
  }
  place->directory = open_directory(path, &why);
  return why;
}
