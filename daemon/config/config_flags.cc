// The command line: CLI11 splits it into flags and words; what they mean is left to the table of options.

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
    "doliumd keeps large immutable objects in shared memory, for the processes of one host.\n"
    "Every option can also stand in a TOML file, which conf/doliumd.toml shows; flags win over the file.";

const char* const kMoreHelp =
    "Environment:\n"
    "  DOLIUM_SOCKET                             where clients connect, when neither --socket nor the file says it\n\n"
    "Exit status:\n"
    "  0  done\n"
    "  1  any other failure\n"
    "  2  usage: the command line, or the configuration file, makes no sense\n";

/// A row of the table, the flag that CLI11 knows it by, and what came with it.
struct Row {
  const Option* option;
  CLI::Option* flag;
  Words words;
};

/// `rows` must not move afterwards: CLI11 writes into its words.
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
    // What is given twice is an error of ours, with a better message; lists add up.
    row.flag->take_all()->expected(option.type.boolean ? 0 : 1, 1)->allow_extra_args(false);
    if (option.type.list) row.flag->delimiter(',');
  }
}

Error unknown_argument(const std::string& argument, const CLI::App& app) {
  constexpr const char* kSeeHelp = "(doliumd --help tells what there is)";
  if (!argument.starts_with('-')) return invalid(fmt::format("unexpected argument \"{}\" {}", argument, kSeeHelp));
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) names.push_back("--" + option->get_lnames().front());
  const std::string flag = argument.substr(0, argument.find('='));
  const std::vector<std::string_view> views(names.begin(), names.end());
  return invalid(fmt::format("unknown option {}{} {}", flag, did_you_mean(flag, views), kSeeHelp));
}

Result<CommandLine::Given> given(const Row& row) {
  Words words = row.words;
  // A bare --preallocate, for which CLI11 hands out one empty word or none.
  if (row.option->type.boolean && (words.empty() || words == Words{""})) words = {"true"};
  // How a list is emptied: --writers ''.
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
              ->description("check the configuration against this machine, as a start would find it,\n"
                            "print it, and exit: 0 if it would do"),
          app.add_flag("--replace")
              ->description("have the daemon that runs on this socket go on with a new server, which\n"
                            "reads its configuration anew, and exit: no object is lost")};
}

/// -1 when none is given.
Result<int> starter_fd(const Words& words) {
  if (words.empty()) return -1;
  if (words.size() > 1) return invalid("--starter-fd is given more than once");
  const std::string& word = words.front();
  int number = -1;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
  if (error != std::errc() || end != word.data() + word.size() || number <= STDERR_FILENO)
    return invalid(fmt::format("--starter-fd: \"{}\" is not the number of an open descriptor from 3 on", word));
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
                 "say \"serving\" on this socket when the daemon serves, and end when its other end is closed: for a "
                 "program that starts a daemon for itself alone")
      ->type_name("NUMBER")
      ->take_all()
      ->expected(1, 1);
  std::vector<Row> rows;
  add_options(app, rows);
  try {
    app.parse(arguments_for_cli11(argc, argv));
  } catch (const CLI::ParseError& error) {
    return invalid(in_our_words(error.what()));
  }
  line.action = asked_for(actions);
  if (line.action == Action::help) line.text = app.help();
  if (line.action == Action::version) line.text = "doliumd " DOLIUM_VERSION "\n";
  if (!line.text.empty()) return line;

  if (line.action == Action::replace && actions.check->count() > 0)
    return invalid("--replace looks by itself whether another server could go on: leave out --check-config");
  if (files.size() > 1) return invalid("--config is given more than once");
  if (!files.empty() && files.front().empty())
    return invalid("--config is empty: give a FILE, or leave it out");  // an empty variable in a script
  if (!files.empty()) line.config_file = files.front();
  const Result<int> starter = starter_fd(starters);
  if (!starter) return starter.error();
  if (*starter >= 0 && line.action == Action::replace)
    return invalid("--starter-fd cannot be given with --replace: it is for the start of a daemon");
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
