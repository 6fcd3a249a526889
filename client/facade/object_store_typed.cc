// The calls of ObjectStore behind typed values and references, and the text of tickets. See <dolium/ticket.h>.

#include <dolium/object_store.h>

#include <fmt/format.h>

#include <charconv>
#include <optional>
#include <utility>

#include "client/facade/store_call.h"
#include "shm/text/printable.h"
#include "shm/types/type_names.h"

namespace dolium {
namespace {

constexpr std::string_view kPrefix = "dolium:1:";
constexpr std::size_t kIdDigits = 2 * ObjectId::kSize;
constexpr std::size_t kStoreDigits = 16;
/// Where the type's name begins.
constexpr std::size_t kNameAt = kPrefix.size() + kIdDigits + 1 + kStoreDigits + 1;
/// Longest part of a foreign text that an error repeats.
constexpr std::size_t kShown = 120;

bool stands_for_itself(char c) noexcept {
  return c > ' ' && c < '\x7f' && c != '%';
}

std::optional<std::uint64_t> hex_number(std::string_view digits) noexcept {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number, 16);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return number;
}

/// Empty if it is not as text() writes it.
std::optional<std::string> unescaped(std::string_view text) {
  std::string name;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (stands_for_itself(text[at])) {
      name += text[at];
      continue;
    }
    const std::string_view digits = text.substr(at + 1, 2);
    const std::optional<std::uint64_t> byte = hex_number(digits);
    if (text[at] != '%' || digits.size() != 2 || !byte) return std::nullopt;
    name += static_cast<char>(*byte);
    at += digits.size();
  }
  return name;
}

Error no_ticket(std::string_view text) {
  return {Errc::invalid_argument,
          fmt::format("\"{}\" is no ticket: a ticket is the whole text that ticket() of a reference returns, such as "
                      "dolium:1:<id, 40 hexadecimal digits>:<store, 16 digits>:f64[]",
                      printable(text, kShown))};
}

}  // namespace

std::string Ticket::text() const {
  std::string text = fmt::format("{}{}:{:016x}:", kPrefix, id.hex(), store);
  for (const char c : type_name) {
    if (stands_for_itself(c))
      text += c;
    else
      text += fmt::format("%{:02x}", static_cast<unsigned char>(c));
  }
  return text;
}

Result<Ticket> Ticket::parse(std::string_view text) {
  if (text.size() <= kNameAt || !text.starts_with(kPrefix) || text[kPrefix.size() + kIdDigits] != ':' ||
      text[kNameAt - 1] != ':')
    return no_ticket(text);
  Result<ObjectId> id = ObjectId::from_hex(text.substr(kPrefix.size(), kIdDigits));
  const std::optional<std::uint64_t> store = hex_number(text.substr(kNameAt - 1 - kStoreDigits, kStoreDigits));
  std::optional<std::string> name = unescaped(text.substr(kNameAt));
  if (!id || !store || !name) return no_ticket(text);
  return Ticket{*id, *std::move(name), *store};
}

std::uint64_t ObjectStore::number() {
  const auto number = detail::carry_out(
      *backend_, detail::StoreBackend::Repeat::never, no_wait,
      [](detail::Connection& daemon, Timeout) -> Result<std::uint64_t> {
        return daemon.attachment().index().incarnation()[0];
      },
      [](detail::LocalEngine& here, Timeout) -> Result<std::uint64_t> {
        return here.attachment().index().incarnation()[0];
      });
  return number.value_or(0);
}

std::string ObjectStore::make_ticket(const ObjectId& id, std::string_view type_name) {
  return Ticket{id, std::string(type_name), number()}.text();
}

Result<Ticket> ObjectStore::ticket_of_type(std::string_view text, std::string_view type_name,
                                           std::string_view of_numpy) {
  Result<Ticket> ticket = Ticket::parse(text);
  if (!ticket || ticket->type_name == type_name || ticket->type_name == of_numpy) return ticket;
  return Error{Errc::type_mismatch, fmt::format("the ticket of object {} is for type {}, not {}", ticket->id.hex(),
                                                printable(ticket->type_name, kShown), type_name)};
}

Error ObjectStore::missing(Error error, std::uint64_t made_in) {
  if (error.code != Errc::not_found && error.code != Errc::timed_out) return error;
  const std::uint64_t here = number();
  if (here != 0 && here != made_in)
    error.message += fmt::format(
        "; its ticket was made in another store (number {:016x}, this one is {:016x}): objects do not "
        "outlive their store",
        made_in, here);
  return error;
}

Error ObjectStore::wrong_type(const Object& object, std::string_view wanted) {
  if (object.type_tag() == 0)
    return {Errc::type_mismatch,
            fmt::format("object {} holds raw bytes, not a {}: use get_raw()", object.id().hex(), wanted)};
  const std::string stored = type_in_words(object.type_tag(), object.type_name());
  return {Errc::type_mismatch,
          fmt::format("object {} holds another type: {}, not {}{}", object.id().hex(), stored, wanted,
                      object.type_name() == wanted ? " of this program: their sizes differ" : "")};
}

Error ObjectStore::undecodable(const Object& object, Error error) {
  error.message = fmt::format("object {}: {}", object.id().hex(), error.message);
  return error;
}

Error ObjectStore::too_many_elements(const ObjectId& id, std::uint64_t count, std::size_t element_size) {
  return {Errc::too_large, fmt::format("object {} cannot have {} elements of {} bytes: no store is that large",
                                       id.hex(), count, element_size)};
}

}  // namespace dolium
