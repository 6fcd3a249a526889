// Types by name and tag, and tickets.

#include <dolium/c/types.h>

#include <fmt/format.h>

#include <charconv>
#include <string>

#include <dolium/ticket.h>

#include "client/c/binding_access.h"
#include "client/c/handles.h"
#include "client/c/sized.h"
#include "shm/text/printable.h"
#include "shm/types/type_names.h"

namespace c = dolium::c;
using dolium::Errc;
using dolium::Error;
using dolium::Object;
using dolium::Result;
using dolium::Ticket;
using dolium::detail::BindingAccess;

namespace {

constexpr std::string_view kArray = "[]";
/// Longest part of a foreign text that an error repeats.
constexpr std::size_t kShown = 120;
// "dolium:1:<id>:<store>:" and a name of which each byte is written as three.
static_assert(DOLIUM_TICKET_TEXT_SIZE > 9 + 40 + 1 + 16 + 1 + 3 * DOLIUM_MAX_NAME);

/// Bytes of a scalar, from its name: "f64", "bool". 0 if it is none.
std::size_t scalar_size(std::string_view name) {
  if (name == "bool") return 1;
  std::size_t bits = 0;
  const char* const end = name.data() + name.size();
  if (name.size() < 2 || std::from_chars(name.data() + 1, end, bits).ptr != end) return 0;
  return bits / 8;
}

/// Whether a numpy array or scalar is a value of this type. Its header tells; its tag does not.
bool is_numpy(const Object& object, std::string_view name) {
  if (!name.ends_with(kArray)) return dolium::detail::is_numpy_scalar_of(object, name);
  name.remove_suffix(kArray.size());
  const std::size_t size = scalar_size(name);
  return size != 0 && dolium::detail::is_numpy_vector_of(object, name, size);
}

/// Whether a ticket of this type is one of the wanted type, as far as its text tells.
bool is_ticket_for(const Ticket& ticket, std::string_view name) {
  if (name.empty() || ticket.type_name == name) return true;
  return ticket.type_name == (name.ends_with(kArray) ? "numpy.ndarray" : "numpy.scalar");
}

Error other_type(const Ticket& ticket, std::string_view wanted) {
  return {Errc::type_mismatch,
          fmt::format("the ticket of object {} is for type {}, not {}", ticket.id.hex(),
                      dolium::printable(ticket.type_name, kShown), dolium::printable(wanted, kShown))};
}

}  // namespace

dolium_code dolium_type_tag(const char* name, std::size_t size, std::uint64_t* tag, dolium_error* error) {
  return c::guarded(__func__, error, [&] {
    std::uint64_t& out = c::cleared(tag, "tag");
    const std::string_view text = c::text_of(name, size, "name");
    if (text.empty()) throw c::Misuse("the name is empty: raw bytes are \"bytes\"");
    out = dolium::type_called(text).tag;
    return Result<void>();
  });
}

const char* dolium_type_name(std::uint64_t tag) {
  if (tag == DOLIUM_TAG_BYTES) return "bytes";
  const std::string_view known = dolium::known_type_name(tag);
  return known.empty() ? "" : known.data();
}

dolium_code dolium_object_type_name(const dolium_object* object, const char** name, std::size_t* size,
                                    dolium_error* error) {
  return c::guarded(__func__, error, [&] {
    const char*& text = c::cleared(name, "name");
    std::size_t& length = c::cleared(size, "size");
    const std::string_view stored = c::Borrowed(object)->type_name();
    text = stored.data() != nullptr ? stored.data() : "";
    length = stored.size();
    return Result<void>();
  });
}

dolium_code dolium_object_check_type(const dolium_object* object, const char* name, std::size_t size,
                                     dolium_error* error) {
  return c::guarded(__func__, error, [&]() -> Result<void> {
    const c::Borrowed mine(object);
    const std::string_view wanted = c::text_of(name, size, "name");
    if (wanted.empty()) throw c::Misuse("the name is empty: raw bytes are \"bytes\"");
    const std::uint64_t tag = dolium::type_called(wanted).tag;
    if (tag == DOLIUM_TAG_BYTES || tag == mine->type_tag() || is_numpy(*mine, wanted)) return {};
    return BindingAccess::wrong_type(*mine, wanted);
  });
}

dolium_code dolium_ticket(dolium_store* store, const dolium_id* id, const char* type_name, std::size_t type_name_size,
                          char* text, std::size_t capacity, dolium_error* error) {
  return c::guarded(__func__, error, [&]() -> Result<void> {
    char& out = c::required(text, "text");
    if (capacity != 0) out = '\0';
    const std::string_view given = c::text_of(type_name, type_name_size, "type_name");
    if (given.size() > DOLIUM_MAX_NAME)
      return Error{Errc::too_large, fmt::format("the type name of a ticket has {} bytes; {} is the limit", given.size(),
                                                DOLIUM_MAX_NAME)};
    const std::string made =
        BindingAccess::ticket(c::store_of(store), c::id_of(id), given.empty() ? std::string_view("bytes") : given);
    if (made.size() >= capacity)
      return Error{Errc::too_large, fmt::format("the ticket takes {} bytes, {} were given: DOLIUM_TICKET_TEXT_SIZE are "
                                                "always enough",
                                                made.size() + 1, capacity)};
    static_cast<void>(c::copy_text(made, text, capacity));
    return {};
  });
}

dolium_code dolium_ticket_read(const char* ticket, std::size_t size, dolium_ticket_info* info, dolium_error* error) {
  return c::guarded(__func__, error, [&]() -> Result<void> {
    dolium_ticket_info& out = c::sized(info, "info");
    const Result<Ticket> read = Ticket::parse(c::text_of(ticket, size, "ticket"));
    if (!read) return read.error();
    dolium_ticket_info filled{};
    filled.id = c::to_c(read->id);
    filled.store_number = read->store;
    filled.type_name_size =
        static_cast<std::uint32_t>(c::copy_text(read->type_name, filled.type_name, sizeof filled.type_name));
    c::fill(out, filled);
    return {};
  });
}

dolium_code dolium_ticket_get(dolium_store* store, const char* ticket, std::size_t size, const char* type_name,
                              std::size_t type_name_size, std::int64_t timeout_ns, dolium_object* object,
                              dolium_error* error) {
  return c::guarded(__func__, error, [&]() -> dolium_code {
    c::ObjectResult out(object);
    const std::string_view wanted = c::text_of(type_name, type_name_size, "type_name");
    const Result<Ticket> read = Ticket::parse(c::text_of(ticket, size, "ticket"));
    if (!read) return c::report(read.error(), error);
    if (!is_ticket_for(*read, wanted)) return c::report(other_type(*read, wanted), error);
    dolium::ObjectStore& target = c::store_of(store);
    Result<Object> found = target.get_raw(read->id, c::timeout_of(timeout_ns));
    if (!found && read->store != 0)
      return c::report(BindingAccess::missing(target, std::move(found).error(), read->store), error);
    return out.fill(std::move(found), error);
  });
}
