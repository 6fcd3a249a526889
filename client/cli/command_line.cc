#include "client/cli/command_line.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <exception>

#include "client/cli/printable.h"
#include "client/cli/time_text.h"
#include "shm/text/arguments.h"
#include "shm/text/did_you_mean.h"
#include "shm/text/help_format.h"

namespace dolium::cli {
namespace {

/// Maximum time to wait for a daemon that is just starting.
constexpr std::chrono::milliseconds kConnectTimeout{200};

constexpr const char* kAbout =
    "dolium inspects and uses the shared-memory object store of doliumd.\n"
    "An ID is 40 hexadecimal digits, a unique prefix of them (4 or more), or name:NAME for an object that was put with "
    "--name.";

/// Whether JSON was requested, even if the command line is invalid otherwise.
bool wants_json(int argc, const char* const* argv) {
  for (int i = 1; i < argc && std::string_view(argv[i]) != "--"; ++i)
    if (std::string_view(argv[i]) == "--json") return true;
  return false;
}

/// Reports a failure. Returns the exit status.
int finish(Outcome outcome, bool json) {
  if (json && outcome.error && !outcome.is_told_in_json) print_json_line(to_json(*outcome.error, outcome.status));
  // A full disk or a closed pipe is only noticed here.
  const bool written = std::fflush(stdout) == 0 && std::ferror(stdout) == 0;
  if (!outcome.error && !written) outcome = Error{Errc::system_error, "standard output could not be written"};
  if (outcome.error) print_message(fmt::format("dolium: {}\n", printable(outcome.error->message)));
  return static_cast<int>(outcome.status);
}

const std::string kEnvironmentHelp =
    "Environment:\n"
    "  DOLIUM_SOCKET                   doliumd's socket, if --socket is not given; without both, the first of\n"
    "                                  $XDG_RUNTIME_DIR/dolium.sock, /run/dolium/dolium.sock for root, and\n"
    "                                  /tmp/dolium-UID/dolium.sock\n\n";

std::string empty(std::string_view what) {
  return fmt::format("is empty: give a {}, or omit the option", what);
}

Result<std::size_t> parse_number(std::string_view text, std::size_t least, std::size_t most) {
  std::size_t number = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);  // accepts no sign, no space and no octal
  if (error == std::errc() && stop == end && number >= least && number <= most) return number;
  const bool is_whole = stop == end && stop != text.data();
  if (is_whole && (error == std::errc::result_out_of_range || number > most))
    return Error{Errc::invalid_argument, fmt::format("\"{}\" is too large: the maximum is {}", text, most)};
  const std::string range = most == std::numeric_limits<std::size_t>::max() ? fmt::format("of {} or more", least)
                                                                            : fmt::format("from {} to {}", least, most);
  return Error{Errc::invalid_argument, fmt::format("\"{}\" is not a whole number {}", text, range)};
}

/// Adds an option whose value is a T; `parse` returns a Result<T>.
template <class T, class Parse>
CLI::Option* add_parsed(CLI::App& app, const char* name, const char* what, const char* about, T& target, Parse parse) {
  const auto assign = [name, parse, &target](const std::string& text) {
    Result<T> value = parse(text);
    if (!value) throw CLI::ValidationError(name, value.error().message);
    target = *std::move(value);
  };
  return app.add_option_function<std::string>(name, assign, about)->type_name(what);
}

}  // namespace

VerbOptions& VerbOptions::text(const char* name, std::string& target, const char* what, const char* about,
                               std::size_t most) {
  auto* option = app_->add_option(name, target, about)->type_name(what);
  // An empty value comes from an empty variable in a script. Treating it as "not given" would do the wrong thing.
  const auto check = [what, most](const std::string& text) -> std::string {
    if (text.empty()) return empty(what);
    return text.size() <= most ? ""
                               : fmt::format("has {} bytes; {} is the limit: take a shorter one", text.size(), most);
  };
  option->check(CLI::Validator(check, ""));
  if (!target.empty()) option->capture_default_str();
  return *this;
}

