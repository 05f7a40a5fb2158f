// What a process gives up for itself, for good: being dumped or traced, and system calls that it never makes.

#include "addon.h"

#include <cerrno>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

// forbidDumps(): no core dump, and nobody of the same user reads this process's memory or traces it.
static Napi::Value ForbidDumps(const Napi::CallbackInfo& info) {
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) ThrowErrno(info.Env(), "prctl", errno);
  return info.Env().Undefined();
}

// installFilter(program): a seccomp filter on every thread of this process; throws what the kernel answered, or EPERM when a thread
// cannot have it.
static Napi::Value InstallFilter(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (info.Length() != 1 || !info[0].IsBuffer()) {
    Napi::TypeError::New(env, "installFilter(program: Buffer)").ThrowAsJavaScriptException();
    return env.Undefined();
  }
  const auto program = info[0].As<Napi::Buffer<sock_filter>>();
  const sock_fprog filter{static_cast<unsigned short>(program.ByteLength() / sizeof(sock_filter)), program.Data()};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    ThrowErrno(env, "prctl", errno);
    return env.Undefined();
  }
  const long answer = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &filter);
  if (answer != 0) ThrowErrno(env, "seccomp", answer < 0 ? errno : EPERM);
  return env.Undefined();
}

void AddConfine(Napi::Env env, Napi::Object exports) {
  exports.Set("forbidDumps", Napi::Function::New(env, ForbidDumps));
  exports.Set("installFilter", Napi::Function::New(env, InstallFilter));
}
