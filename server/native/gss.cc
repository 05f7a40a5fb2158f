// The accepting side of Kerberos, over MIT's GSS-API.
//
// What always holds: the acceptor has a name, one mechanism (krb5), a replay cache, and the AES keys of its own principal alone,
// copied from the keytab when it is made: a keytab that is replaced by half a file changes nothing until a new acceptor is made.
// Tokens, which anybody may send, are looked at on a worker thread. Accepting contacts no KDC.

#include "gss.h"

#include <atomic>
#include <cstring>
#include <memory>
#include <vector>

namespace {

const napi_type_tag kAcceptorTag = {0x9d1f6c1be27d4c0eULL, 0xa5d3f7f0c3b14a11ULL};
const napi_type_tag kContextTag = {0x51c0a7dd8a6f4b9cULL, 0x8b7be1b06c1f4d12ULL};

bool IsAes(krb5_enctype type) {
  return type == ENCTYPE_AES128_CTS_HMAC_SHA1_96 || type == ENCTYPE_AES256_CTS_HMAC_SHA1_96 || type == ENCTYPE_AES128_CTS_HMAC_SHA256_128 ||
         type == ENCTYPE_AES256_CTS_HMAC_SHA384_192;
}

gss_buffer_desc BufferOf(const std::string& bytes) { return {bytes.size(), const_cast<char*>(bytes.data())}; }

std::string Take(gss_buffer_desc* buffer) {
  std::string bytes(static_cast<const char*>(buffer->value), buffer->length);
  OM_uint32 minor;
  gss_release_buffer(&minor, buffer);
  return bytes;
}

struct Acceptor {
  krb5_context context = nullptr;
  krb5_keytab keys = nullptr;
  gss_cred_id_t credential = GSS_C_NO_CREDENTIAL;
  // Where `keys` are.
  std::string place;
  // Names of the AES keys.
  std::vector<std::string> usable;
  int refused = 0;

  ~Acceptor() {
    OM_uint32 minor;
    if (credential != GSS_C_NO_CREDENTIAL) gss_release_cred(&minor, &credential);
    if (keys != nullptr) krb5_kt_close(context, keys);
    if (context != nullptr) krb5_free_context(context);
  }
};

struct SecurityContext {
  gss_ctx_id_t handle = GSS_C_NO_CONTEXT;

