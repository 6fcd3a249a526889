// The configuration file: toml++ parses it, the table of options checks it, and each error names its place in the file.
// Reads one file of bounded size; writes nothing.

#include <fmt/format.h>

#include <toml++/toml.h>
#include <algorithm>
#include <cstdio>
#include <memory>
#include <sstream>

#include "daemon/config/config_options.h"
#include "shm/os/system_error.h"
#include "shm/text/did_you_mean.h"

namespace dolium::daemon {
namespace {

// Maximum size of the file, far more than any configuration needs. So a wrong path (a device, an object) fails fast.
constexpr std::size_t kMaxFileBytes = std::size_t{1} << 20;

std::string place(const std::string& path, const toml::source_region& region) {
  return fmt::format("{}:{}:{}", path, region.begin.line, region.begin.column);
}

std::string type_name(const toml::node& node) {
  std::ostringstream name;
  name << node.type();
  return name.str();
}

bool takes(const ValueType& type, const toml::node& node) {
  return (node.is_string() && type.string) || (node.is_integer() && type.integer) ||
         (node.is_floating_point() && type.floating_point) || (node.is_boolean() && type.boolean) ||
         (node.is_array() && type.list);
}

/// Precondition: a string, an integer, a floating-point number or a boolean.
std::string word_of(const toml::node& node) {
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* integer = node.as_integer()) return fmt::format("{}", integer->get());
  if (const auto* number = node.as_floating_point()) return fmt::format("{}", number->get());
  return node.as_boolean()->get() ? "true" : "false";
}

Result<Words> words_of(const toml::node& node, const Option& option, const std::string& path) {
  const auto wrong_kind = [&](const toml::node& culprit) {
    return invalid(fmt::format("\"{}\" in {} must be {}, not of type {}", option.key, place(path, culprit.source()),
                               option.type.wanted, type_name(culprit)));
  };
  if (!takes(option.type, node)) return wrong_kind(node);
  const toml::array* items = node.as_array();
  if (items == nullptr) return Words{word_of(node)};
  Words words;
  for (const toml::node& item : *items) {
    if (!item.is_string() && !item.is_integer()) return wrong_kind(item);
    words.push_back(word_of(item));
  }
  return words;
}

/// The error for an unknown key. It may be a typing error, or be in the wrong section.
Error unknown_key(std::string_view section, const toml::key& key, const std::string& path) {
  std::vector<std::string_view> siblings;
  for (const Option& option : options()) {
    if (option.section == section) siblings.push_back(option.key);
    if (option.section != section && option.key == key.str())
      return invalid(fmt::format("key \"{}\" in {} belongs in section [{}]", key.str(), place(path, key.source()),
                                 option.section));
  }
  return invalid(fmt::format("unknown key \"{}\" in {}{}", key.str(), place(path, key.source()),
                             did_you_mean(key.str(), siblings)));
}

Result<void> read_section(std::string_view section, const toml::table& table, const std::string& path, Config& config) {
  for (const auto& [key, node] : table) {
    const std::span<const Option> all = options();
    const auto option = std::ranges::find_if(
        all, [&, wanted = key.str()](const Option& each) { return each.section == section && each.key == wanted; });
    if (option == all.end()) return unknown_key(section, key, path);
    const Result<Words> words = words_of(node, *option, path);
    if (!words) return words.error();
    if (Result<void> done = option->assign(config, *words); !done)
      return invalid(fmt::format("\"{}\" in {}: {}", option->key, place(path, node.source()), done.error().message));
  }
  return {};
}

Result<void> read_tables(const toml::table& document, const std::string& path, Config& config) {
  std::vector<std::string_view> sections;
  for (const Option& option : options())
    if (sections.empty() || sections.back() != option.section) sections.push_back(option.section);
  for (const auto& [key, node] : document) {
    const toml::table* table = node.as_table();
    const bool is_known = std::ranges::count(sections, key.str()) > 0;
    if (table == nullptr && is_known)
      return invalid(fmt::format("\"{0}\" in {1} must be a section: [{0}]", key.str(), place(path, key.source())));
    if (table == nullptr) return unknown_key("", key, path);
    if (!is_known)
      return invalid(fmt::format("unknown section [{}] in {}{}", key.str(), place(path, key.source()),
                                 did_you_mean(key.str(), sections)));
    if (Result<void> done = read_section(key.str(), *table, path, config); !done) return done;
  }
  return {};
}

/// Whether the value in this line, which failed to parse, begins with a digit.
bool has_number_at(std::string_view text, const toml::source_position& where) {
  for (toml::source_index line = 1; line < where.line && !text.empty(); ++line)
    text.remove_prefix(
        std::min(text.size(), text.find('\n') == std::string_view::npos ? text.size() : text.find('\n') + 1));
  text = text.substr(0, text.find('\n'));
  const std::size_t sign = text.find('=');
  const std::size_t value =
      sign == std::string_view::npos ? std::string_view::npos : text.find_first_not_of(" \t", sign + 1);
  return value != std::string_view::npos && text[value] >= '0' && text[value] <= '9';
}

}  // namespace

Result<void> read_toml(std::string_view text, const std::string& path, Config& config) {
  try {
    return read_tables(toml::parse(text, path), path, config);
  } catch (const toml::parse_error& error) {
    // The most frequent mistake: capacity = 1GiB, mode = 0600.
    const bool is_number = has_number_at(text, error.source().begin);
    return invalid(fmt::format("{}: {}{}", place(path, error.source()), error.description(),
                               is_number ? " (sizes and modes are strings: \"64MiB\", \"0600\")" : ""));
  }
}

Result<void> read_file(const std::string& path, Config& config) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "re"), &std::fclose);
  if (!file) return shm::system_error(fmt::format("open the configuration file {}", path));
  std::string text(kMaxFileBytes + 1, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), file.get()));
  if (std::ferror(file.get()) != 0) return shm::system_error(fmt::format("read the configuration file {}", path));
  if (text.size() > kMaxFileBytes)
    return invalid(fmt::format("{} has more than {} bytes, so it is not a configuration file", path, kMaxFileBytes));
  return read_toml(text, path, config);
}

}  // namespace dolium::daemon
