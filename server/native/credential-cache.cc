// What is in a Kerberos credential cache: whose it is and until when it is good. No KDC is asked.

#include "gss.h"

#include <algorithm>

namespace {

struct Reading {
  krb5_context context = nullptr;
  krb5_ccache cache = nullptr;
  krb5_principal owner = nullptr;

  ~Reading() {
    if (context == nullptr) return;
    krb5_free_principal(context, owner);
    if (cache != nullptr) krb5_cc_close(context, cache);
    krb5_free_context(context);
  }
};

// The cache that GSS would take for this server: of a collection that whose realm fits, else the default one. Without a server, the
// default one.
krb5_error_code Choose(Reading* reading, const std::string& service) {
  krb5_context context = reading->context;
  krb5_principal server = nullptr;
  krb5_error_code code = service.empty() ? KRB5_CC_NOTFOUND : krb5_parse_name(context, service.c_str(), &server);
  if (code == 0) code = krb5_cc_select(context, server, &reading->cache, &reading->owner);
  krb5_free_principal(context, server);
  if (code == 0) return 0;
  krb5_free_principal(context, reading->owner);
  reading->owner = nullptr;
  code = krb5_cc_default(context, &reading->cache);
  return code == 0 ? krb5_cc_get_principal(context, reading->cache, &reading->owner) : code;
}

bool IsOwnTicketGranting(krb5_const_principal server, krb5_const_principal owner) {
  const auto text = [](const krb5_data& data) { return std::string(data.data, data.length); };
  const std::string realm = text(owner->realm);
  return server->length == 2 && text(server->data[0]) == "krbtgt" && text(server->data[1]) == realm && text(server->realm) == realm;
}

// The end of the ticket-granting ticket; where there is none, of the ticket for the service; 0 when there is neither.
krb5_error_code FindEnd(const Reading& reading, const std::string& service, double* end) {
  krb5_context context = reading.context;
  krb5_cc_cursor cursor;
  krb5_error_code code = krb5_cc_start_seq_get(context, reading.cache, &cursor);
  if (code != 0) return code;
  double granting = 0, direct = 0;
  krb5_creds ticket;
  while ((code = krb5_cc_next_cred(context, reading.cache, &cursor, &ticket)) == 0) {
    const double ends = static_cast<uint32_t>(ticket.times.endtime);
    char* name = nullptr;
    if (!krb5_is_config_principal(context, ticket.server) && krb5_unparse_name(context, ticket.server, &name) == 0) {
      if (IsOwnTicketGranting(ticket.server, reading.owner)) granting = std::max(granting, ends);
      else if (service == name) direct = std::max(direct, ends);
      krb5_free_unparsed_name(context, name);
    }
    krb5_free_cred_contents(context, &ticket);
  }
  krb5_cc_end_seq_get(context, reading.cache, &cursor);
  *end = granting != 0 ? granting : direct;
  return code == KRB5_CC_END ? 0 : code;
}

// credentialCache(service) -> { cache, principal, ends }: of the cache that KRB5CCNAME means. `ends` in seconds since 1970.
Napi::Value CredentialCache(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (info.Length() != 1 || !info[0].IsString()) {
    Napi::TypeError::New(env, "credentialCache(service: string)").ThrowAsJavaScriptException();
    return env.Undefined();
  }
  const std::string service = info[0].As<Napi::String>();
  Reading reading;
  char* cache = nullptr;
  char* owner = nullptr;
  double end = 0;
  krb5_error_code code = krb5_init_context(&reading.context);
  if (code == 0) code = Choose(&reading, service);
  if (code == 0) code = krb5_cc_get_full_name(reading.context, reading.cache, &cache);
  if (code == 0) code = krb5_unparse_name(reading.context, reading.owner, &owner);
  if (code == 0) code = FindEnd(reading, service, &end);
  Napi::Object answer = Napi::Object::New(env);
  if (code == 0) {
    answer.Set("cache", cache);
    answer.Set("principal", owner);
    answer.Set("ends", end);
  }
  krb5_free_string(reading.context, cache);
  krb5_free_unparsed_name(reading.context, owner);
  if (code == 0) return answer;
  GssError(env, DescribeKrb5(reading.context, code)).ThrowAsJavaScriptException();
  return env.Undefined();
}

// servicePrincipal("service@host") -> the principal that GSS asks tickets for when it is given this name.
Napi::Value ServicePrincipal(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (info.Length() != 1 || !info[0].IsString()) {
    Napi::TypeError::New(env, "servicePrincipal(name: string)").ThrowAsJavaScriptException();
    return env.Undefined();
  }
  std::string text = info[0].As<Napi::String>();
  OM_uint32 minor = 0, ignored;
  gss_buffer_desc input = {text.size(), text.data()}, output = GSS_C_EMPTY_BUFFER;
  gss_name_t name = GSS_C_NO_NAME, canonical = GSS_C_NO_NAME;
  OM_uint32 major = gss_import_name(&minor, &input, GSS_C_NT_HOSTBASED_SERVICE, &name);
  if (!GSS_ERROR(major)) major = gss_canonicalize_name(&minor, name, const_cast<gss_OID>(gss_mech_krb5), &canonical);
  if (!GSS_ERROR(major)) major = gss_display_name(&minor, canonical, &output, nullptr);
  std::string found(static_cast<const char*>(output.value), output.length);
  gss_release_buffer(&ignored, &output);
  gss_release_name(&ignored, &name);
  gss_release_name(&ignored, &canonical);
  if (!GSS_ERROR(major)) return Napi::String::New(env, found);
  GssError(env, DescribeGss(major, minor)).ThrowAsJavaScriptException();
  return env.Undefined();
}

}  // namespace

void AddCredentialCache(Napi::Env env, Napi::Object exports) {
  exports.Set("credentialCache", Napi::Function::New(env, CredentialCache));
  exports.Set("servicePrincipal", Napi::Function::New(env, ServicePrincipal));
}