  ~SecurityContext() {
    OM_uint32 minor;
    if (handle != GSS_C_NO_CONTEXT) gss_delete_sec_context(&minor, &handle, GSS_C_NO_BUFFER);
  }
};

using AcceptorHandle = std::shared_ptr<Acceptor>;

// Copies the AES keys of `principal` from the file to a keytab in memory.
krb5_error_code CopyKeys(Acceptor* acceptor, const std::string& file, const std::string& principal, const std::string& place) {
  krb5_context context = acceptor->context;
  krb5_principal wanted = nullptr;
  krb5_keytab source = nullptr;
  krb5_kt_cursor cursor;
  krb5_error_code code = krb5_parse_name(context, principal.c_str(), &wanted);
  if (code == 0) code = krb5_kt_resolve(context, ("FILE:" + file).c_str(), &source);
  if (code == 0) code = krb5_kt_resolve(context, place.c_str(), &acceptor->keys);
  if (code == 0) code = krb5_kt_start_seq_get(context, source, &cursor);
  if (code == 0) {
    krb5_keytab_entry entry;
    while (code == 0 && (code = krb5_kt_next_entry(context, source, &entry, &cursor)) == 0) {
      if (krb5_principal_compare(context, entry.principal, wanted)) {
        if (IsAes(entry.key.enctype)) {
          code = krb5_kt_add_entry(context, acceptor->keys, &entry);
          acceptor->usable.push_back(KeyName(context, entry.key));
        } else {
          acceptor->refused += 1;
        }
      }
      krb5_free_keytab_entry_contents(context, &entry);
    }
    if (code == KRB5_KT_END) code = 0;
    krb5_kt_end_seq_get(context, source, &cursor);
  }
  if (source != nullptr) krb5_kt_close(context, source);
  krb5_free_principal(context, wanted);
  return code;
}

// keytabPrincipals(keytab) -> the names that the keytab has keys of, once for each key.
Napi::Value KeytabPrincipals(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (info.Length() != 1 || !info[0].IsString()) {
    Napi::TypeError::New(env, "keytabPrincipals(keytab: string)").ThrowAsJavaScriptException();
    return env.Undefined();
  }
  krb5_context context = nullptr;
  krb5_keytab keytab = nullptr;
  krb5_kt_cursor cursor;
  Napi::Array names = Napi::Array::New(env);
  krb5_error_code code = krb5_init_context(&context);
  if (code == 0) code = krb5_kt_resolve(context, ("FILE:" + info[0].As<Napi::String>().Utf8Value()).c_str(), &keytab);
  if (code == 0) code = krb5_kt_start_seq_get(context, keytab, &cursor);
  if (code == 0) {
    krb5_keytab_entry entry;
    while ((code = krb5_kt_next_entry(context, keytab, &entry, &cursor)) == 0) {
      char* name = nullptr;
      if (krb5_unparse_name(context, entry.principal, &name) == 0) names.Set(names.Length(), name);
      krb5_free_unparsed_name(context, name);
      krb5_free_keytab_entry_contents(context, &entry);
    }
    if (code == KRB5_KT_END) code = 0;
    krb5_kt_end_seq_get(context, keytab, &cursor);
  }
  const GssFailure failure = DescribeKrb5(context, code);
  if (keytab != nullptr) krb5_kt_close(context, keytab);
  if (context != nullptr) krb5_free_context(context);
  if (code == 0) return names;
  GssError(env, failure).ThrowAsJavaScriptException();
  return env.Undefined();
}

// gssAcceptor(keytab, principal, replayCache) -> { handle, usable, refused }: names of the AES keys and the number of other keys found.
Napi::Value MakeAcceptor(const Napi::CallbackInfo& info) {
  static std::atomic<unsigned> count{0};
  Napi::Env env = info.Env();
  if (info.Length() != 3 || !info[0].IsString() || !info[1].IsString() || !info[2].IsString()) {
    Napi::TypeError::New(env, "gssAcceptor(keytab: string, principal: string, replayCache: string)").ThrowAsJavaScriptException();
    return env.Undefined();
  }
  const std::string file = info[0].As<Napi::String>(), principal = info[1].As<Napi::String>(), replay = info[2].As<Napi::String>();
  const std::string place = "MEMORY:wardcc-" + std::to_string(count++);
  auto acceptor = std::make_shared<Acceptor>();
  krb5_error_code code = krb5_init_context(&acceptor->context);
  acceptor->place = place;
  if (code == 0) code = CopyKeys(acceptor.get(), file, principal, place);
  if (code != 0) {
    GssError(env, DescribeKrb5(acceptor->context, code)).ThrowAsJavaScriptException();
    return env.Undefined();
  }
  OM_uint32 major = GSS_S_COMPLETE, minor = 0, ignored;
  if (!acceptor->usable.empty()) {
    gss_name_t name = GSS_C_NO_NAME;
    gss_buffer_desc text = BufferOf(principal);
    gss_OID_set_desc mechanisms = {1, const_cast<gss_OID>(gss_mech_krb5)};
    gss_key_value_element_desc elements[] = {{"keytab", place.c_str()}, {"rcache", replay.c_str()}};
    gss_key_value_set_desc store = {2, elements};
    major = gss_import_name(&minor, &text, const_cast<gss_OID>(GSS_KRB5_NT_PRINCIPAL_NAME), &name);
    if (!GSS_ERROR(major)) {
      gss_cred_id_t* credential = &acceptor->credential;
      major = gss_acquire_cred_from(&minor, name, GSS_C_INDEFINITE, &mechanisms, GSS_C_ACCEPT, &store, credential, nullptr, nullptr);
    }
    gss_release_name(&ignored, &name);
  }
  if (GSS_ERROR(major)) {
    GssError(env, DescribeGss(major, minor)).ThrowAsJavaScriptException();
    return env.Undefined();
  }
  Napi::Object answer = Napi::Object::New(env);
  Napi::Array usable = Napi::Array::New(env);
  for (const auto& name : acceptor->usable) usable.Set(usable.Length(), name);
  answer.Set("usable", usable);
  answer.Set("refused", acceptor->refused);
  const auto drop = [](Napi::Env, AcceptorHandle* data) { delete data; };
  auto handle = Napi::External<AcceptorHandle>::New(env, new AcceptorHandle(std::move(acceptor)), drop);
  handle.TypeTag(&kAcceptorTag);
  answer.Set("handle", handle);
  return answer;
}

class AcceptWorker : public Napi::AsyncWorker {
 public:
  AcceptWorker(Napi::Env env, AcceptorHandle acceptor, std::string token)
      : Napi::AsyncWorker(env, "wardcc:gssAccept"),
        deferred_(Napi::Promise::Deferred::New(env)),
        acceptor_(std::move(acceptor)),
        token_(std::move(token)) {}

  Napi::Promise Promise() const { return deferred_.Promise(); }

