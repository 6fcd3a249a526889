#pragma once
// Errors are values. `Errc` says what kind, `message` says what happened, to which object or client,
// and what to do about it; it is meant to be shown to a person as it is.

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include <dolium/export.h>

namespace dolium {

enum class Errc : std::uint8_t {
  not_found,          ///< no sealed object has this id
  already_exists,     ///< an object with this id exists, sealed or not
  not_sealed,         ///< the object exists, but is still being written
  already_sealed,     ///< the builder was sealed or aborted before
  out_of_memory,      ///< no room, and nothing (more) may be evicted
  too_large,          ///< larger than the store, a limit or a quota can ever hold
  timed_out,          ///< the deadline passed first
  type_mismatch,      ///< the object holds another type than the one asked for
  invalid_argument,   ///< the call makes no sense as it stands
  permission_denied,  ///< this client, or this user, may not do that
  disconnected,       ///< the daemon is gone, or this handle belongs to another process
  protocol_error,     ///< the other side speaks another version, or nonsense
  system_error,       ///< the operating system refused; the message carries its reason
};

/// The enumerator's own name, for logs and for the command line.
[[nodiscard]] DOLIUM_API std::string_view to_string(Errc code) noexcept;

/// Why a create or a put was refused: what stands behind its out_of_memory, too_large or timed_out.
enum class RefusalCause : std::uint8_t {
  none,         ///< the error is no such refusal
  room,         ///< there was no room in one piece, and none could be made
  objects,      ///< as many objects exist as max_objects allows, and none could be evicted
  pins,         ///< the user's quota of pinned bytes: max_pinned_bytes_per_user
  writing,      ///< what one client may write at once: max_unsealed_bytes_per_client, or the number of objects
  capacity,     ///< larger than the whole store
  description,  ///< the metadata or the type's name are larger than any may be
  memory,       ///< the machine, or its cgroup, has no memory for the store
};

/// The enumerator's own name.
[[nodiscard]] DOLIUM_API std::string_view to_string(RefusalCause cause) noexcept;

struct Error {
  Errc code;
  std::string message;
  RefusalCause cause = RefusalCause::none;
  int error_number = 0;  ///< of a system_error of this process's own: the kernel's errno. 0: none

  friend bool operator==(const Error&, const Error&) = default;
};

/// "not_found: no object 3f2a… in the store"
[[nodiscard]] DOLIUM_API std::string to_string(const Error& error);

/// Thrown by `Result::value()` when there is no value. Nothing else in Dolium throws it.
class DOLIUM_API BadResultAccess : public std::runtime_error {
 public:
  explicit BadResultAccess(Error error) : std::runtime_error(to_string(error)), error_(std::move(error)) {}
  [[nodiscard]] const Error& error() const noexcept { return error_; }

 private:
  Error error_;
};

}  // namespace dolium
