// wardcc.node: the few system calls that Node does not have.
//
// What always holds: no function here decides anything; each does one thing that its caller could do in C, checks the types of its arguments,
// and throws what the kernel answered.

#include "addon.h"

#include <cstring>

void ThrowErrno(Napi::Env env, const char* syscall, int number) {
  const char* name = strerrorname_np(number);
  Napi::Error error = Napi::Error::New(env, std::string(name ? name : "errno") + ": " + strerrordesc_np(number) + ", " + syscall);
  error.Set("code", Napi::String::New(env, name ? name : "UNKNOWN"));
  error.Set("errno", Napi::Number::New(env, -number));
  error.Set("syscall", Napi::String::New(env, syscall));
  error.ThrowAsJavaScriptException();
}

static Napi::Object Init(Napi::Env env, Napi::Object exports) {
  AddConfine(env, exports);
  AddCredentials(env, exports);
  AddLimits(env, exports);
  AddSpawn(env, exports);
  AddStat(env, exports);
#ifdef WARDCC_GSS
  AddGss(env, exports);
#endif
  return exports;
}

NODE_API_MODULE(wardcc, Init)
