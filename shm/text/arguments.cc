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

std::string reworded(std::string_view text) {
  constexpr std::string_view kValueOfFlag = " was given a disallowed flag override";
  if (!text.ends_with(kValueOfFlag)) return std::string(text);
  return fmt::format("--{} takes no value", text.substr(0, text.size() - kValueOfFlag.size()));
}

}  // namespace dolium
