// pin, unpin, extend-grace, remove, evict, trim, clear: which objects stay in the store.

#include <fmt/format.h>
#include <unistd.h>

#include <cctype>
#include <cstdio>
#include <limits>
#include <optional>

#include "client/cli/ids.h"
#include "client/cli/json_text.h"
#include "client/cli/object_filter.h"
#include "client/cli/printable.h"
#include "client/cli/time_text.h"
#include "client/cli/verbs.h"
#include "shm/text/size_text.h"

namespace dolium::cli {
namespace {

/// The action of a verb on one object.
using Deed = Result<void> (*)(Client& client, const ObjectId& id);

Result<void> pin(Client& client, const ObjectId& id) {
  return client.pin(id);
}

Result<void> unpin(Client& client, const ObjectId& id) {
  return client.unpin(id);
}

struct Extension {
  std::string id;
  std::string duration;
  std::size_t readers = 1;
};

Result<void> extend_grace(const Globals& globals, const Extension& options) {
  const Result<std::chrono::milliseconds> duration = parse_duration(options.duration);
  if (!duration) return duration.error();
  const auto client = connect(globals, Access::read_write);
  if (!client) return client.error();
  const Result<ObjectId> id = resolve(**client, options.id);
  if (!id) return id.error();
  const Result<void> extended = (*client)->extend_grace(*id, *duration, static_cast<std::uint32_t>(options.readers));
  if (!extended) return as_named(extended.error(), options.id);
  if (globals.json)
    print_json({{"id", id->hex()}, {"done", "extended"}});
  else
    fmt::print("extended {}\n", id->hex());
  return {};
}

void add_extend_grace(CommandLine& line) {
  const auto options = std::make_shared<Extension>();
  line.add("extend-grace", "do not evict an object until other clients have got it or a time has passed",
           [options](const Globals& globals) { return extend_grace(globals, *options); })
      .required("id", options->id, "ID", "the object")
      .required("duration", options->duration, "DURATION", "from now on, for example 10min; at most 1h")
      .number("--grace-readers", options->readers, "number of clients whose gets end the grace", 1,
              std::numeric_limits<std::uint32_t>::max());
}

/// The library accepts an unknown id. On the command line it is a typing error.
Result<void> remove(Client& client, const ObjectId& id) {
  const Result<bool> removed = client.remove(id);
  if (!removed) return removed.error();
  if (!*removed) return Error{Errc::not_found, fmt::format("there is no object {}", id.hex())};
  return {};
}

/// The results for several objects, each of which may fail for its own reason.
class Deeds {
 public:
  Deeds(std::string_view past, bool json) : past_(past), json_(json) {}

  /// `text` is the id as the user wrote it.
  void add(const ObjectId& id, const std::string& text, const Result<void>& done) {
    Json row = {{"id", id.hex()}};
    if (done) {
      row.set("done", past_);
      if (!json_) fmt::print("{} {}\n", past_, id.hex());
    } else {
      const Error error = as_named(done.error(), text);
      row.set("error", error.message);
      row.set("code", to_string(error.code));
      fail(error);
    }
    rows_.push_back(row);
  }

  /// The exit status of the failures if they are of one kind, else `failed`.
  [[nodiscard]] Outcome outcome() const {
    if (json_) print_json(rows_);
    if (!failure_) return {};
    return {alike_ ? exit_status_of(failure_->code) : ExitStatus::failed, *failure_, true};
  }

 private:
  void fail(const Error& error) {
    if (!failure_) {
      failure_ = error;
      return;
    }
    alike_ = alike_ && exit_status_of(error.code) == exit_status_of(failure_->code);
    failure_->message += "; " + error.message;
  }

