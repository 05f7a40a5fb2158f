// Resource limits and usage of other processes: limits of a job are set on its sandbox while it waits, so that nothing has to run inside
// to set them.

#include "addon.h"

#include <cerrno>
#include <sys/resource.h>

static const struct {
  const char* name;
  __rlimit_resource resource;
} kResources[] = {
    {"cpu", RLIMIT_CPU},   {"core", RLIMIT_CORE},     {"fsize", RLIMIT_FSIZE}, {"nofile", RLIMIT_NOFILE},
    {"nproc", RLIMIT_NPROC}, {"as", RLIMIT_AS}, {"data", RLIMIT_DATA},   {"stack", RLIMIT_STACK},
};

// setLimit(pid, name, soft, hard); throws ESRCH, EPERM...
static Napi::Value SetLimit(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (info.Length() != 4 || !info[0].IsNumber() || !info[1].IsString() || !info[2].IsNumber() || !info[3].IsNumber()) {
    Napi::TypeError::New(env, "setLimit(pid: number, name: string, soft: number, hard: number)").ThrowAsJavaScriptException();
    return env.Undefined();
  }
  const std::string name = info[1].As<Napi::String>();
  for (const auto& known : kResources) {
    if (name != known.name) continue;
    const auto value = [&info](size_t index) { return static_cast<rlim_t>(info[index].As<Napi::Number>().Int64Value()); };
    const rlimit limit{value(2), value(3)};
    if (prlimit(info[0].As<Napi::Number>().Int32Value(), known.resource, &limit, nullptr) != 0) ThrowErrno(env, "prlimit", errno);
    return env.Undefined();
  }
  Napi::TypeError::New(env, "setLimit: unknown resource " + name).ThrowAsJavaScriptException();
  return env.Undefined();
}

static double Milliseconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) * 1000 + static_cast<double>(time.tv_usec) / 1000;
}

// childrenUsage() -> { userMs, systemMs, maxRssKb } of all children that were waited for.
static Napi::Value ChildrenUsage(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  rusage used{};
  if (getrusage(RUSAGE_CHILDREN, &used) != 0) {
    ThrowErrno(env, "getrusage", errno);
    return env.Undefined();
  }
  Napi::Object result = Napi::Object::New(env);
  result.Set("userMs", Napi::Number::New(env, Milliseconds(used.ru_utime)));
  result.Set("systemMs", Napi::Number::New(env, Milliseconds(used.ru_stime)));
  result.Set("maxRssKb", Napi::Number::New(env, static_cast<double>(used.ru_maxrss)));
  return result;
}

void AddLimits(Napi::Env env, Napi::Object exports) {
  exports.Set("setLimit", Napi::Function::New(env, SetLimit));
  exports.Set("childrenUsage", Napi::Function::New(env, ChildrenUsage));
}
