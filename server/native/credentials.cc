// Who is at the other end of a unix socket, as the kernel saw it when the connection was made.

#include "addon.h"

#include <cerrno>
#include <sys/socket.h>

// peerCredentials(fd) -> { pid, uid, gid }; throws ENOTSOCK, EBADF...
static Napi::Value PeerCredentials(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (info.Length() != 1 || !info[0].IsNumber()) {
    Napi::TypeError::New(env, "peerCredentials(fd: number)").ThrowAsJavaScriptException();
    return env.Undefined();
  }
  ucred peer{};
  socklen_t length = sizeof peer;
  if (getsockopt(info[0].As<Napi::Number>().Int32Value(), SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0) {
    ThrowErrno(env, "getsockopt", errno);
    return env.Undefined();
  }
  Napi::Object result = Napi::Object::New(env);
  result.Set("pid", Napi::Number::New(env, peer.pid));
  result.Set("uid", Napi::Number::New(env, peer.uid));
  result.Set("gid", Napi::Number::New(env, peer.gid));
  return result;
}

void AddCredentials(Napi::Env env, Napi::Object exports) { exports.Set("peerCredentials", Napi::Function::New(env, PeerCredentials)); }
