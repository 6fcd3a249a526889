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

Result<void> check_description(const NewObject& object) {
  if (object.metadata_size > kMaxMetadata)
    return refused(object.id, Errc::too_large,
                   fmt::format("{} bytes of metadata; {} is the limit: put the rest into its data",
                               object.metadata_size, kMaxMetadata));
  if (object.type_name.size() > kMaxTypeName)
    return too_long(object.id, "a type name", object.type_name.size(), kMaxTypeName);
  if (object.label.size() > kMaxLabel) return too_long(object.id, "a label", object.label.size(), kMaxLabel);
  if (!object.label.empty() && !is_utf8(object.label))
    return refused(object.id, Errc::invalid_argument, "a label that is not UTF-8: encode it");
  return {};
}

}  // namespace dolium::shm