 protected:
  void Execute() override {
    OM_uint32 minor = 0, ignored;
    gss_name_t source = GSS_C_NO_NAME;
    // Without a place for them, delegated credentials would be dropped unseen.
    gss_cred_id_t delegated = GSS_C_NO_CREDENTIAL;
    gss_buffer_desc input = BufferOf(token_), output = GSS_C_EMPTY_BUFFER, name = GSS_C_EMPTY_BUFFER;
    OM_uint32 major = gss_accept_sec_context(&minor, &context_->handle, acceptor_->credential, &input, GSS_C_NO_CHANNEL_BINDINGS,
                                             &source, nullptr, &output, &flags_, nullptr, &delegated);
    if (delegated != GSS_C_NO_CREDENTIAL) {
      flags_ |= GSS_C_DELEG_FLAG;
      gss_release_cred(&ignored, &delegated);
    }
    if (major == GSS_S_COMPLETE) major = gss_display_name(&minor, source, &name, nullptr);
    // One step is all that the krb5 mechanism takes, unless a peer asks for DCE style.
    failed_ = major != GSS_S_COMPLETE;
    if (failed_) failure_ = DescribeGss(major, minor);
    else keyType_ = SessionKeyType();
    if (!failed_) ticketKey_ = TicketKey(acceptor_->place, input);
    gss_release_name(&ignored, &source);
    name_ = Take(&name);
    output_ = Take(&output);
  }

  void OnOK() override {
    Napi::Env env = Env();
    if (failed_) return deferred_.Reject(GssError(env, failure_).Value());
    Napi::Object answer = Napi::Object::New(env);
    answer.Set("token", Napi::Buffer<char>::Copy(env, output_.data(), output_.size()));
    answer.Set("name", name_);
    answer.Set("flags", flags_);
    answer.Set("keyType", keyType_);
    answer.Set("ticketKey", ticketKey_);
    auto handle = Napi::External<SecurityContext>::New(env, context_.release(), [](Napi::Env, SecurityContext* data) { delete data; });
    handle.TypeTag(&kContextTag);
    answer.Set("context", handle);
    deferred_.Resolve(answer);
  }

 private:
  // The encryption type of the session key, or 0: it is the last arc of the second element's object identifier.
  OM_uint32 SessionKeyType() {
    OM_uint32 minor, type = 0;
    gss_buffer_set_t set = GSS_C_NO_BUFFER_SET;
    const OM_uint32 major = gss_inquire_sec_context_by_oid(&minor, context_->handle, const_cast<gss_OID>(GSS_C_INQ_SSPI_SESSION_KEY), &set);
    if (major == GSS_S_COMPLETE && set->count == 2) {
      const auto* bytes = static_cast<const unsigned char*>(set->elements[1].value);
      size_t start = set->elements[1].length;
      while (start > 1 && (start == set->elements[1].length || (bytes[start - 1] & 0x80) != 0)) start -= 1;
      for (size_t at = start; at < set->elements[1].length; at++) type = type << 7 | (bytes[at] & 0x7f);
    }
    gss_release_buffer_set(&minor, &set);
    return IsAes(static_cast<krb5_enctype>(type)) ? type : 0;
  }

