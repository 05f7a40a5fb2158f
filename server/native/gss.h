// What the two Kerberos parts of the addon share: bytes in and out, and errors with the library's own codes.
#pragma once

#include "addon.h"

#include <gssapi/gssapi_ext.h>
#include <gssapi/gssapi_krb5.h>
#include <krb5.h>

#include <string>

// What the library answered. `minor` is a Kerberos error code, signed as krb5.h has it.
struct GssFailure {
  OM_uint32 major = 0;
  krb5_error_code minor = 0;
  std::string text;
};

GssFailure DescribeGss(OM_uint32 major, OM_uint32 minor);
GssFailure DescribeKrb5(krb5_context context, krb5_error_code code);

// A name for a key by which it is known again and that tells nothing of it; empty when the library cannot make one.
std::string KeyName(krb5_context context, const krb5_keyblock& key);

// The name of the key in a keytab that opens the ticket in an initial token which GSS has accepted; empty when none does.
std::string TicketKey(const std::string& keytab, const gss_buffer_desc& token);

// An Error with `code: 'GSS'`, `major` and `minor`. The text may hold bytes that a peer chose.
Napi::Error GssError(Napi::Env env, const GssFailure& failure);
