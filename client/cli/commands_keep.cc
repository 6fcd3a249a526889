// pin, unpin, remove, evict, clear: what stays and what goes.

#include <fmt/format.h>

#include <limits>
#include <optional>

#include "client/cli/ids.h"
#include "client/cli/json_text.h"
#include "client/cli/printable.h"
#include "client/cli/verbs.h"
#include "client/types/size_text.h"

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

/// All ids are understood before the first deed is done; one that fails keeps nobody from the others.
Result<void> do_to_each(const Globals& globals, const std::vector<std::string>& texts, std::string_view past,
                        Deed deed) {
  const auto client = connect(globals, Access::read_write);
  if (!client) return client.error();
  const Result<std::vector<ObjectId>> ids = resolve(**client, texts);
  if (!ids) return ids.error();
  Json array = Json::array();
  std::optional<Error> failure;
  for (const ObjectId& id : *ids) {
    const Result<void> done = deed(**client, id);
    Json row = {{"id", id.hex()}};
    row[done ? "done" : "error"] = done ? std::string(past) : done.error().message;
    array.push_back(std::move(row));
    if (done && !globals.json) fmt::print("{} {}\n", past, id.hex());
    if (done) continue;
    if (failure)
      failure->message += "; " + done.error().message;
    else
      failure = done.error();
  }
  if (globals.json) print_json(array);
  return failure ? Result<void>(*failure) : Result<void>();
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

Result<void> clear(const Globals& globals) {
  const auto client = connect(globals, Access::read_write);
  if (!client) return client.error();
  const Result<StoreStats> before = (*client)->stats();
  if (!before) return before.error();
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
  line.add("clear", "remove every object, pinned ones too", clear);
}

}  // namespace dolium::cli