VerbOptions& VerbOptions::required(const char* name, std::string& target, const char* what, const char* about) {
  app_->add_option(name, target, about)->required()->type_name(what);
  return *this;
}

VerbOptions& VerbOptions::required(const char* name, std::vector<std::string>& target, const char* what,
                                   const char* about) {
  app_->add_option(name, target, about)->required()->type_name(what);
  return *this;
}

VerbOptions& VerbOptions::optional(const char* name, std::vector<std::string>& target, const char* what,
                                   const char* about) {
  app_->add_option(name, target, about)->type_name(what);
  return *this;
}

VerbOptions& VerbOptions::one_of(const char* name, std::string& target, const std::vector<std::string>& words,
                                 const char* what, const char* about) {
  const auto check = [words](const std::string& text) -> std::string {
    if (std::ranges::count(words, text) > 0) return "";
    const std::vector<std::string_view> views(words.begin(), words.end());
    return fmt::format("\"{}\" is not one of {}{}", text, fmt::join(words, ", "), did_you_mean(text, views));
  };
  app_->add_option(name, target, about)->check(CLI::Validator(check, ""))->type_name(what);
  return *this;
}

VerbOptions& VerbOptions::number(const char* name, std::size_t& target, const char* about, std::size_t least,
                                 std::size_t most) {
  auto* option = add_parsed(*app_, name, "N", about, target,
                            [least, most](std::string_view text) { return parse_number(text, least, most); });
  if (target != 0) option->default_str(fmt::format("{}", target));
  return *this;
}

VerbOptions& VerbOptions::duration(const char* name, std::chrono::milliseconds& target, const char* about,
                                   std::chrono::milliseconds least) {
  using Parsed = Result<std::chrono::milliseconds>;
  auto* option = add_parsed(*app_, name, "TIME", about, target, [least](std::string_view text) -> Parsed {
    const Parsed duration = parse_duration(text);
    if (!duration || *duration >= least) return duration;
    return Error{Errc::invalid_argument,
                 fmt::format("\"{}\" is too short: the minimum is {}", text, format_duration(least))};
  });
  if (target.count() != 0) option->default_str(format_duration(target));
  return *this;
}

VerbOptions& VerbOptions::timeout(const char* name, Timeout& target, const char* about) {
  add_parsed(*app_, name, "TIME", about, target, parse_timeout)->default_str(target.is_forever() ? "forever" : "0s");
  return *this;
}

VerbOptions& VerbOptions::flag(const char* name, bool& target, const char* about) {
  app_->add_flag(name, target, about)->disable_flag_override();
  return *this;
}

VerbOptions& VerbOptions::not_both(const char* one, const char* other) {
  app_->get_option(one)->excludes(app_->get_option(other));
  return *this;
}

CommandLine::CommandLine() : app_(std::make_unique<CLI::App>(kAbout, "dolium")) {
  app_->set_version_flag("-V,--version", "dolium " DOLIUM_VERSION, "print the version and exit");
  VerbOptions(*app_).text("--socket", globals_.socket, "PATH", "doliumd's socket (or set DOLIUM_SOCKET)");
  app_->add_flag("--json", globals_.json, "print JSON, also for errors")->disable_flag_override();
  app_->require_subcommand(0, 1);
  app_->allow_extras();  // misplaced() reports an unknown verb better
  app_->fallthrough();   // --socket and --json may follow the verb
  app_->formatter(std::make_shared<HelpFormat>());
  app_->get_formatter()->column_width(34);
  app_->set_help_flag("-h,--help", "print this help and exit; dolium COMMAND --help lists a command's options");
  app_->footer(kEnvironmentHelp + exit_status_help());
}

CommandLine::~CommandLine() = default;

