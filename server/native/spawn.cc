// Starting a program without copying the address space: Node's own way takes a millisecond at 54 MB resident, this a tenth of that.
//
// Between vfork and exec the child lives in our memory, so it only makes system calls and writes to one variable. All signals are blocked
// meanwhile, so that no handler of ours runs in it.

#include "addon.h"

#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace {

// Descriptors are first moved above those that they become.
constexpr int kSpare = 64;

struct Plan {
  const char* file;
  char* const* argv;
  int* descriptors;
  int count;
  mode_t mask;
  sigset_t signals;
};

[[noreturn]] void Become(const Plan& plan, volatile int* failure) {
  char* const environment[] = {nullptr};
  // What is ignored stays ignored over exec: a compiler that writes too much must get its SIGXFSZ.
  for (int number = 1; number < NSIG; number++) signal(number, SIG_DFL);
  umask(plan.mask);
  bool ok = chdir("/") == 0;
  for (int i = 0; ok && i < plan.count; i++) ok = (plan.descriptors[i] = fcntl(plan.descriptors[i], F_DUPFD, kSpare)) >= 0;
  for (int i = 0; ok && i < plan.count; i++) ok = dup2(plan.descriptors[i], i) == i;
  ok = ok && syscall(SYS_close_range, plan.count, ~0U, 0) == 0;
  ok = ok && sigprocmask(SIG_SETMASK, &plan.signals, nullptr) == 0;
  if (ok) execve(plan.file, plan.argv, environment);
  *failure = errno;
  _exit(127);
}

// spawn(file, args, descriptors, umask) -> pid; the descriptors become 0, 1, 2... of the child, which has no others, an empty
// environment, and the root as its working directory. args include argv[0]. Throws what the kernel answered; then nothing runs.
Napi::Value Spawn(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (info.Length() != 4 || !info[0].IsString() || !info[1].IsArray() || !info[2].IsArray() || !info[3].IsNumber()) {
    Napi::TypeError::New(env, "spawn(file: string, args: string[], descriptors: number[], umask: number)").ThrowAsJavaScriptException();
    return env.Undefined();
  }
  const std::string file = info[0].As<Napi::String>();
  const Napi::Array args = info[1].As<Napi::Array>();
  const Napi::Array numbers = info[2].As<Napi::Array>();
  std::vector<std::string> texts;
  for (uint32_t i = 0; i < args.Length(); i++) {
    Napi::Value item = args[i];
    texts.push_back(item.IsString() ? item.As<Napi::String>().Utf8Value() : std::string(1, '\0'));
    if (texts.back().find('\0') != std::string::npos) {
      Napi::TypeError::New(env, "spawn: every argument is a string without NUL").ThrowAsJavaScriptException();
      return env.Undefined();
    }
  }
  std::vector<char*> argv;
  for (std::string& text : texts) argv.push_back(text.data());
  argv.push_back(nullptr);
  std::vector<int> descriptors;
  for (uint32_t i = 0; i < numbers.Length() && i < kSpare; i++) descriptors.push_back(Napi::Value(numbers[i]).ToNumber().Int32Value());

  const mode_t mask = info[3].As<Napi::Number>().Uint32Value();
  Plan plan{file.c_str(), argv.data(), descriptors.data(), static_cast<int>(descriptors.size()), mask, {}};
  volatile int failure = 0;
  sigset_t every;
  sigfillset(&every);
  pthread_sigmask(SIG_SETMASK, &every, &plan.signals);
  const pid_t pid = vfork();
  if (pid == 0) Become(plan, &failure);
  const int error = pid < 0 ? errno : failure;
  pthread_sigmask(SIG_SETMASK, &plan.signals, nullptr);
  if (error != 0) {
    if (pid > 0) waitpid(pid, nullptr, 0);
    ThrowErrno(env, "spawn", error);
    return env.Undefined();
  }
  return Napi::Number::New(env, pid);
}

// collect(pid) -> true when a child that `spawn` started has ended and is collected, false while it runs; throws ECHILD.
Napi::Value Collect(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (info.Length() != 1 || !info[0].IsNumber()) {
    Napi::TypeError::New(env, "collect(pid: number)").ThrowAsJavaScriptException();
    return env.Undefined();
  }
  const pid_t pid = info[0].As<Napi::Number>().Int32Value();
  const pid_t ended = pid > 0 ? waitpid(pid, nullptr, WNOHANG) : (errno = ECHILD, -1);
  if (ended < 0) {
    ThrowErrno(env, "waitpid", errno);
    return env.Undefined();
  }
  return Napi::Boolean::New(env, ended == pid);
}

// makePipe() -> [reading end, writing end], closed on exec.
Napi::Value MakePipe(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) {
    ThrowErrno(env, "pipe2", errno);
    return env.Undefined();
  }
  Napi::Array result = Napi::Array::New(env, 2);
  result.Set(0u, Napi::Number::New(env, ends[0]));
  result.Set(1u, Napi::Number::New(env, ends[1]));
  return result;
}

}  // namespace

void AddSpawn(Napi::Env env, Napi::Object exports) {
  exports.Set("spawn", Napi::Function::New(env, Spawn));
  exports.Set("collect", Napi::Function::New(env, Collect));
  exports.Set("makePipe", Napi::Function::New(env, MakePipe));
}
