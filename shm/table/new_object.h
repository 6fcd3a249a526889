#pragma once
// NewObject: the arguments of a create, in both stores and on the wire.

#include <cstdint>
#include <string_view>

#include <dolium/object_id.h>
#include <dolium/options.h>
#include <dolium/result.h>
#include <dolium/retention.h>

#include "shm/table/expiry.h"
#include "shm/table/grace.h"

namespace dolium::shm {

/// The object to create. Type name and label need not outlive the call.
struct NewObject {
  ObjectId id;
  std::uint64_t data_size = 0;
  std::uint32_t metadata_size = 0;
  std::uint64_t type_tag = 0;
  std::string_view type_name = {};
  bool pinned = false;
  Lifetimes lifetimes = {};
  std::string_view label = {};
  Grace grace = {};
  Retention retention = Retention::store_default;
};

/// Size of data, metadata, type name and label together. Overflows only if the data alone exceed every capacity.
[[nodiscard]] inline std::uint64_t total_size(const NewObject& object) noexcept {
  return object.data_size + object.metadata_size + object.type_name.size() + object.label.size();
}

/// too_large or invalid_argument if metadata, type name or label are not as CreateOptions says. Both sides of the
/// socket check it: the client for errors without a request, the store since it trusts no client.
[[nodiscard]] Result<void> check_description(const ObjectId& id, std::uint64_t metadata_size,
                                             std::string_view type_name, std::string_view label);

}  // namespace dolium::shm
