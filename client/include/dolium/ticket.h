#pragma once
// Ticket: a reference to an object as a short text, to be sent to another process by any means. It holds nothing: keep
// the object until the receiver has got it.
//
//   dolium:1:<id, 40 hexadecimal digits>:<store, 16 hexadecimal digits>:<type's name>
//
// Blanks, "%" and what is not ASCII are written as %20 in the type's name: a ticket is one printable word.

#include <cstdint>
#include <string>
#include <string_view>

#include <dolium/export.h>
#include <dolium/object_id.h>
#include <dolium/result.h>

namespace dolium {

/// A value.
struct Ticket {
  ObjectId id;
  std::string type_name;    ///< as `dolium list` shows it; "bytes" for raw bytes
  std::uint64_t store = 0;  ///< a number of the store, for the text of errors only; 0: unknown

  [[nodiscard]] DOLIUM_API std::string text() const;
  /// invalid_argument if the text is no ticket.
  [[nodiscard]] DOLIUM_API static Result<Ticket> parse(std::string_view text);

  friend bool operator==(const Ticket&, const Ticket&) = default;
};

}  // namespace dolium
