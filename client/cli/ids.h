#pragma once
// How a person names an object: its 40 digits, a unique beginning of them, or the name it was put with.

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <dolium/object_store.h>

namespace dolium::cli {

/// The fewest digits that may stand for an id.
inline constexpr std::size_t kMinPrefix = 4;

/// 40 digits and names are taken as they are, whether there is such an object or not; a beginning is looked up
/// in the store's list: not_found when nothing begins so, invalid_argument, with the candidates, when more than
/// one object does.
[[nodiscard]] Result<ObjectId> resolve(ObjectStore& store, std::string_view text);
[[nodiscard]] Result<std::vector<ObjectId>> resolve(ObjectStore& store, std::span<const std::string> texts);

/// An error about the object that `text` stands for: with its name, if that is what the person knows it by.
[[nodiscard]] Error as_named(Error error, std::string_view text);

/// How many digits tell all of these apart, 12 at least: fewer would not stay unique for long.
[[nodiscard]] std::size_t digits_to_tell_apart(std::span<const ObjectMetadata> objects);

}  // namespace dolium::cli
