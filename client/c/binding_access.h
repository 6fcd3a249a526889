#pragma once
// BindingAccess: what the C interface uses of ObjectStore's private part: in C++ it is behind templates of a type, here
// a type is a tag and a name.

#include <string>
#include <string_view>
#include <utility>

#include <dolium/object_store.h>

#include "client/mapped/store_backend.h"
#include "shm/types/type_names.h"

namespace dolium::detail {

struct BindingAccess {
  /// Where the first step of get_raw() looks, to be made without the Result, which costs a tenth of a get. Null if the
  /// store takes no calls, or begins otherwise: then get_after() is the whole get.
  [[nodiscard]] static Attachment* first_look(ObjectStore& store) noexcept {
    return store.backend().refuses() ? nullptr : store.backend().first_look();
  }
  /// The rest of it.
  [[nodiscard]] static Result<Object> get_after(ObjectStore& store, Attachment::Verdict looked, const ObjectId& id,
                                                Timeout timeout) {
    if (store.backend().refuses()) return store.backend().refusal();
    return store.backend().get_after(looked, id, timeout);
  }
  /// `type_tag` 0: any type.
  [[nodiscard]] static Result<Object> take(ObjectStore& store, const ObjectId& id, std::uint64_t type_tag,
                                           Timeout timeout) {
    return store.take_typed(id, type_tag, known_type_name(type_tag), timeout);
  }
  [[nodiscard]] static std::string ticket(ObjectStore& store, const ObjectId& id, std::string_view type_name) {
    return store.make_ticket(id, type_name);
  }
  /// For an object that is not there: says so if its ticket was made in another store.
  [[nodiscard]] static Error missing(ObjectStore& store, Error error, std::uint64_t made_in) {
    return store.missing(std::move(error), made_in);
  }
  [[nodiscard]] static Error wrong_type(const Object& object, std::string_view wanted) {
    return ObjectStore::wrong_type(object, wanted);
  }
  /// Why the store takes no calls, if it takes none.
  [[nodiscard]] static Result<void> check_takes_calls(ObjectStore& store) {
    return store.backend().refuses() ? Result<void>(store.backend().refusal()) : Result<void>();
  }
};

}  // namespace dolium::detail
