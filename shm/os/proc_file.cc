#include "shm/os/proc_file.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <sstream>

namespace dolium::shm {

std::optional<std::string> read_text(const std::filesystem::path& file) {
  std::ifstream stream(file);
  std::ostringstream text;
  if (!stream || !(text << stream.rdbuf())) return std::nullopt;
  return text.str();
}

std::optional<std::string> find_line(const std::string& text, std::string_view label) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::string_view rest = line;
    if (!rest.starts_with(label)) continue;
    rest.remove_prefix(label.size());
    rest.remove_prefix(std::min(rest.find_first_not_of(" \t"), rest.size()));
    return std::string(rest);
  }
  return std::nullopt;
}

std::optional<std::uint64_t> find_number(const std::string& text, std::string_view label) {
  const std::optional<std::string> word = find_line(text, label);
  std::uint64_t number = 0;
  if (word && std::from_chars(word->data(), word->data() + word->size(), number).ec == std::errc()) return number;
  return std::nullopt;
}

std::optional<std::string> read_line(const std::filesystem::path& file, std::string_view label) {
  const std::optional<std::string> text = read_text(file);
  return text ? find_line(*text, label) : std::nullopt;
}

std::optional<std::uint64_t> read_number(const std::filesystem::path& file, std::string_view label) {
  const std::optional<std::string> text = read_text(file);
  return text ? find_number(*text, label) : std::nullopt;
}

}  // namespace dolium::shm
