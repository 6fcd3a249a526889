// pin, unpin, remove, evict, clear: what stays and what goes.

#include <fmt/format.h>
#include <unistd.h>

#include <cctype>
#include <cstdio>
#include <limits>
#include <optional>

#include "client/cli/ids.h"
#include "client/cli/json_text.h"
#include "client/cli/printable.h"
#include "client/cli/verbs.h"
#include "shm/text/size_text.h"

namespace dolium::cli {
namespace {

/// What a verb does to one object.
using Deed = Result<void> (*)(Client& client, const ObjectId& id);

Result<void> pin(Client& client, const ObjectId& id) {
  return client.pin(id);
}

Result<void> unpin(Client& client, const ObjectId& id) {
  return client.unpin(id);
}

/// For the library an unknown id is no error; a person who names one has mistyped it.
Result<void> remove(Client& client, const ObjectId& id) {
  const Result<bool> removed = client.remove(id);
  if (!removed) return removed.error();
  if (!*removed) return Error{Errc::not_found, fmt::format("there is no object {}", id.hex())};
  return {};
}

/// What became of several objects, of which each may fail for a reason of its own.
class Deeds {
 public:
  Deeds(std::string_view past, bool json) : past_(past), json_(json) {}

  /// `text` is how the person named it.
  void add(const ObjectId& id, const std::string& text, const Result<void>& done) {
    Json row = {{"id", id.hex()}};
    if (done) {
      row["done"] = std::string(past_);
      if (!json_) fmt::print("{} {}\n", past_, id.hex());
    } else {
      const Error error = as_named(done.error(), text);
      row["error"] = error.message;
      row["code"] = to_string(error.code);
      fail(error);
    }
    rows_.push_back(std::move(row));
  }

  /// The status of the failures' kind, when they are of one kind.
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

/// All ids are understood before the first deed is done; one that fails does not keep the others from being done.
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
                 fmt::format("to evict \"{}\" frees nothing: give a size such as 64MiB, or all", text)};
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

/// Asks on the terminal; without one there is nobody to ask, and scripts go on.
bool is_confirmed(const std::string& socket, std::uint64_t objects) {
  if (::isatty(STDIN_FILENO) == 0 || ::isatty(STDERR_FILENO) == 0) return true;
  fmt::print(stderr, "Remove all {} of the store at {}, pinned ones too? [y/N] ", counted(objects, "object"),
             printable(socket));
  std::string answer;
  for (int c = std::getchar(); c != EOF && c != '\n'; c = std::getchar())
    if (c != ' ' && c != '\t' && c != '\r') answer += static_cast<char>(std::tolower(c));
  return answer == "y" || answer == "yes";
}

Result<void> clear(const Globals& globals, bool yes) {
  const auto client = connect(globals, Access::read_write);
  if (!client) return client.error();
  const Result<StoreStats> before = (*client)->stats();
  if (!before) return before.error();
  if (!yes && before->total_objects != 0 && !is_confirmed(globals.socket, before->total_objects))
    return Error{Errc::system_error, "nothing was removed: the answer was not \"y\" (--yes asks nothing)"};
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

}  // namespace

void add_keep_verbs(CommandLine& line) {
  add_deed(line, "pin", "pinned", "keep objects from being evicted and from expiring, until unpin", pin);
  add_deed(line, "unpin", "unpinned", "let objects be evicted and expire again", unpin);
  add_deed(line, "remove", "removed", "remove objects: gone at once, memory back at the last release", remove);
  const auto size = std::make_shared<std::string>();
  line.add("evict", "evict objects that nobody uses, coldest first, until so much is freed",
           [size](const Globals& globals) { return evict(globals, *size); })
      .required("size", *size, "SIZE", "such as 64MiB, or all");
  const auto yes = std::make_shared<bool>(false);
  line.add("clear", "remove every object, pinned ones too", [yes](const Globals& g) { return clear(g, *yes); })
      .flag("-y,--yes", *yes, "do not ask; without a terminal nothing is asked anyway");
}

}  // namespace dolium::cli
