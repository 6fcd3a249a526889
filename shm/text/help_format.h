#pragma once
// HelpFormat: the layout of --help, for doliumd and dolium. CLI11's own help shows its internal notation
// ("--no-preview{false}", "ID... ... REQUIRED", "TIME=1 s", "Excludes: --name"). This one uses words. Include it only
// in sources that include CLI11 anyway.

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace dolium {

class HelpFormat : public CLI::Formatter {
 public:
  /// A positional argument in the usage line: "[ID]" if it is optional, "ID..." if it is required.
  std::string make_option_usage(const CLI::Option* option) const override {
    const std::string name = make_option_name(option, true);
    return option->get_required() ? name : "[" + name + "]";
  }

  /// "-o,--output", "--no-preview"; for a positional argument, the name of its value: "ID...", "FILE".
  std::string make_option_name(const CLI::Option* option, bool is_positional) const override {
    if (is_positional) return option->get_type_name();
    std::string name = option->get_name(false, true);
    for (auto begin = name.find('{'); begin != std::string::npos; begin = name.find('{'))
      name.erase(begin, name.find('}', begin) + 1 - begin);
    return name;
  }

  std::string make_option_opts(const CLI::Option* option) const override {
    if (!option->nonpositional() || option->get_type_size() == 0 || option->get_type_name().empty()) return "";
    return " " + option->get_type_name();
  }

  std::string make_option_desc(const CLI::Option* option) const override {
    std::string text = option->get_description();
    if (const std::string value = option->get_default_str(); !value.empty()) text += " (default " + value + ")";
    for (const CLI::Option* other : option->get_excludes()) text += "; not with " + other->get_name();
    return text;
  }

  std::string make_usage(const CLI::App* app, std::string name) const override {
    std::string usage = "Usage: " + name + " [OPTION...]";
    for (const CLI::Option* option : app->get_options())
      if (option->get_positional()) usage += " " + make_option_usage(option);
    return usage + (app->get_subcommands({}).empty() ? "\n" : " COMMAND ...\n");
  }

  std::string make_subcommands(const CLI::App* app, CLI::AppFormatMode mode) const override {
    std::string text = CLI::Formatter::make_subcommands(app, mode);
    const std::string heading = "\nSubcommands:";
    if (text.starts_with(heading)) text.replace(0, heading.size(), "\nCommands:");
    return text;
  }

  /// Leaves one empty line between parts, instead of two, and none at the end.
  std::string make_help(const CLI::App* app, std::string name, CLI::AppFormatMode mode) const override {
    std::string text = CLI::Formatter::make_help(app, std::move(name), mode);
    for (auto at = text.find("\n\n\n"); at != std::string::npos; at = text.find("\n\n\n", at)) text.erase(at, 1);
    while (text.ends_with("\n\n")) text.pop_back();
    return text;
  }
};

}  // namespace dolium
