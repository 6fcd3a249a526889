#include <dolium/error.h>

namespace dolium {

std::string_view to_string(Errc code) noexcept {
  switch (code) {
    case Errc::not_found: return "not_found";
    case Errc::already_exists: return "already_exists";
    case Errc::not_sealed: return "not_sealed";
    case Errc::already_sealed: return "already_sealed";
    case Errc::out_of_memory: return "out_of_memory";
    case Errc::too_large: return "too_large";
    case Errc::timed_out: return "timed_out";
    case Errc::type_mismatch: return "type_mismatch";
    case Errc::invalid_argument: return "invalid_argument";
    case Errc::permission_denied: return "permission_denied";
    case Errc::disconnected: return "disconnected";
    case Errc::protocol_error: return "protocol_error";
    case Errc::system_error: return "system_error";
    case Errc::tier_unavailable: return "tier_unavailable";
  }
  return "unknown";
}

std::string_view to_string(RefusalCause cause) noexcept {
  switch (cause) {
    case RefusalCause::none: return "none";
    case RefusalCause::room: return "room";
    case RefusalCause::objects: return "objects";
    case RefusalCause::pins: return "pins";
    case RefusalCause::writing: return "writing";
    case RefusalCause::capacity: return "capacity";
    case RefusalCause::description: return "description";
    case RefusalCause::memory: return "memory";
    case RefusalCause::disk: return "disk";
  }
  return "unknown";
}

std::string to_string(const Error& error) {
  std::string text(to_string(error.code));
  return error.message.empty() ? text : text + ": " + error.message;
}

void detail::throw_bad_access(const Error& error) {
  throw BadResultAccess(error);
}

}  // namespace dolium
