#pragma once
// Errors are values. `Errc` is the kind of error. `message` says what happened, to which object or client, and what to
// do; it can be shown to a person as it is.

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
  out_of_memory,      ///< no room, and nothing more can be evicted
  too_large,          ///< larger than the store, a limit or a quota allows
  timed_out,          ///< the deadline passed first
  type_mismatch,      ///< the object holds another type than the one asked for
  invalid_argument,   ///< an argument is not valid
  permission_denied,  ///< not allowed for this client or this user
  disconnected,       ///< the daemon is gone, or the handle belongs to another process
  protocol_error,     ///< the other side speaks another version, or sent an invalid message
  system_error,       ///< the operating system reported an error; the message has the reason
  tier_unavailable,   ///< the object is on disk, and the disk does not answer, or failed
};

/// The enumerator's name, for logs and the command line.
[[nodiscard]] DOLIUM_API std::string_view to_string(Errc code) noexcept;

/// Why a create or a put failed with out_of_memory, too_large or timed_out.
enum class RefusalCause : std::uint8_t {
  none,         ///< the error has another reason
  room,         ///< no contiguous free memory, and none could be made free
  objects,      ///< max_objects objects exist, and none could be evicted
  pins,         ///< the user's quota of bytes that are pinned or in a grace: max_pinned_bytes_per_user
  writing,      ///< the client's quota of unsealed objects: max_unsealed_bytes_per_client, or their number
  capacity,     ///< larger than the whole store
  description,  ///< the metadata or the type name is too long
  memory,       ///< the machine, or its cgroup, has no memory for the store
  disk,         ///< too many bytes of retention `keep` are not on disk yet
};

/// The enumerator's name.
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

/// Thrown by `Result::value()` when there is no value. Nothing else in Dolium throws it. In a program that is compiled
/// with -fno-exceptions, it ends the program with the error's text.
class DOLIUM_API BadResultAccess : public std::runtime_error {
 public:
  explicit BadResultAccess(Error error) : std::runtime_error(to_string(error)), error_(std::move(error)) {}
  [[nodiscard]] const Error& error() const noexcept { return error_; }

 private:
  Error error_;
};

namespace detail {
/// In the library, so that the headers compile with -fno-exceptions.
[[noreturn]] DOLIUM_API void throw_bad_access(const Error& error);
}  // namespace detail

}  // namespace dolium
