// The parts of the addon: each adds its functions to `exports`.
#pragma once

#include <napi.h>

void AddConfine(Napi::Env env, Napi::Object exports);
void AddCredentials(Napi::Env env, Napi::Object exports);
void AddLimits(Napi::Env env, Napi::Object exports);
void AddSpawn(Napi::Env env, Napi::Object exports);
void AddStat(Napi::Env env, Napi::Object exports);
#ifdef WARDCC_GSS
void AddGss(Napi::Env env, Napi::Object exports);
void AddCredentialCache(Napi::Env env, Napi::Object exports);
#endif

// Throws a JavaScript error with `code` (such as EBADF), `errno` and `syscall`, as Node's own functions do.
void ThrowErrno(Napi::Env env, const char* syscall, int number);
