// The state of many files in one call: 500 files cost half a millisecond here, two to six through Node.

#include "addon.h"

#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>

// Fields of one file in the packed result, in this order; `server/native/load.ts` names them.
enum Field { kDevice, kInode, kSize, kMtime, kCtime, kMode, kFields };

static int64_t Nanoseconds(const timespec& time) { return static_cast<int64_t>(time.tv_sec) * 1000000000 + time.tv_nsec; }

// statList(paths, follow) -> BigInt64Array. A path that cannot be examined has mode 0 and the negative errno as its size.
static Napi::Value StatList(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (info.Length() != 2 || !info[0].IsArray() || !info[1].IsBoolean()) {
    Napi::TypeError::New(env, "statList(paths: string[], follow: boolean)").ThrowAsJavaScriptException();
    return env.Undefined();
  }
  const Napi::Array paths = info[0].As<Napi::Array>();
  const int flags = info[1].As<Napi::Boolean>().Value() ? 0 : AT_SYMLINK_NOFOLLOW;
  const uint32_t count = paths.Length();
  Napi::BigInt64Array result = Napi::BigInt64Array::New(env, static_cast<size_t>(count) * kFields);
  int64_t* field = result.Data();
  std::string path;
  for (uint32_t index = 0; index < count; index++, field += kFields) {
    Napi::HandleScope scope(env);
    Napi::Value item = paths[index];
    if (!item.IsString()) {
      Napi::TypeError::New(env, "statList: every path is a string").ThrowAsJavaScriptException();
      return env.Undefined();
    }
    path = item.As<Napi::String>().Utf8Value();
    struct stat status;
    // A NUL inside would silently name another file.
    const int error = path.find('\0') != std::string::npos ? ENOENT : fstatat(AT_FDCWD, path.c_str(), &status, flags) != 0 ? errno : 0;
    if (error != 0) {
      for (int i = 0; i < kFields; i++) field[i] = 0;
      field[kSize] = -error;
      continue;
    }
    field[kDevice] = static_cast<int64_t>(status.st_dev);
    field[kInode] = static_cast<int64_t>(status.st_ino);
    field[kSize] = status.st_size;
    field[kMtime] = Nanoseconds(status.st_mtim);
    field[kCtime] = Nanoseconds(status.st_ctim);
    field[kMode] = status.st_mode;
  }
  return result;
}

void AddStat(Napi::Env env, Napi::Object exports) { exports.Set("statList", Napi::Function::New(env, StatList)); }
