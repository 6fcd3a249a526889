#include "client/c/handles.h"

#include <fmt/format.h>

#include <limits>
#include <string>

namespace dolium::c {

void refuse_null_handle(const char* kind) {
  throw Misuse(fmt::format("the {} is NULL: pass the one that the library gave", kind));
}

std::string ended_handle(const char* kind) {
  return fmt::format("this is no {}: it was freed before, or is something else", kind);
}

std::vector<ObjectId> ids_of(const dolium_id* ids, std::size_t count) {
  if (count != 0) required(ids, "ids");
  std::vector<ObjectId> out;
  out.reserve(count);
  for (std::size_t i = 0; i < count; ++i) out.push_back(id_of(ids[i]));
  return out;
}

std::int64_t nanoseconds(std::chrono::milliseconds duration) noexcept {
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max() / 1'000'000;
  const std::int64_t count = duration.count();
  return count > kMost ? std::numeric_limits<std::int64_t>::max() : count * 1'000'000;
}

Borrowed::Borrowed(const dolium_object* object) {
  const dolium_object& given = required(object, "object");
  if (!holds(given)) throw Misuse("the object holds nothing: it was released, or no call has filled it");
  if (kKeepsRecord && !is_live_reference(given.opaque2[1]))
    throw Misuse(fmt::format("object {} was released before: a copy of the struct is no reference of its own",
                             id_of(given.id).hex()));
  object_ = Object(detail::ObjectView{.attachment = reinterpret_cast<detail::Attachment*>(given.opaque2[0]),
                                      .bytes = static_cast<const std::byte*>(given.data),
                                      .data_size = given.size,
                                      .type_tag = given.type_tag,
                                      .metadata_size = static_cast<std::uint32_t>(given.metadata_size),
                                      .slot = given.opaque,
                                      .id = id_of(given.id)});
}

}  // namespace dolium::c
