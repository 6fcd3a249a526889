#pragma once
// How users name an object: its 40 digits, a unique prefix of them, or the name of its put.

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <dolium/object_store.h>

namespace dolium::cli {

/// Minimum number of digits of a prefix.
inline constexpr std::size_t kMinPrefix = 4;

/// Converts the text to an id. 40 digits and names are not looked up: the object need not exist. A prefix is looked up
/// in the store's list: not_found if no object has it; invalid_argument, with the candidates, if more than one object
/// has it.
[[nodiscard]] Result<ObjectId> resolve(ObjectStore& store, std::string_view text);
[[nodiscard]] Result<std::vector<ObjectId>> resolve(ObjectStore& store, std::span<const std::string> texts);

/// Adds the object's name to an error, if `text` named the object by its name.
[[nodiscard]] Error as_named(Error error, std::string_view text);

/// Number of digits that makes the prefixes of all these objects unique; at least 12, because shorter ones soon become
/// ambiguous.
[[nodiscard]] std::size_t digits_to_tell_apart(std::span<const ObjectMetadata> objects);

}  // namespace dolium::cli
