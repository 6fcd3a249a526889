// Opening and closing stores; keeping and letting go of objects.

#include <dolium/c/store.h>

#include <fmt/format.h>

#include <string>

#include <dolium/socket_path.h>

#include "client/c/handles.h"
#include "client/c/options.h"

namespace c = dolium::c;
using dolium::Errc;
using dolium::Error;
using dolium::Result;

namespace {

/// The handle of a store that was opened.
template <class Store>
Result<void> keep(Result<std::shared_ptr<Store>> opened, dolium_store*& out) {
  if (!opened) return std::move(opened).error();
  Store* const plain = opened->get();
  out = c::new_handle(dolium_store{*std::move(opened), plain});
  return {};
}

/// What a store answers by a function of its own; `otherwise` for those that have none.
template <class Answer, class Ask>
Answer answer(const char* function, const dolium_store* store, Answer otherwise, Ask ask) {
  const dolium_store* const mine = c::live_or_null(function, store);
  if (mine == nullptr) return otherwise;
  return std::visit(
      [&](auto* plain) -> Answer {
        if constexpr (std::is_invocable_v<Ask, decltype(plain)>)
          return ask(plain);
        else
          return otherwise;
      },
      mine->kind);
}

}  // namespace

dolium_code dolium_connect(const char* socket_path, const dolium_connect_options* options, dolium_store** store,
                           dolium_error* error) {
  return c::guarded(__func__, error, [&] {
    dolium_store*& out = c::cleared(store, "store");
    const dolium::ConnectOptions wanted = c::to_cpp(options);
    const std::string path = socket_path != nullptr ? std::string(socket_path) : dolium::default_socket_path();
    return c::wants_reconnection(options) ? keep(dolium::ReconnectingStore::connect(path, wanted), out)
                                          : keep(dolium::Client::connect(path, wanted), out);
  });
}

dolium_code dolium_open(const dolium_open_options* options, dolium_store** store, dolium_error* error) {
  return c::guarded(__func__, error, [&] {
    dolium_store*& out = c::cleared(store, "store");
    return keep(dolium::InProcessStore::open(c::to_cpp(options)), out);
  });
}

void dolium_close(dolium_store* store) {
  c::end_handle(__func__, store);
}

bool dolium_connected(const dolium_store* store) {
  if (const auto* const mine = c::live_or_null(__func__, store);
      mine != nullptr && std::holds_alternative<dolium::InProcessStore*>(mine->kind))
    return true;
  return answer(
      __func__, store, false,
      [](const auto* plain) requires requires { plain->connected(); } { return plain->connected(); });
}

bool dolium_read_only(const dolium_store* store) {
  return answer(
      __func__, store, false, [](const auto* plain) requires requires { plain->access(); } {
        return plain->access() == dolium::Access::read_only;
      });
}

std::uint64_t dolium_session_id(const dolium_store* store) {
  return answer(
      __func__, store, std::uint64_t{0},
      [](const auto* plain) requires requires { plain->session_id(); } { return plain->session_id(); });
}

std::uint64_t dolium_reconnections(const dolium_store* store) {
  return answer(
      __func__, store, std::uint64_t{0},
      [](const auto* plain) requires requires { plain->reconnections(); } { return plain->reconnections(); });
}

dolium_code dolium_ping(dolium_store* store, dolium_error* error) {
  return c::guarded(__func__, error, [&] { return c::store_of(store).ping(); });
}

dolium_code dolium_default_socket_path(char* path, std::size_t capacity, dolium_error* error) {
  return c::guarded(__func__, error, [&]() -> Result<void> {
    char& out = c::required(path, "path");
    const std::string found = dolium::default_socket_path();
    if (capacity != 0) out = '\0';
    if (found.size() >= capacity)
      return Error{Errc::too_large,
                   fmt::format("the socket's path takes {} bytes, {} were given", found.size() + 1, capacity)};
    static_cast<void>(c::copy_text(found, path, capacity));
    return {};
  });
}

dolium_code dolium_pin(dolium_store* store, const dolium_id* id, dolium_error* error) {
  return c::guarded(__func__, error, [&] { return c::store_of(store).pin(c::id_of(id)); });
}

dolium_code dolium_unpin(dolium_store* store, const dolium_id* id, dolium_error* error) {
  return c::guarded(__func__, error, [&] { return c::store_of(store).unpin(c::id_of(id)); });
}

dolium_code dolium_extend_grace(dolium_store* store, const dolium_id* id, std::int64_t grace_ns, std::uint32_t readers,
                                dolium_error* error) {
  return c::guarded(__func__, error, [&] {
    return c::store_of(store).extend_grace(c::id_of(id), c::milliseconds(grace_ns), readers == 0 ? 1 : readers);
  });
}

dolium_code dolium_remove(dolium_store* store, const dolium_id* id, bool* removed, dolium_error* error) {
  return c::guarded(__func__, error, [&]() -> Result<void> {
    c::clear_optional(removed);
    const Result<bool> done = c::store_of(store).remove(c::id_of(id));
    if (!done) return done.error();
    if (removed != nullptr) *removed = *done;
    return {};
  });
}

dolium_code dolium_evict(dolium_store* store, std::uint64_t bytes, std::uint64_t* freed, std::uint64_t* object_bytes,
                         dolium_error* error) {
  return c::guarded(__func__, error, [&]() -> Result<void> {
    c::clear_optional(freed);
    c::clear_optional(object_bytes);
    const Result<dolium::Evicted> evicted = c::store_of(store).evict_and_count(bytes);
    if (!evicted) return evicted.error();
    if (freed != nullptr) *freed = evicted->freed_bytes;
    if (object_bytes != nullptr) *object_bytes = evicted->object_bytes;
    return {};
  });
}

dolium_code dolium_trim(dolium_store* store, std::uint64_t* bytes, dolium_error* error) {
  return c::guarded(__func__, error, [&]() -> Result<void> {
    c::clear_optional(bytes);
    const Result<std::uint64_t> given_back = c::store_of(store).trim();
    if (!given_back) return given_back.error();
    if (bytes != nullptr) *bytes = *given_back;
    return {};
  });
}

dolium_code dolium_clear(dolium_store* store, dolium_error* error) {
  return c::guarded(__func__, error, [&] { return c::store_of(store).clear(); });
}
