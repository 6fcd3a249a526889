#include "client/cli/ids.h"

#include <fmt/format.h>

#include <algorithm>

namespace dolium::cli {
namespace {

constexpr std::string_view kNamePrefix = "name:";
constexpr std::size_t kAllDigits = 2 * ObjectId::kSize;
constexpr std::size_t kMinShown = 12;
/// Maximum number of candidates in an error.
constexpr std::size_t kMaxCandidates = 8;

Error not_an_id(std::string_view text) {
  return {Errc::invalid_argument,
          fmt::format("\"{}\" is not an object id: give its {} hexadecimal digits, at least the first {} of them, or "
                      "name:NAME",
                      text, kAllDigits, kMinPrefix)};
}

Error ambiguous(std::string_view text, std::vector<std::string>& candidates) {
  std::ranges::sort(candidates);
  const std::size_t shown = std::min(candidates.size(), kMaxCandidates);
  std::string message = fmt::format("{} objects begin with {}: {}", candidates.size(), text,
                                    fmt::join(candidates.begin(), candidates.begin() + static_cast<long>(shown), ", "));
  if (shown < candidates.size()) message += fmt::format(" and {} more", candidates.size() - shown);
  return {Errc::invalid_argument, message + "; give more digits"};
}

bool is_hex(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

Result<ObjectId> look_up(ObjectStore& store, const std::string& prefix) {
  const Result<std::vector<ObjectMetadata>> objects = store.list();
  if (!objects) return objects.error();
  std::vector<std::string> candidates;
  for (const ObjectMetadata& object : *objects)
    if (std::string hex = object.id.hex(); hex.starts_with(prefix)) candidates.push_back(std::move(hex));
  if (candidates.empty())
    return Error{Errc::not_found, fmt::format("there is no object {}... (`dolium list` lists the objects)", prefix)};
  if (candidates.size() > 1) return ambiguous(prefix, candidates);
  return ObjectId::from_hex(candidates.front());
}

}  // namespace

Result<ObjectId> resolve(ObjectStore& store, std::string_view text) {
  if (text == kNamePrefix)
    return Error{Errc::invalid_argument,
                 "\"name:\" lacks the name: write name:NAME for an object that was put with --name NAME"};
  if (text.starts_with(kNamePrefix)) return ObjectId::from_name(text.substr(kNamePrefix.size()));
  std::string digits(text);
  for (char& c : digits)
    if (c >= 'A' && c <= 'F') c = static_cast<char>(c - 'A' + 'a');
  if (digits.size() < kMinPrefix || digits.size() > kAllDigits || !std::ranges::all_of(digits, is_hex))
    return not_an_id(text);
  return digits.size() == kAllDigits ? ObjectId::from_hex(digits) : look_up(store, digits);
}

Result<std::vector<ObjectId>> resolve(ObjectStore& store, std::span<const std::string> texts) {
  std::vector<ObjectId> ids;
  for (const std::string& text : texts) {
    const Result<ObjectId> id = resolve(store, text);
    if (!id) return id.error();
    ids.push_back(*id);
  }
  return ids;
}

Error as_named(Error error, std::string_view text) {
  if (text.starts_with(kNamePrefix)) error.message += fmt::format(" ({})", text);
  return error;
}

std::size_t digits_to_tell_apart(std::span<const ObjectMetadata> objects) {
  std::vector<std::string> all;
  for (const ObjectMetadata& object : objects) all.push_back(object.id.hex());
  std::ranges::sort(all);
  std::size_t digits = kMinShown;
  for (std::size_t i = 1; i < all.size(); ++i) {
    const auto [a, b] = std::ranges::mismatch(all[i - 1], all[i]);
    digits = std::max(digits, static_cast<std::size_t>(a - all[i - 1].begin()) + 1);
  }
  return std::min(digits, kAllDigits);
}

}  // namespace dolium::cli
