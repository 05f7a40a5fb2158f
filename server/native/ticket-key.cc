// Which key of a keytab opened a ticket, so that a session can be ended when that key is taken out.
//
// Nothing that a token says of its key is believed: the version in it is not protected. A key is tried, and named by what only that key can
// make.

#include "gss.h"

#include <vector>

namespace {

// For a checksum that nothing else uses: application key usages begin at 1024 (RFC 3961).
constexpr krb5_keyusage kNameUsage = 1871;

// The AP-REQ in an initial token: behind `60 LENGTH`, the mechanism's identifier and `01 00` (RFC 4121, 4.1).
krb5_data RequestIn(const gss_buffer_desc& token) {
  auto* bytes = static_cast<char*>(token.value);
  const auto at = [&](size_t index) -> size_t { return index < token.length ? static_cast<unsigned char>(bytes[index]) : 0; };
  size_t start = at(1) < 0x80 ? 2 : 2 + (at(1) & 0x7f);
  start += 2 + at(start + 1) + 2;
  krb5_data request = {};
  if (start >= token.length) return request;
  request.data = bytes + start;
  request.length = static_cast<unsigned int>(token.length - start);
  return request;
}

bool Opens(krb5_context context, const krb5_keyblock& key, const krb5_enc_data& sealed) {
  if (key.enctype != sealed.enctype) return false;
  std::vector<char> room(sealed.ciphertext.length);
  krb5_data plain = {};
  plain.length = static_cast<unsigned int>(room.size());
  plain.data = room.data();
  return krb5_c_decrypt(context, &key, KRB5_KEYUSAGE_KDC_REP_TICKET, nullptr, &sealed, &plain) == 0;
}

std::string Find(krb5_context context, krb5_keytab keys, const krb5_enc_data& sealed) {
  krb5_kt_cursor cursor;
  if (krb5_kt_start_seq_get(context, keys, &cursor) != 0) return "";
  std::string name;
  krb5_keytab_entry entry;
  while (krb5_kt_next_entry(context, keys, &entry, &cursor) == 0) {
    if (name.empty() && Opens(context, entry.key, sealed)) name = KeyName(context, entry.key);
    krb5_free_keytab_entry_contents(context, &entry);
  }
  krb5_kt_end_seq_get(context, keys, &cursor);
  return name;
}

}  // namespace

std::string KeyName(krb5_context context, const krb5_keyblock& key) {
  char text[] = "wardcc: the name of this key";
  krb5_data input = {};
  input.length = sizeof text - 1;
  input.data = text;
  krb5_checksum sum = {};
  if (krb5_c_make_checksum(context, 0, &key, kNameUsage, &input, &sum) != 0) return "";
  std::string name;
  for (unsigned int index = 0; index < sum.length; index++) {
    name += "0123456789abcdef"[sum.contents[index] >> 4];
    name += "0123456789abcdef"[sum.contents[index] & 15];
  }
  krb5_free_checksum_contents(context, &sum);
  return name;
}

std::string TicketKey(const std::string& keytab, const gss_buffer_desc& token) {
  krb5_context context = nullptr;
  krb5_keytab keys = nullptr;
  krb5_auth_context authentication = nullptr;
  krb5_ticket* ticket = nullptr;
  std::string name;
  krb5_data request = RequestIn(token);
  krb5_error_code code = krb5_init_context(&context);
  if (code == 0) code = krb5_kt_resolve(context, keytab.c_str(), &keys);
  if (code == 0) code = krb5_auth_con_init(context, &authentication);
  // GSS has looked at time and replay cache already, and would find this very token in it.
  if (code == 0) code = krb5_auth_con_setflags(context, authentication, 0);
  if (code == 0) code = krb5_rd_req(context, &authentication, &request, nullptr, keys, nullptr, &ticket);
  if (code == 0) name = Find(context, keys, ticket->enc_part);
  if (ticket != nullptr) krb5_free_ticket(context, ticket);
  if (authentication != nullptr) krb5_auth_con_free(context, authentication);
  if (keys != nullptr) krb5_kt_close(context, keys);
  if (context != nullptr) krb5_free_context(context);
  return name;
}
