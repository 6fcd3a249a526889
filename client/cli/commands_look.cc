// list and inspect: the objects in the store.

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <optional>

#include "client/cli/client_names.h"
#include "client/cli/ids.h"
#include "client/cli/json_text.h"
#include "client/cli/object_filter.h"
#include "client/cli/printable.h"
#include "client/cli/stats_report.h"
#include "client/cli/table.h"
#include "client/cli/tier_report.h"
#include "client/cli/time_text.h"
#include "client/cli/verbs.h"
#include "shm/text/size_text.h"

namespace dolium::cli {
namespace {

using SystemClock = std::chrono::system_clock;
using std::chrono::milliseconds;

/// Maximum width of a type's name in the table. inspect shows the whole name.
constexpr std::size_t kTypeColumns = 32;
/// Maximum width of a label in the table. inspect shows the whole label.
constexpr std::size_t kLabelColumns = 40;
constexpr std::size_t kPreviewBytes = 64;
/// Where the column of the spill tier stands, if there is one: behind STATE.
constexpr std::ptrdiff_t kDiskColumn = 3;

struct ListOptions {
  std::string order = "age";  // size, age or access
  bool reverse = false;
  std::size_t limit = 0;
  bool full_ids = false;
  FilterOptions filter;
};

milliseconds since(SystemClock::time_point moment) {
  return std::max(milliseconds(0), std::chrono::duration_cast<milliseconds>(SystemClock::now() - moment));
}

const char* state_of(const ObjectMetadata& object) {
  return object.state == ObjectState::sealed ? "sealed" : "unsealed";
}

std::string type_of(const ObjectMetadata& object) {
  if (!object.type_name.empty()) return printable(object.type_name, kTypeColumns);
  return object.type_tag == 0 ? "" : fmt::format("{:016x}", object.type_tag);
}

std::string age_of_access(const ObjectMetadata& object) {
  return object.state == ObjectState::sealed ? format_duration(since(object.last_accessed)) : "-";
}

void sort(std::vector<ObjectMetadata>& objects, const ListOptions& options) {
  const auto size = [](const ObjectMetadata& object) { return object.data_size + object.metadata_size; };
  if (options.order == "size")
    std::ranges::stable_sort(objects, std::ranges::greater(), size);
  else if (options.order == "age")
    std::ranges::stable_sort(objects, {}, &ObjectMetadata::created_at);
  else
    std::ranges::stable_sort(objects, {}, &ObjectMetadata::last_accessed);
  if (options.reverse) std::ranges::reverse(objects);
}

bool is_on_disk(const ObjectMetadata& object) {
  return object.place == ObjectPlace::disk || object.place == ObjectPlace::reading_back;
}

const char* keeps_text(const ObjectMetadata& object) {
  if (object.is_pinned) return "pinned";
  return object.grace_left.count() != 0 ? "grace" : "";
}

Table list_table(std::span<const ObjectMetadata> objects, std::size_t digits) {
  using enum Table::Align;
  const bool kept = std::ranges::any_of(objects, [](const auto& each) { return each.retention == Retention::keep; });
  std::vector<Table::Column> columns = {
      {"ID"},         {"SIZE", right},        {"STATE"}, {"REFS", right},    {"PINNED"},
      {"AGE", right}, {"LAST ACCESS", right}, {"TYPE"},  {"CREATOR", right}, {"LABEL"}};
  if (kept) columns.insert(columns.begin() + kDiskColumn, {"DISK"});
  Table table(std::move(columns));
  for (const ObjectMetadata& object : objects) {
    std::vector<std::string> row = {object.id.hex().substr(0, digits),
                                    format_size(object.data_size + object.metadata_size),
                                    state_of(object),
                                    fmt::format("{}", object.ref_count),
                                    keeps_text(object),
                                    format_duration(since(object.created_at)),
                                    age_of_access(object),
                                    type_of(object),
                                    pid_text(object.creator_pid),
                                    printable(object.label, kLabelColumns)};
    if (kept) row.insert(row.begin() + kDiskColumn, tier_word(object));
    table.add(std::move(row));
  }
  return table;
}

void print_list(std::span<const ObjectMetadata> all, std::span<const ObjectMetadata> shown, bool full_ids) {
  if (!shown.empty())
    fmt::print("{}", list_table(shown, full_ids ? 2 * ObjectId::kSize : digits_to_tell_apart(all)).text());
  std::uint64_t bytes = 0, on_disk = 0;
  for (const ObjectMetadata& object : all) {
    bytes += object.data_size + object.metadata_size;
    if (is_on_disk(object)) on_disk += object.data_size + object.metadata_size;
  }
  const std::string disk = on_disk == 0 ? "" : fmt::format(", {} of it on disk only", format_size(on_disk));
  const std::string cut = shown.size() < all.size() ? fmt::format(" ({} shown)", shown.size()) : "";
  fmt::print("{}, {}{}{}\n", counted(all.size(), "object"), format_size(bytes), disk, cut);
}

Result<void> list(const Globals& globals, const ListOptions& options) {
  const auto client = connect(globals, Access::read_only);
  if (!client) return client.error();
  Result<std::vector<ObjectMetadata>> objects = (*client)->list(filter_of(options.filter));
  if (!objects) return objects.error();
  sort(*objects, options);
  const std::size_t count = options.limit == 0 ? objects->size() : std::min(options.limit, objects->size());
  const auto shown = std::span<const ObjectMetadata>(*objects).first(count);
  if (!globals.json) {
    print_list(*objects, shown, options.full_ids);
    return {};
  }
  Json array = Json::array();
  for (const ObjectMetadata& object : shown) array.push_back(to_json(object));
  print_json(array);
  return {};
}

// ---- inspect ----

struct InspectOptions {
  std::string id;
  bool preview = true;
};

std::string moment(SystemClock::time_point time) {
  if (time.time_since_epoch().count() == 0) return "not yet";
  return fmt::format("{} ({} ago)", format_local(time), format_duration(since(time)));
}

std::string lifetime(milliseconds duration) {
  return duration.count() == 0 ? "none" : format_duration(duration);
}

std::string grace_text(const ObjectMetadata& object) {
  if (object.grace_left.count() == 0) return "none";
  return fmt::format(
      "{}kept {} more, or until got by {} more {}",
      object.state == ObjectState::sealed ? "" : "from the seal on: ", format_duration(object.grace_left),
      object.grace_readers_left, object.grace_readers_left == 1 ? "client" : "clients");
}

std::string exact(std::uint64_t bytes) {
  return bytes < 1024 ? fmt::format("{} B", bytes) : fmt::format("{} ({} bytes)", format_size(bytes), grouped(bytes));
}

std::string creator_text(const ObjectMetadata& object) {
  if (object.creator_pid == 0) return "a process that is not visible in the daemon's PID namespace";
  if (object.creator_command.empty()) return fmt::format("pid {}, no longer connected", object.creator_pid);
  return fmt::format("{} (pid {})", printable(object.creator_command), object.creator_pid);
}

/// "python3 (pid 12, "loader"): 3 references; sh (pid 13): 1 reference"
std::string users(const std::vector<ClientUse>& uses, bool with_references) {
  std::vector<std::string> parts;
  for (const ClientUse& use : uses) {
    const std::string count = with_references ? ": " + counted(use.references, "reference") : "";
    parts.push_back(who(use) + count);
  }
  const std::string more = uses.size() == ObjectMetadata::kMaxUses ? "; perhaps more" : "";
  return fmt::format("{}{}", fmt::join(parts, "; "), more);
}

Table description(const ObjectMetadata& object) {
  Table table({{""}, {""}});
  table.add({"id", object.id.hex()});
  table.add({"state", state_of(object)});
  table.add({"data", exact(object.data_size)});
  table.add({"metadata", exact(object.metadata_size)});
  const bool unread = is_on_disk(object) && object.type_name.empty() && object.label.empty();
  const char* unnamed = object.type_tag == 0 ? "raw bytes" : unread ? "on disk, not read" : "has no name";
  table.add({"type", object.type_name.empty() ? unnamed : printable(object.type_name)});
  table.add({"label", object.label.empty() ? unread ? "on disk, not read" : "none" : printable(object.label)});
  table.add({"type tag", fmt::format("{:016x}", object.type_tag)});
  table.add({"references", fmt::format("{}", object.ref_count)});
  table.add({"retention", std::string(to_string(object.retention))});
  table.add({"where", place_text(object)});
  table.add({"pinned", object.is_pinned ? "yes: kept until unpin" : "no"});
  table.add({"grace", grace_text(object)});
  table.add({"created", moment(object.created_at)});
  table.add({"sealed", moment(object.sealed_at)});
  table.add({"last access", moment(object.last_accessed)});
  table.add({"time to live", lifetime(object.time_to_live)});
  table.add({"time to idle", lifetime(object.time_to_idle)});
  table.add({"creator", creator_text(object)});
  if (!object.holders.empty()) table.add({"held by", printable(users(object.holders, true))});
  if (!object.waiters.empty()) table.add({"waited for by", printable(users(object.waiters, false))});
  return table;
}

std::span<const std::byte> beginning(std::span<const std::byte> bytes) {
  return bytes.first(std::min(kPreviewBytes, bytes.size()));
}

void print_preview(std::string_view what, std::span<const std::byte> bytes) {
  if (bytes.empty()) return;
  const auto shown = beginning(bytes);
  fmt::print("\n{}{}:\n{}", what, shown.size() < bytes.size() ? fmt::format(", first {} bytes", shown.size()) : "",
             hex_lines(shown, "  "));
}

std::string hex_of(std::span<const std::byte> bytes) {
  std::string out;
  for (const std::byte byte : beginning(bytes)) out += fmt::format("{:02x}", std::to_integer<unsigned>(byte));
  return out;
}

/// The names of an object that was on disk: they came with its bytes.
void add_names(Client& client, ObjectMetadata& object) {
  const Result<ObjectMetadata> now = client.metadata(object.id);
  if (!now) return;
  object.type_name = now->type_name;
  object.label = now->label;
}

Result<void> inspect(const Globals& globals, const InspectOptions& options) {
  const auto client = connect(globals, Access::read_only);
  if (!client) return client.error();
  const Result<ObjectId> id = resolve(**client, options.id);
  if (!id) return id.error();
  // Read the metadata before the preview, because the preview is a get and changes them.
  Result<ObjectMetadata> object = (*client)->metadata(*id);
  if (!object) return as_named(object.error(), options.id);
  std::optional<Object> bytes;
  std::string unread;  // why an object on disk could not be read
  const bool in_grace = object->grace_left.count() != 0;
  if (options.preview && !in_grace) {
    if (Result<Object> got = (*client)->get_raw(*id))
      bytes = *std::move(got);
    else
      unread = got.error().message;
  }
  if (bytes && is_on_disk(*object)) add_names(**client, *object);
  if (globals.json) {
    Json json = to_json(*object);
    json.set("creator_command", object->creator_command);
    json.set("holders", to_json(object->holders));
    json.set("waiters", to_json(object->waiters));
    json.set("data_preview_hex", bytes ? Json(hex_of(bytes->data())) : Json());
    json.set("metadata_preview_hex", bytes ? Json(hex_of(bytes->metadata())) : Json());
    print_json(json);
    return {};
  }
  fmt::print("{}", description(*object).text());
  if (bytes) {
    print_preview("data", bytes->data());
    print_preview("metadata", bytes->metadata());
  }
  if (is_on_disk(*object) && !unread.empty()) fmt::print("\nno preview: {}\n", printable(unread));
  if (options.preview && in_grace)
    fmt::print("\nno preview: to read the object would count as a get, and could end its grace\n");
  return {};
}

void add_list(CommandLine& line) {
  const auto options = std::make_shared<ListOptions>();
  VerbOptions verb = line.add("list", "list the objects, oldest first",
                              [options](const Globals& globals) { return list(globals, *options); });
  add_filter(verb, options->filter);
  verb.one_of("--sort", options->order, {"size", "age", "access"}, "ORDER",
              "size, age or access: largest, oldest or longest unused first")
      .flag("--reverse", options->reverse, "reverse the order")
      .number("--limit", options->limit, "maximum number of objects; 0: all")
      .flag("--full-ids", options->full_ids, "show all 40 digits, instead of a unique prefix");
}

void add_inspect(CommandLine& line) {
  const auto options = std::make_shared<InspectOptions>();
  line.add("inspect", "show one object's details and its first bytes",
           [options](const Globals& globals) { return inspect(globals, *options); })
      .required("id", options->id, "ID", "the object")
      .flag("!--no-preview", options->preview,
            "do not read the object (reading counts as an access, and reads an object on disk back; an object in a "
            "grace is not read)");
}

}  // namespace

void add_look_verbs(CommandLine& line) {
  add_list(line);
  add_inspect(line);
}

}  // namespace dolium::cli