VerbOptions CommandLine::add(const std::string& name, const std::string& about, Verb run) {
  CLI::App* verb = app_->add_subcommand(name, about);
  verb->set_help_flag("-h,--help", "print this help and exit");
  verb->callback([this, run = std::move(run)] { chosen_ = run; });
  verb->footer("Also: --json, --socket PATH (see dolium --help)");
  return VerbOptions(*verb);
}

/// An error about the command line. It refers to the help of the verb, if there is one.
Error CommandLine::usage(const std::string& mistake) const {
  const std::vector<CLI::App*> verbs = app_->get_subcommands();
  const std::string verb = verbs.empty() ? "" : verbs.front()->get_name() + " ";
  return {Errc::invalid_argument, fmt::format("{} (see dolium {}--help)", mistake, verb)};
}

/// did_you_mean() for the options that are valid here.
std::string CommandLine::nearest_option(const std::string& word) const {
  std::vector<std::string> names;
  std::vector<const CLI::App*> places{app_.get()};
  for (const CLI::App* verb : app_->get_subcommands()) places.push_back(verb);
  for (const CLI::App* place : places)
    for (const CLI::Option* option : place->get_options())
      for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  const std::vector<std::string_view> views(names.begin(), names.end());
  return did_you_mean(word.substr(0, word.find('=')), views);
}

/// The error for an argument that CLI11 does not know.
Error CommandLine::misplaced(const std::string& word) const {
  if (word.starts_with('-')) return usage("unknown option " + word + nearest_option(word));
  if (chosen_) return usage(fmt::format("unexpected argument \"{}\"", word));
  std::vector<std::string> names;
  for (const CLI::App* verb : app_->get_subcommands({})) names.push_back(verb->get_name());
  const std::vector<std::string_view> views(names.begin(), names.end());
  return usage(fmt::format("unknown command \"{}\"{}", word, did_you_mean(word, views)));
}

/// `dolium help`, `dolium help VERB`.
Outcome CommandLine::help_on(const std::string& word) const {
  if (word.empty()) {
    fmt::print("{}", app_->help());
    return {};
  }
  for (const CLI::App* verb : app_->get_subcommands({})) {
    if (verb->get_name() != word) continue;
    fmt::print("{}", verb->help(app_->get_name()));
    return {};
  }
  return misplaced(word);
}

Outcome CommandLine::parse_and_run(int argc, const char* const* argv) {
  if (argc > 1 && std::string_view(argv[1]) == "help") return help_on(argc > 2 ? argv[2] : "");
  try {
    app_->parse(arguments_for_cli11(argc, argv));
    const std::vector<std::string> extras = app_->remaining(true);
    if (!chosen_ && !extras.empty() && extras.front() == "help") return help_on(extras.size() > 1 ? extras[1] : "");
    if (!extras.empty()) return misplaced(extras.front());
    if (chosen_) return chosen_(globals_);
    if (!globals_.json) fmt::print("{}", app_->help());
    return usage("a command is missing");
  } catch (const CLI::Success& wanted) {  // --help, --version
    app_->exit(wanted);
    return {};
  } catch (const CLI::ParseError& error) {
    return usage(reworded(error.what()));
  }
}

int CommandLine::run(int argc, const char* const* argv) {
  const bool json = wants_json(argc, argv);
  try {
    return finish(parse_and_run(argc, argv), json);
  } catch (const std::exception& error) {  // std::bad_alloc; the library throws nothing else
    return finish(Error{Errc::system_error, error.what()}, json);
  }
}

Result<std::shared_ptr<Client>> try_to_connect(const Globals& globals, Access access) {
  ConnectOptions options;
  options.access = access;
  options.connect_timeout = kConnectTimeout;
  return Client::connect(globals.socket, options);
}

Result<std::shared_ptr<Client>> connect(const Globals& globals, Access access) {
  Result<std::shared_ptr<Client>> client = try_to_connect(globals, access);
  if (client || client.error().code == Errc::permission_denied) return client;
  return Error{Errc::disconnected, client.error().message};
}

}  // namespace dolium::cli
