#include "shm/table/new_object.h"

#include <fmt/format.h>

#include "shm/text/printable.h"

namespace dolium::shm {
namespace {

Error refused(const ObjectId& id, Errc code, std::string_view why) {
  return {code, fmt::format("object {} was given {}", id.hex(), why), RefusalCause::description};
}

Error too_long(const ObjectId& id, std::string_view what, std::size_t size, std::size_t most) {
  return refused(id, Errc::too_large,
                 fmt::format("{} of {} bytes; {} is the limit: take a shorter one", what, size, most));
}

}  // namespace

Result<void> check_description(const ObjectId& id, std::uint64_t metadata_size, std::string_view type_name,
                               std::string_view label) {
  if (metadata_size > kMaxMetadata)
    return refused(
        id, Errc::too_large,
        fmt::format("{} bytes of metadata; {} is the limit: put the rest into its data", metadata_size, kMaxMetadata));
  if (type_name.size() > kMaxTypeName) return too_long(id, "a type name", type_name.size(), kMaxTypeName);
  if (label.size() > kMaxLabel) return too_long(id, "a label", label.size(), kMaxLabel);
  if (!label.empty() && !is_utf8(label))
    return refused(id, Errc::invalid_argument, "a label that is not UTF-8: encode it");
  return {};
}

}  // namespace dolium::shm