  Napi::Promise::Deferred deferred_;
  AcceptorHandle acceptor_;
  std::string token_;
  std::unique_ptr<SecurityContext> context_ = std::make_unique<SecurityContext>();
  bool failed_ = false;
  GssFailure failure_;
  std::string name_, output_, ticketKey_;
  OM_uint32 flags_ = 0, keyType_ = 0;
};

// gssAccept(acceptor, token) -> Promise<{ context, token, name, flags, keyType, ticketKey }>; keyType is 0 unless the session key is AES.
Napi::Value Accept(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  using Handle = Napi::External<AcceptorHandle>;
  const bool isAcceptor = info.Length() == 2 && info[0].IsExternal() && info[0].As<Handle>().CheckTypeTag(&kAcceptorTag);
  if (!isAcceptor || !info[1].IsBuffer()) {
    Napi::TypeError::New(env, "gssAccept(acceptor, token: Buffer)").ThrowAsJavaScriptException();
    return env.Undefined();
  }
  auto token = info[1].As<Napi::Buffer<char>>();
  auto* worker = new AcceptWorker(env, *info[0].As<Handle>().Data(), std::string(token.Data(), token.Length()));
  worker->Queue();
  return worker->Promise();
}

// The context of a call `f(context, bytes)`, or null with an exception pending.
SecurityContext* ContextOf(const Napi::CallbackInfo& info, const char* usage, bool withBytes) {
  using Handle = Napi::External<SecurityContext>;
  const bool isContext = info.Length() > 0 && info[0].IsExternal() && info[0].As<Handle>().CheckTypeTag(&kContextTag);
  if (isContext && (!withBytes || (info.Length() == 2 && info[1].IsBuffer()))) {
    auto* context = info[0].As<Handle>().Data();
    if (context->handle != GSS_C_NO_CONTEXT) return context;
    Napi::Error::New(info.Env(), "the security context has ended").ThrowAsJavaScriptException();
    return nullptr;
  }
  Napi::TypeError::New(info.Env(), usage).ThrowAsJavaScriptException();
  return nullptr;
}

// gssSeal(context, message) -> token, encrypted.
Napi::Value Seal(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  SecurityContext* context = ContextOf(info, "gssSeal(context, message: Buffer)", true);
  if (context == nullptr) return env.Undefined();
  auto message = info[1].As<Napi::Buffer<char>>();
  gss_buffer_desc input = {message.Length(), message.Data()}, output = GSS_C_EMPTY_BUFFER;
  OM_uint32 minor = 0;
  int confidential = 0;
  const OM_uint32 major = gss_wrap(&minor, context->handle, 1, GSS_C_QOP_DEFAULT, &input, &confidential, &output);
  const std::string token = Take(&output);
  if (major != GSS_S_COMPLETE || !confidential) {
    GssError(env, DescribeGss(major, minor)).ThrowAsJavaScriptException();
    return env.Undefined();
  }
  return Napi::Buffer<char>::Copy(env, token.data(), token.size());
}

// gssOpen(context, token) -> message; throws when the token is not whole, not in order or was not encrypted.
Napi::Value Open(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  SecurityContext* context = ContextOf(info, "gssOpen(context, token: Buffer)", true);
  if (context == nullptr) return env.Undefined();
  auto token = info[1].As<Napi::Buffer<char>>();
  gss_buffer_desc input = {token.Length(), token.Data()}, output = GSS_C_EMPTY_BUFFER;
  OM_uint32 minor = 0;
  int confidential = 0;
  const OM_uint32 major = gss_unwrap(&minor, context->handle, &input, &output, &confidential, nullptr);
  const std::string message = Take(&output);
  if (major != GSS_S_COMPLETE || !confidential) {
    GssError(env, DescribeGss(major == GSS_S_COMPLETE ? GSS_S_BAD_SIG : major, minor)).ThrowAsJavaScriptException();
    return env.Undefined();
  }
  return Napi::Buffer<char>::Copy(env, message.data(), message.size());
}

// gssEnd(context) -> end of the ticket in seconds since 1970. The context is gone afterwards.
Napi::Value End(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  SecurityContext* context = ContextOf(info, "gssEnd(context)", false);
  if (context == nullptr) return env.Undefined();
  OM_uint32 minor = 0;
  void* lucid = nullptr;
  // The lifetime that GSS tells an acceptor has the permitted clock skew added: only this has the ticket's own end.
  const OM_uint32 major = gss_krb5_export_lucid_sec_context(&minor, &context->handle, 1, &lucid);
  if (major != GSS_S_COMPLETE) {
    GssError(env, DescribeGss(major, minor)).ThrowAsJavaScriptException();
    return env.Undefined();
  }
  const double end = static_cast<gss_krb5_lucid_context_v1_t*>(lucid)->endtime;
  gss_krb5_free_lucid_sec_context(&minor, lucid);
  return Napi::Number::New(env, end);
}

std::string StatusText(OM_uint32 status, int kind) {
  OM_uint32 minor, more = 0;
  gss_buffer_desc text = GSS_C_EMPTY_BUFFER;
  const gss_OID mechanism = kind == GSS_C_MECH_CODE ? const_cast<gss_OID>(gss_mech_krb5) : GSS_C_NO_OID;
  if (gss_display_status(&minor, status, kind, mechanism, &more, &text) != GSS_S_COMPLETE) return "";
  return Take(&text);
}

}  // namespace

GssFailure DescribeGss(OM_uint32 major, OM_uint32 minor) {
  std::string text = minor == 0 ? StatusText(major, GSS_C_GSS_CODE) : StatusText(minor, GSS_C_MECH_CODE);
  return {major, static_cast<krb5_error_code>(minor), std::move(text)};
}

GssFailure DescribeKrb5(krb5_context context, krb5_error_code code) {
  const char* text = krb5_get_error_message(context, code);
  GssFailure failure = {0, code, text};
  krb5_free_error_message(context, text);
  return failure;
}

Napi::Error GssError(Napi::Env env, const GssFailure& failure) {
  Napi::Error error = Napi::Error::New(env, failure.text);
  error.Set("code", Napi::String::New(env, "GSS"));
  error.Set("major", Napi::Number::New(env, failure.major));
  error.Set("minor", Napi::Number::New(env, failure.minor));
  return error;
}

void AddGss(Napi::Env env, Napi::Object exports) {
  exports.Set("keytabPrincipals", Napi::Function::New(env, KeytabPrincipals));
  exports.Set("gssAcceptor", Napi::Function::New(env, MakeAcceptor));
  exports.Set("gssAccept", Napi::Function::New(env, Accept));
  exports.Set("gssSeal", Napi::Function::New(env, Seal));
  exports.Set("gssOpen", Napi::Function::New(env, Open));
  exports.Set("gssEnd", Napi::Function::New(env, End));
  AddCredentialCache(env, exports);
}
