// spill status, verify, compact, forget: the spill tier, for operators.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <thread>

#include "client/cli/json_text.h"
#include "client/cli/printable.h"
#include "client/cli/tier_report.h"
#include "client/cli/time_text.h"
#include "client/cli/verbs.h"
#include "shm/text/did_you_mean.h"
#include "shm/text/size_text.h"

namespace dolium::cli {
namespace {

constexpr std::chrono::milliseconds kLookPause{100};
constexpr std::array<std::string_view, 4> kCommands = {"status", "verify", "compact", "forget"};

struct SpillOptions {
  std::string command;
  Timeout timeout = wait_forever;
  bool list = false;
  bool yes = false;
};

Result<StoreStats> stats_with_tier(Client& client) {
  Result<StoreStats> stats = client.stats();
  if (stats && !stats->tier)
    return Error{Errc::tier_unavailable, "this store has no spill tier: give doliumd a [spill] directory"};
  return stats;
}

Outcome status(const Globals& globals) {
  const auto client = connect(globals, Access::read_only);
  if (!client) return client.error();
  const Result<StoreStats> stats = stats_with_tier(**client);
  if (!stats) return stats.error();
  if (!globals.json) {
    fmt::print("{}", tier_text(*stats, ""));
    return {};
  }
  Json json = to_json(*stats->tier);
  for (const auto& [key, value] : {std::pair{"dirty_count", stats->dirty_count},
                                   {"dirty_bytes", stats->dirty_bytes},
                                   {"clean_count", stats->clean_count},
                                   {"clean_bytes", stats->clean_bytes},
                                   {"spilled_count", stats->spilled_count},
                                   {"spilled_bytes", stats->spilled_bytes},
                                   {"reading_count", stats->reading_count},
                                   {"spill_count", stats->spill_count},
                                   {"read_back_count", stats->read_back_count}})
    json.set(key, value);
  print_json(json);
  return {};
}

// ---- orders ----

/// Waits for its end, and collects what is damaged. An order goes on if this command ends, by Ctrl-C or its deadline.
Result<SpillOrder> carry_out(Client& client, SpillOrderKind kind, Timeout timeout) {
  const auto begun = std::chrono::steady_clock::now();
  Result<SpillOrder> order = client.begin_spill_order(kind);
  std::vector<ObjectId> damaged;
  while (order) {
    damaged.insert(damaged.end(), order->damaged.begin(), order->damaged.end());
    const bool told_all = order->damaged.empty() || damaged.size() >= order->damaged_count;
    if (order->finished && told_all) break;
    if (!order->finished && !timeout.is_forever() && std::chrono::steady_clock::now() - begun >= timeout.duration())
      return Error{Errc::timed_out, fmt::format("it has not finished in time, and goes on: {} and {} so far",
                                                counted(order->records, "record"), format_size(order->bytes))};
    if (told_all) std::this_thread::sleep_for(kLookPause);
    order = client.spill_order(order->number, damaged.size());
  }
  if (!order) return order;
  order->damaged = std::move(damaged);
  if (!order->error.empty()) return Error{Errc::system_error, "it has ended early: " + order->error};
  return order;
}

Json order_json(const SpillOrder& order) {
  Json damaged = Json::array();
  for (const ObjectId& id : order.damaged) damaged.push_back(id.hex());
  return {{"records", order.records},
          {"bytes", order.bytes},
          {"duration_ms", order.age.count()},
          {"damaged_count", order.damaged_count},
          {"damaged", damaged}};
}

Outcome verify(const Globals& globals, const SpillOptions& options) {
  const auto client = connect(globals, Access::read_write);
  if (!client) return client.error();
  const Result<SpillOrder> order = carry_out(**client, SpillOrderKind::verify, options.timeout);
  if (!order) return order.error();
  if (globals.json) {
    print_json(order_json(*order));
  } else {
    for (const ObjectId& id : order->damaged) fmt::print("damaged {}\n", id.hex());
    fmt::print("verified {}, {}, in {}: {}\n", counted(order->records, "record"), format_size(order->bytes),
               format_duration(order->age),
               order->damaged_count == 0 ? "all are intact" : fmt::format("{} damaged", grouped(order->damaged_count)));
  }
  if (order->damaged_count == 0) return {};
  return {ExitStatus::problems_found,
          {Errc::system_error,
           fmt::format("{} on the disk do not match their checksums", counted(order->damaged_count, "record"))},
          true};
}

Outcome compact(const Globals& globals, const SpillOptions& options) {
  const auto client = connect(globals, Access::read_write);
  if (!client) return client.error();
  const Result<SpillOrder> order = carry_out(**client, SpillOrderKind::compact, options.timeout);
  if (!order) return order.error();
  if (globals.json)
    print_json({{"freed_bytes", order->bytes}, {"duration_ms", order->age.count()}});
  else
    fmt::print("freed {} on the disk, in {}\n", format_size(order->bytes), format_duration(order->age));
  return {};
}

// ---- forget ----

/// The objects that would be lost. Prints them.
Result<void> list_lost(Client& client, bool json) {
  const Result<std::vector<ObjectMetadata>> objects = client.list();
  if (!objects) return objects.error();
  for (const ObjectMetadata& object : *objects)
    if (!json && (object.place == ObjectPlace::disk || object.place == ObjectPlace::reading_back))
      fmt::print("{}\n", object.id.hex());
  return {};
}

Outcome forget(const Globals& globals, const SpillOptions& options) {
  const auto client = connect(globals, Access::read_write);
  if (!client) return client.error();
  const Result<StoreStats> stats = stats_with_tier(**client);
  if (!stats) return stats.error();
  const SpillTierStats& tier = *stats->tier;
  if ((tier.state == SpillTierState::ready || tier.state == SpillTierState::catalogue) &&
      tier.read_errors + tier.write_errors == 0)
    return Error{
        Errc::invalid_argument,
        fmt::format("the spill tier is {}: there is nothing to forget. This command is for a disk that is lost "
                    "for good; `dolium clear` removes all objects",
                    state_text(tier))};
  const std::string lost =
      fmt::format("{}, {}", counted(stats->spilled_count, "object"), format_size(stats->spilled_bytes));
  if (options.list)
    if (auto listed = list_lost(**client, globals.json); !listed) return listed;
  if (!options.yes)
    return Error{
        Errc::invalid_argument,
        fmt::format("this loses all objects that are only on the disk: {} ({}). Objects that are in memory, too, "
                    "stay. --yes does it; --list prints their ids",
                    lost, state_text(tier))};
  const Result<ForgottenSpill> forgotten = (*client)->forget_spilled();
  if (!forgotten) return forgotten.error();
  if (globals.json)
    print_json({{"lost_count", forgotten->lost_count},
                {"lost_bytes", forgotten->lost_bytes},
                {"dirty_count", forgotten->dirty_count}});
  else
    fmt::print("lost {}, {}; {} in memory will be written to disk\n", counted(forgotten->lost_count, "object"),
               format_size(forgotten->lost_bytes), counted(forgotten->dirty_count, "object"));
  return {};
}

Outcome spill(const Globals& globals, const SpillOptions& options) {
  if (options.command != "forget" && (options.list || options.yes))
    return Error{Errc::invalid_argument, "--list and --yes belong to spill forget"};
  if (options.command == "status") return status(globals);
  if (options.command == "verify") return verify(globals, options);
  if (options.command == "compact") return compact(globals, options);
  if (options.command == "forget") return forget(globals, options);
  return Error{Errc::invalid_argument,
               fmt::format("\"{}\" is not one of {}{} (see dolium spill --help)", options.command,
                           fmt::join(kCommands, ", "), did_you_mean(options.command, kCommands))};
}

}  // namespace

void add_spill(CommandLine& line) {
  const auto options = std::make_shared<SpillOptions>();
  line.add("spill",
           "show or manage the spill directory: status; verify (read all records; exit status 8 if one is damaged); "
           "compact (free the space of removed objects); forget (give up a disk that is lost for good)",
           [options](const Globals& globals) { return spill(globals, *options); })
      .required("command", options->command, "COMMAND", "status, verify, compact or forget")
      .timeout("--timeout", options->timeout, "verify, compact: maximum time to wait for the end, such as 10min")
      .flag("--list", options->list, "forget: print the ids of the lost objects")
      .flag("-y,--yes", options->yes, "forget: remove the lost objects");
}

}  // namespace dolium::cli
