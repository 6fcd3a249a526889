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
#include "client/types/arguments.h"
#include "client/types/did_you_mean.h"

namespace dolium::cli {
namespace {

/// A daemon that is just starting is worth this much patience.
constexpr std::chrono::milliseconds kConnectTimeout{200};

constexpr const char* kAbout =
    "dolium looks into, and works with, the shared-memory object store of doliumd.\n"
    "An ID is 40 hexadecimal digits, any unique beginning of them (4 or more), or name:NAME for what was put with "
    "--name.";

int fail(const std::string& message) {
  fmt::print(stderr, "dolium: {}\n", printable(message));
  return EXIT_FAILURE;
}

/// Where CLI11's words do not say what was wrong, ours; a test holds them together.
std::string in_our_words(std::string_view text) {
  constexpr std::string_view kValueOfFlag = " was given a disallowed flag override";
  constexpr std::string_view kTwice = ": At Most 1 required but received ";
  if (text.ends_with(kValueOfFlag))
    return fmt::format("--{} takes no value", text.substr(0, text.size() - kValueOfFlag.size()));
  const std::size_t twice = text.find(kTwice);
  return twice == std::string_view::npos ? std::string(text)
                                         : fmt::format("{} is given more than once", text.substr(0, twice));
}

std::string empty(std::string_view what) {
  return fmt::format("is empty: give a {}, or leave it out", what);
}

Result<std::size_t> parse_number(std::string_view text, std::size_t least, std::size_t most) {
  std::size_t number = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);  // neither a sign nor a space, nor octal
  if (error == std::errc() && stop == end && number >= least && number <= most) return number;
  const std::string range = most == std::numeric_limits<std::size_t>::max() ? fmt::format("of {} or more", least)
                                                                            : fmt::format("from {} to {}", least, most);
  return Error{Errc::invalid_argument, fmt::format("\"{}\" is not a whole number {}", text, range)};
}

/// An option whose text `parse` turns into a Result<T>.
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

VerbOptions& VerbOptions::text(const char* name, std::string& target, const char* what, const char* about) {
  auto* option = app_->add_option(name, target, about)->type_name(what);
  // An empty variable in a script; to go on as if nothing was given would do something else than was meant.
  option->check(CLI::Validator([what](const std::string& text) { return text.empty() ? empty(what) : ""; }, ""));
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
                 fmt::format("\"{}\" is too short: give {} at least", text, format_duration(least))};
  });
  if (target.count() != 0) option->default_str(format_duration(target));
  return *this;
}

VerbOptions& VerbOptions::timeout(const char* name, Timeout& target, const char* about) {
  add_parsed(*app_, name, "TIME", about, target, parse_timeout)->default_str("0s");
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
  app_->set_version_flag("-V,--version", "dolium " DOLIUM_VERSION);
  app_->add_option("--socket", globals_.socket, "where doliumd listens")->type_name("PATH")->capture_default_str();
  app_->add_flag("--json", globals_.json, "print JSON")->disable_flag_override();
  app_->require_subcommand(0, 1);
  app_->allow_extras();  // told by us: a misspelt verb
  app_->fallthrough();   // --socket and --json may stand behind the verb
  app_->get_formatter()->column_width(34);
}

CommandLine::~CommandLine() = default;

VerbOptions CommandLine::add(const std::string& name, const std::string& about, Verb run) {
  CLI::App* verb = app_->add_subcommand(name, about);
  verb->callback([this, run = std::move(run)] { chosen_ = run; });
  verb->footer("Also: --json, --socket PATH (see dolium --help)");
  return VerbOptions(*verb);
}

/// What is wrong with what CLI11 could not place.
std::string CommandLine::misplaced(const std::string& word) const {
  if (word.starts_with('-')) return fmt::format("unknown option {} (dolium --help tells what there is)", word);
  if (chosen_) return fmt::format("unexpected argument \"{}\" (dolium --help tells what there is)", word);
  std::vector<std::string> names;
  for (const CLI::App* verb : app_->get_subcommands({})) names.push_back(verb->get_name());
  const std::vector<std::string_view> views(names.begin(), names.end());
  return fmt::format("\"{}\" is no command{} (dolium --help tells what there is)", word, did_you_mean(word, views));
}

int CommandLine::run(int argc, const char* const* argv) {
  try {
    app_->parse(arguments_for_cli11(argc, argv));
    const std::vector<std::string> extras = app_->remaining(true);
    const bool wants_help = !chosen_ && (extras.empty() || extras == std::vector<std::string>{"help"});
    if (wants_help) throw CLI::CallForHelp();
    if (!extras.empty()) return fail(misplaced(extras.front()));
    return finish(chosen_(globals_));
  } catch (const CLI::Success& wanted) {  // --help, --version
    return app_->exit(wanted);
  } catch (const CLI::ParseError& error) {
    return fail(fmt::format("{} (dolium --help tells what there is)", in_our_words(error.what())));
  } catch (const std::exception& error) {  // std::bad_alloc; the library throws nothing else
    return fail(error.what());
  }
}

int CommandLine::finish(const Result<void>& outcome) const {
  // A full disk or a closed pipe shows itself only here.
  const bool written = std::fflush(stdout) == 0 && std::ferror(stdout) == 0;
  if (!outcome) return fail(outcome.error().message);
  return written ? EXIT_SUCCESS : fail("standard output could not be written");
}

Result<std::shared_ptr<Client>> connect(const Globals& globals, Access access) {
  ConnectOptions options;
  options.access = access;
  options.connect_timeout = kConnectTimeout;
  return Client::connect(globals.socket, options);
}

}  // namespace dolium::cli