  std::string_view past_;
  bool json_;
  Json rows_ = Json::array();
  std::optional<Error> failure_;
  bool alike_ = true;
};

/// Resolves all ids before the first action. A failure does not stop the actions on other objects.
Outcome do_to_each(const Globals& globals, const std::vector<std::string>& texts, std::string_view past, Deed deed) {
  const auto client = connect(globals, Access::read_write);
  if (!client) return client.error();
  const Result<std::vector<ObjectId>> ids = resolve(**client, texts);
  if (!ids) return ids.error();
  Deeds deeds(past, globals.json);
  for (std::size_t i = 0; i < ids->size(); ++i) deeds.add((*ids)[i], texts[i], deed(**client, (*ids)[i]));
  return deeds.outcome();
}

void add_deed(CommandLine& line, const char* name, const char* past, const char* about, Deed deed) {
  const auto ids = std::make_shared<std::vector<std::string>>();
  line.add(name, about, [ids, past, deed](const Globals& g) { return do_to_each(g, *ids, past, deed); })
      .required("id", *ids, "ID...", "the objects");
}

Result<void> evict(const Globals& globals, const std::string& text) {
  constexpr std::uint64_t kAll = std::numeric_limits<std::uint64_t>::max();
  const Result<std::uint64_t> wanted = text == "all" ? Result<std::uint64_t>(kAll) : parse_size(text);
  if (!wanted) return wanted.error();
  if (*wanted == 0)
    return Error{Errc::invalid_argument,
                 fmt::format("\"{}\" would evict nothing: give a size such as 64MiB, or all", text)};
  const auto client = connect(globals, Access::read_write);
  if (!client) return client.error();
  const Result<std::uint64_t> freed = (*client)->evict(*wanted);
  if (!freed) return freed.error();
  const bool fell_short = *wanted != kAll && *freed < *wanted;
  if (globals.json)
    print_json({{"freed_bytes", *freed}, {"nothing_more_to_evict", fell_short || *wanted == kAll}});
  else
    fmt::print("freed {}{}\n", format_size(*freed), fell_short ? "; nothing more can be evicted" : "");
  return {};
}

Result<void> trim(const Globals& globals) {
  const auto client = connect(globals, Access::read_write);
  if (!client) return client.error();
  const Result<std::uint64_t> given = (*client)->trim();
  if (!given) return given.error();
  const Result<StoreStats> stats = (*client)->stats();
  if (!stats) return stats.error();
  if (globals.json)
    print_json({{"given_back_bytes", *given}, {"reserved_bytes", stats->reserved_bytes}});
  else
    fmt::print("returned {} to the system; the store keeps {}, and uses {}\n", format_size(*given),
               format_size(stats->reserved_bytes), format_size(stats->used_bytes));
  return {};
}

/// Asks on the terminal. Without a terminal, returns true, so that scripts work. `objects`: "all 12 objects".
bool is_confirmed(const std::string& socket, const std::string& objects) {
  if (::isatty(STDIN_FILENO) == 0 || ::isatty(STDERR_FILENO) == 0) return true;
  fmt::print(stderr, "Remove {} from the store at {}, including pinned ones? [y/N] ", objects, printable(socket));
  std::string answer;
  for (int c = std::getchar(); c != EOF && c != '\n'; c = std::getchar())
    if (c != ' ' && c != '\t' && c != '\r') answer += static_cast<char>(std::tolower(c));
  return answer == "y" || answer == "yes";
}

Error not_confirmed() {
  return {Errc::system_error, "nothing was removed: the answer was not \"y\" (use --yes to skip the question)"};
}

Result<void> clear(const Globals& globals, bool yes) {
  const auto client = connect(globals, Access::read_write);
  if (!client) return client.error();
  const Result<StoreStats> before = (*client)->stats();
  if (!before) return before.error();
  if (!yes && before->total_objects != 0 &&
      !is_confirmed(globals.socket, "all " + counted(before->total_objects, "object")))
    return not_confirmed();
  if (auto cleared = (*client)->clear(); !cleared) return cleared;
  const Result<StoreStats> after = (*client)->stats();
  if (!after) return after.error();
  if (globals.json)
    print_json({{"removed_count", before->total_objects}, {"still_used_bytes", after->used_bytes}});
  else
    fmt::print("removed {}; {} are still held or being written\n", counted(before->total_objects, "object"),
               format_size(after->used_bytes));
  return {};
}

// ---- remove ----

struct RemoveOptions {
  std::vector<std::string> ids;
  FilterOptions filter;
  bool yes = false;
};

/// Returns the number of objects that were removed. An object that is gone meanwhile is no failure. One that was put
/// under its id since stays: it was not asked for, and can have another label.
Result<std::size_t> remove_all(Client& client, const std::vector<ObjectMetadata>& objects) {
  std::size_t count = 0;
  for (const ObjectMetadata& object : objects) {
    const Result<bool> removed = client.remove(object);
    if (!removed)
      return Error{removed.error().code, fmt::format("{} of {} removed; then: {}", count,
                                                     counted(objects.size(), "object"), removed.error().message)};
    count += *removed ? 1 : 0;
  }
  return count;
}

Result<void> remove_matching(const Globals& globals, const RemoveOptions& options) {
  if (options.filter.state == "unsealed")
    return Error{
        Errc::invalid_argument,
        "--state: an unsealed object cannot be removed; its creator can abort it, and it ends with its creator"};
  ObjectFilter filter = filter_of(options.filter);
  filter.state = ObjectState::sealed;
  const auto client = connect(globals, Access::read_write);
  if (!client) return client.error();
  const Result<std::vector<ObjectMetadata>> objects = (*client)->list(filter);
  if (!objects) return objects.error();
  if (!options.yes && !objects->empty() && !is_confirmed(globals.socket, counted(objects->size(), "object")))
    return not_confirmed();
  const Result<std::size_t> count = remove_all(**client, *objects);
  if (!count) return count.error();
  if (globals.json)
    print_json({{"removed_count", *count}});
  else
    fmt::print("removed {}\n", counted(*count, "object"));
  return {};
}

Outcome remove_verb(const Globals& globals, const RemoveOptions& options) {
  const bool filtered = options.filter != FilterOptions();
  if (filtered != options.ids.empty())
    return Error{Errc::invalid_argument, filtered ? "remove takes ids or a filter, not both"
                                                  : "remove needs ids, or a filter such as --label-prefix"};
  return filtered ? Outcome(remove_matching(globals, options)) : do_to_each(globals, options.ids, "removed", remove);
}

void add_remove(CommandLine& line) {
  const auto options = std::make_shared<RemoveOptions>();
  VerbOptions verb = line.add("remove", "remove objects at once; their memory is freed at the last release",
                              [options](const Globals& globals) { return remove_verb(globals, *options); });
  verb.optional("id", options->ids, "ID...", "the objects; or select them by the options below");
  add_filter(verb, options->filter);
  verb.flag("-y,--yes", options->yes, "do not ask before a filter removes (without a terminal there is no question)");
}

}  // namespace

void add_keep_verbs(CommandLine& line) {
  add_deed(line, "pin", "pinned", "protect objects from eviction and expiry, until unpin", pin);
  add_deed(line, "unpin", "unpinned", "let objects be evicted and expire again", unpin);
  add_extend_grace(line);
  add_remove(line);
  const auto size = std::make_shared<std::string>();
  line.add("evict", "evict unused objects, coldest first, until that many bytes are freed",
           [size](const Globals& globals) { return evict(globals, *size); })
      .required("size", *size, "SIZE", "for example 64MiB, or all");
  line.add("trim", "return free memory of the store to the system (evict first to return more)", trim);
  const auto yes = std::make_shared<bool>(false);
  line.add("clear", "remove all objects, including pinned ones", [yes](const Globals& g) { return clear(g, *yes); })
      .flag("-y,--yes", *yes, "do not ask (without a terminal there is no question)");
}

}  // namespace dolium::cli
