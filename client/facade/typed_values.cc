// Typed put and get of ObjectStore: what the templates of its header call.

#include <dolium/object_store.h>

#include <fmt/format.h>

#include <vector>

#include "client/mapped/store_backend.h"
#include "shm/types/type_names.h"

namespace dolium {

Result<Object> ObjectStore::put_encoded(const ObjectId& id, std::uint64_t size, const Encoder& encode,
                                        const CreateOptions& options) {
  if (auto allowed = check_create(id, options); !allowed) return std::move(allowed).error();
  if (size <= kOneMessagePut) {
    std::vector<std::byte> bytes(size);
    encode(bytes);
    return backend_->put(id, bytes, options, true);
  }
  Result<ObjectBuilder> builder = backend_->create(id, size, options);
  if (!builder) return std::move(builder).error();
  encode(builder->data());
  return builder->seal_and_hold();
}

Error ObjectStore::wrong_type(const Object& object, std::string_view wanted_name, std::uint64_t wanted_tag) {
  if (object.type_tag() == 0)
    return {Errc::type_mismatch,
            fmt::format("object {} holds raw bytes, not a {}: use get_raw()", object.id().hex(), wanted_name)};
  if (const std::string_view known = known_type_name(object.type_tag()); !known.empty())
    return {Errc::type_mismatch,
            fmt::format("object {} holds another type: {}, not {}", object.id().hex(), known, wanted_name)};
  return {Errc::type_mismatch,
          fmt::format("object {} holds another type (tag {:016x}) than {} (tag {:016x}); `dolium inspect` names its "
                      "type: where the names are the same, size or version differ",
                      object.id().hex(), object.type_tag(), wanted_name, wanted_tag)};
}

}  // namespace dolium
