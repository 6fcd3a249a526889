// Gets, waits and takes.

#include <dolium/c/read.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "client/c/binding_access.h"
#include "client/c/handles.h"

namespace c = dolium::c;
using dolium::Object;
using dolium::ObjectId;
using dolium::Result;
using dolium::detail::Attachment;
using dolium::detail::BindingAccess;

namespace {

/// An array of the caller, with all elements zero. Null only if there are none.
template <class T>
T* cleared_array(T* array, std::size_t count, const char* name) {
  if (count != 0) c::required(array, name);
  std::fill_n(array, count, T{});
  return array;
}

Result<void> hand_out(const Result<std::vector<bool>>& seen, bool* out, std::size_t* count) {
  if (!seen) return seen.error();
  std::copy(seen->begin(), seen->end(), out);
  if (count != nullptr) *count = static_cast<std::size_t>(std::count(seen->begin(), seen->end(), true));
  return {};
}

/// The first step of a get: fills `object` if the memory shows it.
inline Attachment::Verdict look(dolium::ObjectStore& store, const dolium_id& id, dolium_object& object) {
  Attachment* const memory = BindingAccess::first_look(store);
  if (memory == nullptr) [[unlikely]]
    return Attachment::Verdict::undecided;
  const Attachment::Seen seen = memory->hold_row(c::viewed_as_id(id));
  if (seen.verdict == Attachment::Verdict::held) [[likely]]
    c::write_object(object, memory->view({}, seen.attempt.object), id);
  return seen.verdict;
}

/// The rest of a get. Not inline: the first step alone needs no room for errors on the stack.
[[gnu::noinline]] dolium_code get_after(Attachment::Verdict looked, dolium::ObjectStore& store, const dolium_id& id,
                                        std::int64_t timeout_ns, dolium_object& object, dolium_error* error) noexcept {
  return c::guarded("dolium_get", error, [&]() -> dolium_code {
    c::ObjectResult out(&object);
    return out.fill(BindingAccess::get_after(store, looked, c::id_of(id), c::timeout_of(timeout_ns)), id, error);
  });
}

/// dolium_get() with checks of its arguments.
[[gnu::noinline]] dolium_code get_checked(dolium_store* store, const dolium_id* id, std::int64_t timeout_ns,
                                          dolium_object* object, dolium_error* error) noexcept {
  return c::guarded("dolium_get", error, [&]() -> dolium_code {
    c::ObjectResult out(object);
    const dolium_id& wanted = c::required(id, "id");
    dolium::ObjectStore& target = c::store_of(store);
    const auto looked = look(target, wanted, *object);
    if (looked == Attachment::Verdict::held) {
      out.keep();
      return DOLIUM_OK;
    }
    const dolium::Timeout timeout = c::timeout_of(timeout_ns);
    return out.fill(BindingAccess::get_after(target, looked, c::id_of(wanted), timeout), wanted, error);
  });
}

}  // namespace

dolium_code dolium_get(dolium_store* store, const dolium_id* id, std::int64_t timeout_ns, dolium_object* object,
                       dolium_error* error) {
  if (c::kKeepsRecord || store == nullptr || id == nullptr || object == nullptr) [[unlikely]]
    return get_checked(store, id, timeout_ns, object, error);
  const auto looked = look(*store->shared, *id, *object);
  if (looked == Attachment::Verdict::held) [[likely]]
    return DOLIUM_OK;
  return get_after(looked, *store->shared, *id, timeout_ns, *object, error);
}

dolium_code dolium_try_get(dolium_store* store, const dolium_id* id, dolium_object* object) {
  return c::guarded(__func__, nullptr, [&]() -> dolium_code {
    c::ObjectResult out(object);
    const dolium_id& wanted = c::required(id, "id");
    std::optional<Object> there = c::store_of(store).try_get(c::id_of(wanted));
    if (!there) return DOLIUM_NOT_FOUND;
    out.fill(*std::move(there), wanted);
    return DOLIUM_OK;
  });
}

dolium_code dolium_get_many(dolium_store* store, const dolium_id* ids, std::size_t count, std::size_t enough,
                            std::int64_t timeout_ns, dolium_object* objects, std::size_t* found, dolium_error* error) {
  return c::guarded(__func__, error, [&]() -> Result<void> {
    c::clear_optional(found);
    dolium_object* const out = cleared_array(objects, count, "objects");
    const std::vector<ObjectId> wanted = c::ids_of(ids, count);
    const dolium::Timeout timeout = c::timeout_of(timeout_ns);
    dolium::ObjectStore& target = c::store_of(store);
    auto got = enough == 0 ? target.get_many(wanted, timeout) : target.get_many(wanted, enough, timeout);
    if (!got) return std::move(got).error();
    std::size_t there = 0;
    for (std::size_t i = 0; i < count; ++i) {
      if (!(*got)[i]) continue;
      c::ObjectResult(&out[i]).fill(*std::move((*got)[i]));
      ++there;
    }
    if (found != nullptr) *found = there;
    return {};
  });
}

dolium_code dolium_wait(dolium_store* store, const dolium_id* ids, std::size_t count, std::size_t enough,
                        std::int64_t timeout_ns, bool* there, std::size_t* found, dolium_error* error) {
  return c::guarded(__func__, error, [&] {
    c::clear_optional(found);
    bool* const out = cleared_array(there, count, "there");
    const std::vector<ObjectId> wanted = c::ids_of(ids, count);
    const auto timeout = c::timeout_of(timeout_ns);
    return hand_out(c::store_of(store).wait(wanted, enough == 0 ? count : enough, timeout), out, found);
  });
}

dolium_code dolium_exists(dolium_store* store, const dolium_id* id, bool* exists, dolium_error* error) {
  return c::guarded(__func__, error, [&]() -> Result<void> {
    bool& out = c::cleared(exists, "exists");
    const Result<bool> there = c::store_of(store).exists(c::id_of(id));
    if (!there) return there.error();
    out = *there;
    return {};
  });
}

dolium_code dolium_exists_many(dolium_store* store, const dolium_id* ids, std::size_t count, bool* exist,
                               dolium_error* error) {
  return c::guarded(__func__, error, [&] {
    bool* const out = cleared_array(exist, count, "exist");
    return hand_out(c::store_of(store).exists_many(c::ids_of(ids, count)), out, nullptr);
  });
}

dolium_code dolium_take(dolium_store* store, const dolium_id* id, std::int64_t timeout_ns, dolium_object* object,
                        dolium_error* error) {
  return c::guarded(__func__, error, [&] {
    c::ObjectResult out(object);
    return out.fill(c::store_of(store).take_raw(c::id_of(id), c::timeout_of(timeout_ns)), error);
  });
}

dolium_code dolium_take_typed(dolium_store* store, const dolium_id* id, std::uint64_t type_tag, std::int64_t timeout_ns,
                              dolium_object* object, dolium_error* error) {
  return c::guarded(__func__, error, [&] {
    c::ObjectResult out(object);
    const auto timeout = c::timeout_of(timeout_ns);
    return out.fill(dolium::detail::BindingAccess::take(c::store_of(store), c::id_of(id), type_tag, timeout), error);
  });
}
