#include "tests/demo/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>

#include "shm/text/size_text.h"
#include "tests/demo/digest.h"

namespace dolium::demo {

void Report::check(bool ok, std::string what, std::string found) {
  lines_.push_back({ok ? "ok" : "FAILED", std::move(what), std::move(found)});
  all_ok_ = all_ok_ && ok;
}

void Report::tell(std::string what, std::string found) {
  lines_.push_back({"", std::move(what), std::move(found)});
}

void Report::print() const {
  std::size_t width = 0;
  for (const Line& line : lines_) width = std::max(width, line.what.size());
  for (const Line& line : lines_) fmt::print("  {:<6}  {:<{}}  {}\n", line.verdict, line.what, width, line.found);
}

namespace {

void report_victim(Report& report, const Outcome& outcome) {
  const Victim& victim = outcome.victim;
  report.check(outcome.killed && victim.objects_held > 0, "killed",
               outcome.killed
                   ? fmt::format("worker {} (pid {}), SIGKILL while it held {} objects, {}; all taken back "
                                 "after {:.1f} ms; its share taken over at piece {}",
                                 victim.worker + 1, victim.pid, victim.objects_held, format_size(victim.bytes_held),
                                 static_cast<double>(victim.forgotten_after.count()) / 1e3, victim.taken_over_at)
                   : "nobody: there was no moment at which the worker held anything");
  for (const Killed& each : outcome.others)
    report.check(true, "killed", fmt::format("{}, SIGKILL when {} pieces were accepted", each.name, each.at));
}

/// All that is in memory is on disk, too: a create that needs all of the memory waits for that.
Result<void> write_all(Client& client) {
  const Result<StoreStats> stats = client.stats();
  if (!stats) return stats.error();
  const auto all =
      client.create(ObjectId::random(), stats->capacity, {.timeout = kPatience, .retention = Retention::cache});
  return all ? Result<void>() : Result<void>(all.error());
}

Result<std::size_t> count_equal(Client& client, const Names& names, const Input& input) {
  std::size_t equal = 0;
  std::vector<std::byte> on_disk;
  for (std::size_t number = 0; number < input.pieces.size(); ++number) {
    on_disk.resize(input.pieces[number].size);
    if (auto read = read_piece(input.pieces[number], on_disk); !read) return std::move(read).error();
    const Result<Object> piece = client.get_raw(names.piece(number), kPatience);
    if (!piece) return piece.error();
    if (sha256(piece->data()) == sha256(on_disk)) ++equal;
  }
  return equal;
}

}  // namespace

Result<void> report_restart(Report& report, OwnDaemon& daemon, std::shared_ptr<Client>& client, const Names& names,
                            const Input& input) {
  if (auto written = write_all(*client); !written) return written;
  const Result<StoreStats> before = client->stats();
  if (!before) return before.error();
  report.tell("on disk", fmt::format("{} objects, {}; {} read back until then", before->spilled_count,
                                     format_size(before->spilled_bytes), before->read_back_count));
  client.reset();
  if (auto again = daemon.kill_and_start_again(); !again) return again;
  auto connected = Client::connect(daemon.socket(), {.name = "demo conductor"});
  if (!connected) return connected.error();
  client = *std::move(connected);
  const Result<std::size_t> equal = count_equal(*client, names, input);
  if (!equal) return equal.error();
  report.check(*equal == input.pieces.size(), "killed",
               fmt::format("the keeper, SIGKILL; another daemon has {} of {} pieces with the digests of the files",
                           *equal, input.pieces.size()));
  return {};
}

void report_run(Report& report, const Input& input, const Outcome& outcome, const Watcher& watcher,
                std::uint64_t capacity) {
  const double seconds = std::chrono::duration<double>(outcome.took).count();
  report.tell("input", fmt::format("{}: {} files in {} pieces, {}", input.directory, input.files, input.pieces.size(),
                                   format_size(input.bytes)));
  report.tell("streamed",
              fmt::format("in {:.1f} s, {:.0f} pieces/s, {}/s, through a store of {}", seconds,
                          static_cast<double>(input.pieces.size()) / seconds,
                          format_size(static_cast<std::uint64_t>(static_cast<double>(input.bytes) / seconds)),
                          format_size(capacity)));
  report.tell("workers", fmt::format("digested {} pieces", fmt::join(outcome.by_worker, " + ")));
  report.check(outcome.equal == input.pieces.size(), "digests",
               fmt::format("{} of {} equal to those of the files on disk", outcome.equal, input.pieces.size()));
  for (const std::string& why : outcome.different) report.tell("", why);
  report_victim(report, outcome);
  report.check(watcher.complaint().empty(), "evictions",
               watcher.complaint().empty()
                   ? fmt::format("{} pieces, each after its digest was accepted; what workers held stayed as it was",
                                 watcher.evicted_pieces())
                   : watcher.complaint());
}

Result<void> report_leftovers(Report& report, Client& client, const Names& names, std::size_t count,
                              const Watcher& watcher, bool spill) {
  std::unordered_set<ObjectId> ours;
  for (std::size_t number = 0; number < count; ++number) ours.insert({names.piece(number), names.result(number)});
  Result<std::vector<ObjectMetadata>> objects = client.list();
  if (!objects) return objects.error();
  std::erase_if(*objects, [&](const ObjectMetadata& object) { return !ours.contains(object.id); });
  const std::size_t left = objects->size();
  if (spill)
    report.check(left == count, "nothing lost", fmt::format("{} of {} pieces are in the store", left, count));
  else
    report.check(watcher.sealed_pieces() == count && left + watcher.evicted_pieces() == count, "nothing lost",
                 fmt::format("{} pieces sealed = {} evicted + {} still there", watcher.sealed_pieces(),
                             watcher.evicted_pieces(), left));
  const auto is_free = [](const ObjectMetadata& object) {
    return object.ref_count == 0 && !object.is_pinned && object.grace_left.count() == 0 &&
           object.state == ObjectState::sealed;
  };
  const auto kept = left - static_cast<std::size_t>(std::ranges::count_if(*objects, is_free));
  report.check(kept == 0, "nothing kept",
               fmt::format("{} of those still there are held, pinned, in a grace or unsealed", kept));
  for (const ObjectMetadata& object : *objects)
    if (const Result<bool> removed = client.remove(object.id); !removed) return removed.error();
  return {};
}

Result<void> report_store(Report& report, Client& client, bool spill) {
  const Result<StoreStats> stats = client.stats();
  if (!stats) return stats.error();
  const StoreStats& s = *stats;
  const bool idle = s.in_use_count == 0 && s.unsealed_count == 0 && s.retired_count == 0 && s.pinned_count == 0 &&
                    s.graced_count == 0 && s.waiting_gets == 0 && s.waiting_creates == 0;
  report.check(idle, "nothing leaked",
               fmt::format("{} in use, {} being written, {} pinned, {} in a grace, {} removed but held, {} waiting",
                           s.in_use_count, s.unsealed_count, s.pinned_count, s.graced_count, s.retired_count,
                           s.waiting_gets + s.waiting_creates));
  report.check(s.client_count == (spill ? 2 : 1), "clients",
               fmt::format("{}: this one{}", s.client_count, spill ? ", and the spill process" : ""));
  report.check(
      s.used_bytes == 0 && s.free_bytes == s.capacity && s.total_objects == 0, "emptied",
      fmt::format("{} objects, {} bytes used, {} free", s.total_objects, s.used_bytes, format_size(s.free_bytes)));
  return {};
}

}  // namespace dolium::demo
