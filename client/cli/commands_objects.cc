// put, get, take and wait: write bytes into the store, read them, take them out, and wait for objects.

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <limits>
#include <optional>
#include <utility>

#include "client/cli/file.h"
#include "client/cli/ids.h"
#include "client/cli/json_text.h"
#include "client/cli/printable.h"
#include "client/cli/verbs.h"
#include "shm/types/type_names.h"

namespace dolium::cli {
namespace {

// ---- put ----

struct PutOptions {
  std::string file = "-";
  std::string id;
  std::string name;
  bool pinned = false;
  bool keep = false;
  std::chrono::milliseconds time_to_live{0};  // 0: none
  std::chrono::milliseconds time_to_idle{0};
  std::chrono::milliseconds grace{0};
  std::size_t grace_readers = 1;
  std::string type_name;
  Timeout timeout = no_wait;
  std::string label;
};

/// A name is the label, too, if it can be one.
std::string_view label_for(const PutOptions& options) {
  if (!options.label.empty()) return options.label;
  return options.name.size() <= kMaxLabel && is_utf8(options.name) ? std::string_view(options.name) : "";
}

Result<ObjectId> id_for(const PutOptions& options) {
  if (!options.name.empty()) return ObjectId::from_name(options.name);
  if (options.id.empty()) return ObjectId::random();
  const Result<ObjectId> id = ObjectId::from_hex(options.id);
  if (id) return id;
  return Error{
      Errc::invalid_argument,
      fmt::format("--id: \"{}\" is not an object id, which has {} hexadecimal digits; --name makes an id from any text",
                  options.id, 2 * ObjectId::kSize)};
}

/// Options and type must outlive the result.
CreateOptions create_options(const PutOptions& options, const NamedType& type) {
  CreateOptions out;
  out.pinned = options.pinned;
  if (options.keep) out.retention = Retention::keep;
  out.type_tag = type.tag;
  out.type_name = type.name;
  out.time_to_live = options.time_to_live;
  out.time_to_idle = options.time_to_idle;
  out.grace = options.grace;
  out.grace_readers = static_cast<std::uint32_t>(options.grace_readers);
  out.timeout = options.timeout;
  out.label = label_for(options);
  return out;
}

/// The number of bytes left to read, if it is known in advance: that of a regular file, from its current position.
std::optional<std::uint64_t> known_size(const File& file) {
  struct stat status {};
  if (::fstat(file.fd(), &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  const off_t position = ::lseek(file.fd(), 0, SEEK_CUR);
  // Files in /proc have size 0, but have content.
  if (position < 0 || status.st_size == 0) return std::nullopt;
  return static_cast<std::uint64_t>(std::max<off_t>(0, status.st_size - position));
}

/// Reads the file directly into the store's memory.
Result<void> fill(ObjectBuilder& builder, const File& file) {
  std::span<std::byte> rest = builder.data();
  while (!rest.empty()) {
    const Result<std::size_t> count = file.read(rest);
    if (!count) return count.error();
    if (*count == 0) return Error{Errc::system_error, fmt::format("{} was truncated while it was read", file.name())};
    rest = rest.subspan(*count);
  }
  return {};
}

/// Reads the whole file; too_large if it has more than `limit` bytes.
Result<std::vector<std::byte>> read_all(const File& file, std::uint64_t limit) {
  std::vector<std::byte> bytes;
  for (;;) {
    const std::size_t size = bytes.size();
    if (size > limit)
      return Error{Errc::too_large,
                   fmt::format("{} has more bytes than the store's capacity of {} bytes", file.name(), limit)};
    bytes.resize(size + File::kChunk);
    const Result<std::size_t> count = file.read(std::span(bytes).subspan(size));
    if (!count) return count.error();
    bytes.resize(size + *count);
    if (*count == 0) return bytes;
  }
}

/// `valid`: of the bytes. An error of the command line.
Result<void> as_type_option(const Result<void>& valid) {
  if (valid) return {};
  return Error{valid.error().code, fmt::format("--type: {}", valid.error().message)};
}

/// Puts a file whose size is known.
Result<std::uint64_t> store(Client& client, const File& file, std::uint64_t size, const ObjectId& id,
                            const CreateOptions& options) {
  // Before the create, which may evict other objects.
  if (auto fits = as_type_option(check_value_size(options.type_name, size)); !fits) return std::move(fits).error();
  Result<ObjectBuilder> builder = client.create(id, size, options);
  if (!builder) return builder.error();
  if (auto filled = fill(*builder, file); !filled) return std::move(filled).error();
  if (auto valid = as_type_option(check_value(options.type_name, builder->data())); !valid)
    return std::move(valid).error();
  const Result<ObjectId> sealed = builder->seal();
  return sealed ? size : Result<std::uint64_t>(sealed.error());
}

/// Puts the file. Returns its size.
Result<std::uint64_t> store(Client& client, const File& file, const ObjectId& id, const CreateOptions& options) {
  if (const auto size = known_size(file)) return store(client, file, *size, id, options);
  const Result<StoreStats> stats = client.stats();
  if (!stats) return stats.error();
  const Result<std::vector<std::byte>> bytes = read_all(file, stats->capacity);
  if (!bytes) return bytes.error();
  if (auto valid = as_type_option(check_value(options.type_name, *bytes)); !valid) return std::move(valid).error();
  const Result<void> put = client.put(id, *bytes, options);
  return put ? bytes->size() : Result<std::uint64_t>(put.error());
}

Result<void> put(const Globals& globals, const PutOptions& options) {
  const Result<ObjectId> id = id_for(options);
  if (!id) return id.error();
  if (options.type_name == "[]")
    return Error{Errc::invalid_argument, "--type: \"[]\" lacks the type of its elements: write f64[], or NAME[]"};
  const Result<File> file =
      options.file == "-" ? File::standard(STDIN_FILENO, "standard input") : File::open(options.file, O_RDONLY);
  if (!file) return file.error();
  const auto client = connect(globals, Access::read_write);
  if (!client) return client.error();
  const NamedType type = type_called(options.type_name);
  const Result<std::uint64_t> size = store(**client, *file, *id, create_options(options, type));
  if (!size) return options.name.empty() ? size.error() : as_named(size.error(), "name:" + options.name);
  if (globals.json)
    print_json({{"id", id->hex()}, {"data_size", *size}});
  else
    fmt::print("{}\n", id->hex());
  return {};
}

// ---- get ----

struct GetOptions {
  std::string id;
  std::string output = "-";
  Timeout timeout = no_wait;
};

Result<void> check_output(const Globals& globals, const GetOptions& options) {
  if (!globals.json || options.output != "-") return {};
  return Error{Errc::invalid_argument, "--json needs -o FILE, because standard output is for the object's bytes"};
}

Result<void> write_out(const Globals& globals, const GetOptions& options, const Object& object, File file) {
  if (auto written = file.write(object.data()); !written) return written;
  if (auto closed = file.close(); !closed) return closed;
  if (globals.json)
    print_json({{"id", object.id().hex()}, {"data_size", object.data().size()}, {"file", options.output}});
  if (options.output == "-" && ::isatty(STDOUT_FILENO) != 0 && !is_text(object.data()))
    print_message("dolium: warning: the object is not text; use -o FILE to write it to a file\n");
  return {};
}

Result<void> get(const Globals& globals, const GetOptions& options) {
  if (auto valid = check_output(globals, options); !valid) return valid;
  const auto client = connect(globals, Access::read_only);
  if (!client) return client.error();
  const Result<ObjectId> id = resolve(**client, options.id);
  if (!id) return id.error();
  const Result<Object> object = (*client)->get_raw(*id, options.timeout);
  if (!object) return as_named(object.error(), options.id);
  Result<File> file = options.output == "-" ? File::standard(STDOUT_FILENO, "standard output")
                                            : File::open(options.output, O_WRONLY | O_CREAT | O_TRUNC);
  if (!file) return file.error();
  return write_out(globals, options, *object, *std::move(file));
}

// ---- take ----

/// Where a taken object goes. It is opened before the object is removed, since that cannot be undone, and emptied
/// after.
class Destination {
 public:
  [[nodiscard]] static Result<Destination> open(const std::string& path) {
    if (path == "-") return Destination(File::standard(STDOUT_FILENO, "standard output"), {});
    if (Result<File> made = File::open(path, O_WRONLY | O_CREAT | O_EXCL)) return Destination(*std::move(made), path);
    Result<File> there = File::open(path, O_WRONLY | O_CREAT);
    if (!there) return std::move(there).error();
    return Destination(*std::move(there), {});
  }
  /// Precondition: there is something to write.
  [[nodiscard]] Result<File> emptied() {
    if (auto truncated = file_.truncate(); !truncated) return std::move(truncated).error();
    return std::move(file_);
  }
  /// There is nothing to write: a file that was not there before is removed again.
  void forget() const {
    if (!made_.empty()) ::unlink(made_.c_str());
  }

 private:
  Destination(File file, std::string made) : file_(std::move(file)), made_(std::move(made)) {}

  File file_;
  std::string made_;  // the path of a file that open() created
};

/// A failure after the object was taken.
Error as_lost(const Error& error, const ObjectId& id) {
  return {error.code,
          fmt::format("{}; object {} was taken before that, and is in the store no more", error.message, id.hex())};
}

Result<void> take(const Globals& globals, const GetOptions& options) {
  if (auto valid = check_output(globals, options); !valid) return valid;
  const auto client = connect(globals, Access::read_write);
  if (!client) return client.error();
  const Result<ObjectId> id = resolve(**client, options.id);
  if (!id) return id.error();
  Result<Destination> destination = Destination::open(options.output);
  if (!destination) return destination.error();
  const Result<Object> object = (*client)->take_raw(*id, options.timeout);
  if (!object) {
    destination->forget();
    return as_named(object.error(), options.id);
  }
  Result<File> file = destination->emptied();
  const Result<void> written =
      file ? write_out(globals, options, *object, *std::move(file)) : Result<void>(std::move(file).error());
  return written ? written : Result<void>(as_lost(written.error(), *id));
}

// ---- wait ----

struct WaitOptions {
  std::vector<std::string> ids;
  std::size_t count = 0;  // 0: all of them
  Timeout timeout = no_wait;
};

Outcome wait(const Globals& globals, const WaitOptions& options) {
  const auto client = connect(globals, Access::read_only);
  if (!client) return client.error();
  const Result<std::vector<ObjectId>> ids = resolve(**client, options.ids);
  if (!ids) return ids.error();
  const std::size_t wanted = options.count == 0 ? ids->size() : options.count;
  const Result<std::vector<bool>> there = (*client)->wait(*ids, wanted, options.timeout);
  if (!there) return there.error();
  Json rows = Json::array();
  for (std::size_t i = 0; i < ids->size(); ++i) {
    rows.push_back({{"id", (*ids)[i].hex()}, {"present", static_cast<bool>((*there)[i])}});
    if (!globals.json && (*there)[i]) fmt::print("{}\n", (*ids)[i].hex());
  }
  if (globals.json) print_json(rows);
  const auto found = static_cast<std::size_t>(std::ranges::count(*there, true));
  if (found >= wanted) return {};
  return Outcome(ExitStatus::timed_out,
                 {Errc::timed_out, fmt::format("only {} of {} objects were there in time; {} were requested", found,
                                               ids->size(), wanted)},
                 true);
}

void add_wait(CommandLine& line) {
  const auto options = std::make_shared<WaitOptions>();
  line.add("wait", "wait until objects are there; print the ids of those that are",
           [options](const Globals& globals) { return wait(globals, *options); })
      .required("id", options->ids, "ID...", "the objects")
      .number("--count", options->count, "number of objects to wait for (default: all)", 1)
      .timeout("--timeout", options->timeout, "maximum time to wait, for example 10s, or forever");
}

void add_put(CommandLine& line) {
  const auto options = std::make_shared<PutOptions>();
  line.add("put", "put a file, or standard input, into the store; print the new object's id",
           [options](const Globals& globals) { return put(globals, *options); })
      .text("file", options->file, "FILE", "the file; '-' or none: standard input")
      .text("--id", options->id, "HEX", "the object's id, 40 digits (default: random)")
      .text("--name", options->name, "NAME", "derive the id from a name, and set the label to it; name:NAME finds it")
      .text("--label", options->label, "TEXT", "the object's label, at most 255 bytes; list and remove filter by it",
            kMaxLabel)
      .not_both("--name", "--id")
      .flag("--pin", options->pinned, "pin the object: keep it until unpin")
      .flag("--keep", options->keep,
            "write the object to disk before its memory is used for others ([spill] directory)")
      .duration("--ttl", options->time_to_live, "time to live, for example 10min")
      .duration("--tti", options->time_to_idle, "time to idle: expires this long after the last access")
      .duration("--grace", options->grace,
                "do not evict the object until other clients have got it or this time has passed, at most 1h")
      .number("--grace-readers", options->grace_readers, "number of clients whose gets end the grace", 1,
              std::numeric_limits<std::uint32_t>::max())
      .text("--type", options->type_name, "NAME",
            "type name, also for get<T>(): f64, i32[], utf8, or the name of a Codec; the bytes must be of that type",
            kMaxTypeName)
      .timeout("--timeout", options->timeout, "maximum time to wait for room, for example 10s, or forever");
}

void add_get(CommandLine& line) {
  const auto options = std::make_shared<GetOptions>();
  line.add("get", "write an object's bytes to standard output",
           [options](const Globals& globals) { return get(globals, *options); })
      .required("id", options->id, "ID", "the object")
      .text("-o,--output", options->output, "FILE", "write to this file instead")
      .timeout("--timeout", options->timeout, "maximum time to wait for the object, for example 10s, or forever");
}

void add_take(CommandLine& line) {
  const auto options = std::make_shared<GetOptions>();
  line.add("take", "write an object's bytes to standard output, and remove it from the store, in one step",
           [options](const Globals& globals) { return take(globals, *options); })
      .required("id", options->id, "ID", "the object")
      .text("-o,--output", options->output, "FILE", "write to this file instead")
      .timeout("--timeout", options->timeout, "maximum time to wait for the object, for example 10s, or forever");
}

}  // namespace

void add_object_verbs(CommandLine& line) {
  add_put(line);
  add_get(line);
  add_take(line);
  add_wait(line);
}

}  // namespace dolium::cli
