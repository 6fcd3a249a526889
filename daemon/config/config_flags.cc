// The command line: CLI11 splits it into flags and words, and the table of options interprets them.

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <charconv>

#include "daemon/config/config_options.h"
#include "shm/text/arguments.h"
#include "shm/text/did_you_mean.h"
#include "shm/text/help_format.h"

namespace dolium::daemon {
namespace {

constexpr std::string_view kAbout =
    "doliumd stores large immutable objects in shared memory, for the processes of one host.\n"
    "Every option can also be set in a TOML file (example: conf/doliumd.toml); flags override the file.";

const char* const kMoreHelp =
    "Environment:\n"
    "  DOLIUM_SOCKET                             the socket's path, if neither --socket nor the file sets it\n\n"
    "Exit status:\n"
    "  0  done\n"
    "  1  any other failure\n"
    "  2  usage: the command line, or the configuration file, is invalid\n";

/// A row of the table, its flag in CLI11, and the words that were given.
struct Row {
  const Option* option;
  CLI::Option* flag;
  Words words;
};

/// `rows` must not move afterwards, because CLI11 writes into its words.
void add_options(CLI::App& app, std::vector<Row>& rows) {
  const Config defaults;
  rows.reserve(options().size());
  for (const Option& option : options()) {
    Row& row = rows.emplace_back(Row{&option, nullptr, {}});
    const std::string shown = option.show(defaults);
    const bool is_nothing = shown == "\"\"" || shown == "[]";
    const std::string ending = is_nothing ? "" : fmt::format(" (default {})", shown);
    row.flag = app.add_option(std::string(option.flag), row.words, std::string(option.help) + ending);
    row.flag->type_name(std::string(option.type.placeholder))->group(std::string(option.section));
    // Accept repetitions here: given() reports them with a better message, and lists add up.
    row.flag->take_all()->expected(option.type.boolean ? 0 : 1, 1)->allow_extra_args(false);
    if (option.type.list) row.flag->delimiter(',');
  }
}

Error unknown_argument(const std::string& argument, const CLI::App& app) {
  constexpr const char* kSeeHelp = "(see doliumd --help)";
  if (!argument.starts_with('-')) return invalid(fmt::format("unexpected argument \"{}\" {}", argument, kSeeHelp));
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) names.push_back("--" + option->get_lnames().front());
  const std::string flag = argument.substr(0, argument.find('='));
  const std::vector<std::string_view> views(names.begin(), names.end());
  return invalid(fmt::format("unknown option {}{} {}", flag, did_you_mean(flag, views), kSeeHelp));
}

Result<CommandLine::Given> given(const Row& row) {
  Words words = row.words;
  // For --preallocate without a value, CLI11 gives one empty word or none.
  if (row.option->type.boolean && (words.empty() || words == Words{""})) words = {"true"};
  // --writers '' gives an empty list.
  if (row.option->type.list && words == Words{""}) words.clear();
  if (!row.option->type.list && words.size() != 1)
    return invalid(fmt::format("{} is given more than once", row.option->flag));
  return CommandLine::Given{row.option, std::move(words)};
}

struct ActionFlags {
  const CLI::Option* help;
  const CLI::Option* version;
  const CLI::Option* check;
  const CLI::Option* replace;
};

ActionFlags add_actions(CLI::App& app) {
  app.set_help_flag();  // --help is an action like the others
  return {app.add_flag("-h,--help")->description("print this help and exit"),
          app.add_flag("-V,--version")->description("print the version and exit"),
          app.add_flag("--check-config")
              ->description("check the configuration on this machine, as a start would,\n"
                            "print it, and exit with status 0 if it is valid"),
          app.add_flag("--replace")
              ->description("make the daemon at this socket replace its server by a new one, which\n"
                            "reads the configuration again, and exit; no object is lost")};
}

/// -1 if the option is not given.
Result<int> starter_fd(const Words& words) {
  if (words.empty()) return -1;
  if (words.size() > 1) return invalid("--starter-fd is given more than once");
  const std::string& word = words.front();
  int number = -1;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
  if (error != std::errc() || end != word.data() + word.size() || number <= STDERR_FILENO)
    return invalid(fmt::format("--starter-fd: \"{}\" is not the number of a descriptor; it must be 3 or more", word));
  return number;
}

Action asked_for(const ActionFlags& flags) {
  if (flags.help->count() > 0) return Action::help;
  if (flags.version->count() > 0) return Action::version;
  if (flags.replace->count() > 0) return Action::replace;
  return flags.check->count() > 0 ? Action::check_config : Action::run;
}

}  // namespace

Result<CommandLine> read_flags(int argc, const char* const* argv) {
  CommandLine line;
  CLI::App app(std::string(kAbout), "doliumd");
  app.formatter(std::make_shared<HelpFormat>());
  app.get_formatter()->column_width(44);
  app.footer(kMoreHelp);
  app.allow_extras();
  const ActionFlags actions = add_actions(app);
  Words files;
  app.add_option("--config", files, "the configuration file")->type_name("FILE")->take_all()->expected(1, 1);
  Words starters;
  app.add_option("--starter-fd", starters,
                 "write \"serving\" to this socket when the daemon serves, and end when its other end is closed; for a "
                 "program that starts its own daemon")
      ->type_name("NUMBER")
      ->take_all()
      ->expected(1, 1);
  std::vector<Row> rows;
  add_options(app, rows);
  try {
    app.parse(arguments_for_cli11(argc, argv));
  } catch (const CLI::ParseError& error) {
    return invalid(reworded(error.what()));
  }
  line.action = asked_for(actions);
  if (line.action == Action::help) line.text = app.help();
  if (line.action == Action::version) line.text = "doliumd " DOLIUM_VERSION "\n";
  if (!line.text.empty()) return line;

  if (line.action == Action::replace && actions.check->count() > 0)
    return invalid("--replace checks the configuration itself: omit --check-config");
  if (files.size() > 1) return invalid("--config is given more than once");
  if (!files.empty() && files.front().empty())
    return invalid("--config is empty: give a FILE, or omit the option");  // an empty variable in a script
  if (!files.empty()) line.config_file = files.front();
  const Result<int> starter = starter_fd(starters);
  if (!starter) return starter.error();
  if (*starter >= 0 && line.action == Action::replace)
    return invalid("--starter-fd cannot be used with --replace: it is only for the start of a daemon");
  line.starter_fd = *starter;
  if (!app.remaining().empty()) return unknown_argument(app.remaining().front(), app);
  for (const Row& row : rows) {
    if (row.flag->count() == 0) continue;
    Result<CommandLine::Given> one = given(row);
    if (!one) return one.error();
    line.given.push_back(*std::move(one));
  }
  return line;
}

}  // namespace dolium::daemon
