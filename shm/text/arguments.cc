#include "shm/text/arguments.h"

#include <fmt/format.h>

#include <algorithm>

namespace dolium {

std::vector<std::string> arguments_for_cli11(int argc, const char* const* argv) {
  std::vector<std::string> words;
  bool options = true;
  for (int i = 1; i < argc; ++i) {
    std::string word = argv[i];
    options = options && word != "--";
    const bool is_empty_value = options && word.starts_with("--") && word.find('=') == word.size() - 1;
    if (is_empty_value) word.pop_back();
    words.push_back(std::move(word));
    if (is_empty_value) words.emplace_back();
  }
  std::ranges::reverse(words);
  return words;
}

std::string in_our_words(std::string_view text) {
  constexpr std::string_view kValueOfFlag = " was given a disallowed flag override";
  constexpr std::string_view kTwice = ": At Most 1 required but received ";
  constexpr std::string_view kLacks = ": 1 required ";
  constexpr std::string_view kMissing = " missing";
  if (text.ends_with(kValueOfFlag))
    return fmt::format("--{} takes no value", text.substr(0, text.size() - kValueOfFlag.size()));
  if (const std::size_t twice = text.find(kTwice); twice != std::string_view::npos)
    return fmt::format("{} is given more than once", text.substr(0, twice));
  if (const std::size_t lacks = text.find(kLacks); lacks != std::string_view::npos && text.ends_with(kMissing)) {
    const std::string_view value = text.substr(lacks + kLacks.size());
    return fmt::format("{} lacks its value: {}", text.substr(0, lacks),
                       value.substr(0, value.size() - kMissing.size()));
  }
  return std::string(text);
}

}  // namespace dolium
