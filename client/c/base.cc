// Versions, names and ids of the C interface.

#include <dolium/c/base.h>
#include <dolium/c/id.h>

#include <dolium/object_id.h>

#include "client/c/call.h"
#include "client/c/handles.h"

using dolium::Errc;
using dolium::ObjectId;
using dolium::Result;
using dolium::c::cleared;
using dolium::c::guarded;

std::uint32_t dolium_abi_version(void) {
  return DOLIUM_ABI_VERSION;
}

const char* dolium_version(void) {
  return DOLIUM_VERSION;
}

// The names are literals: they are terminated.
const char* dolium_code_name(dolium_code code) {
  if (code == DOLIUM_OK) return "ok";
  if (code < 0 || code > DOLIUM_TIER_UNAVAILABLE) return "unknown";
  return to_string(static_cast<Errc>(code - 1)).data();
}

const char* dolium_cause_name(dolium_cause cause) {
  if (cause < 0 || cause > DOLIUM_CAUSE_DISK) return "unknown";
  return to_string(static_cast<dolium::RefusalCause>(cause)).data();
}

dolium_code dolium_id_random(dolium_id* id, dolium_error* error) {
  return guarded(__func__, error, [&] {
    cleared(id, "id") = dolium::c::to_c(ObjectId::random());
    return Result<void>();
  });
}

dolium_code dolium_id_from_name(const char* name, std::size_t size, dolium_id* id, dolium_error* error) {
  return guarded(__func__, error, [&] {
    cleared(id, "id") = dolium::c::to_c(ObjectId::from_name(dolium::c::text_of(name, size, "name")));
    return Result<void>();
  });
}

dolium_code dolium_id_from_hex(const char* digits, std::size_t size, dolium_id* id, dolium_error* error) {
  return guarded(__func__, error, [&]() -> Result<void> {
    dolium_id& out = cleared(id, "id");
    const Result<ObjectId> read = ObjectId::from_hex(dolium::c::text_of(digits, size, "digits"));
    if (!read) return read.error();
    out = dolium::c::to_c(*read);
    return {};
  });
}

void dolium_id_to_hex(const dolium_id* id, char text[DOLIUM_ID_TEXT_SIZE]) {
  if (text == nullptr) return;
  char* out = text;
  if (id != nullptr) {
    for (const unsigned char byte : id->bytes) {
      *out++ = "0123456789abcdef"[byte >> 4];
      *out++ = "0123456789abcdef"[byte & 15];
    }
  }
  *out = '\0';
}
