#include "tests/demo/conductor.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

#include "shm/text/size_text.h"

namespace dolium::demo {
namespace {

using Clock = std::chrono::steady_clock;

/// The worker that dies, counted from 0, and when: after this share of the pieces.
constexpr std::size_t kVictim = 1;
constexpr std::size_t kKillAfter = 4;  // a fourth
/// The others, after so many eighths.
constexpr struct {
  const char* name;
  std::size_t after;
} kOthers[] = {{kServerProcess, 4}, {kSpillProcess, 6}};
constexpr std::size_t kEighths = 8;
/// How often to look whether all are still there while a result is waited for.
constexpr std::chrono::seconds kSlice{1};

}  // namespace

Result<Outcome> Conductor::run() {
  begun_ = Clock::now();
  if (auto put = put_manifest(); !put) return std::move(put).error();
  for (std::size_t number = 0; number < input_.pieces.size(); ++number) {
    if (auto accepted = accept(number); !accepted) return std::move(accepted).error();
    if (auto looked = watcher_.look(number + 1); !looked) return std::move(looked).error();
    if (auto done = kill_when_due(number + 1); !done) return std::move(done).error();
    if (auto done = kill_others_when_due(number + 1); !done) return std::move(done).error();
    if (auto shown = show_progress(number + 1); !shown) return std::move(shown).error();
  }
  if (auto finished = finish(); !finished) return std::move(finished).error();
  outcome_.took = Clock::now() - begun_;
  return outcome_;
}

Result<void> Conductor::put_manifest() {
  CreateOptions options;
  options.grace = kGrace;
  const auto put = client_.put(names_.manifest(), to_manifest(input_.pieces), options);
  return put ? Result<void>() : Result<void>(put.error());
}

Result<void> Conductor::accept(std::size_t number) {
  const Result<Digested> result = result_of(number);
  if (!result) return result.error();
  if (auto compared = compare(number, result->first); !compared) return compared;
  bytes_accepted_ += input_.pieces[number].size;
  const Result<ObjectRef<PieceBytes>> piece = client_.ref<PieceBytes>(result->second);
  if (!piece) return piece.error();
  if (killing_ == nullptr)
    if (auto unpinned = client_.unpin(piece->id()); !unpinned) return unpinned;
  // In this order: the producer takes the result's removal for leave to send more.
  for (const ObjectId& id : {names_.order(number), names_.result(number)})
    if (const Result<bool> removed = client_.remove(id); !removed) return removed.error();
  return {};
}

Result<Digested> Conductor::result_of(std::size_t number) {
  const auto end = Clock::now() + kPatience;
  for (;;) {
    Result<Digested> result = client_.get<Digested>(names_.result(number), kSlice);
    if (result || result.error().code != Errc::timed_out) return result;
    if (auto all_there = staff_.check(); !all_there) return std::move(all_there).error();
    if (Clock::now() > end) return Error{Errc::timed_out, fmt::format("no result for piece {} came in time", number)};
  }
}

Result<void> Conductor::compare(std::size_t number, const PieceDigest& digest) {
  const Piece& piece = input_.pieces[number];
  if (digest.number != number || digest.worker >= kWorkers)
    return Error{Errc::system_error, fmt::format("the result of piece {} is that of another", number)};
  ++outcome_.by_worker[digest.worker];
  on_disk_.resize(piece.size);
  std::string why;
  if (auto read = read_piece(piece, on_disk_); !read)
    why = read.error().message;
  else if (digest.size != piece.size || digest.path_hash != path_hash(piece.path))
    why = fmt::format("{} came as another piece", piece.path);
  else if (digest.sha256 != sha256(on_disk_))
    why = fmt::format("{} at {} has another digest on disk", piece.path, piece.offset);
  if (why.empty())
    ++outcome_.equal;
  else if (outcome_.different.size() < kMaxTold)
    outcome_.different.push_back(std::move(why));
  return {};
}

// The victim is stopped first: what the store then says that it holds, it still holds when it dies.
Result<void> Conductor::kill_when_due(std::size_t accepted) {
  const bool due = accepted >= input_.pieces.size() / kKillAfter && outcome_.by_worker[kVictim] > 0;
  if (!due || outcome_.killed) return {};
  const e2e::Process& victim = staff_.worker(kVictim);
  victim.freeze();
  const auto sessions = Staff::sessions_of(client_, victim.pid());
  if (!sessions) return sessions.error();
  if (!sessions->empty() && sessions->front().objects_held > 0) return kill(sessions->front(), accepted);
  victim.thaw();  // between two pieces: try again at the next one
  return {};
}

Result<void> Conductor::kill_others_when_due(std::size_t accepted) {
  const std::size_t done = outcome_.others.size();
  if (killing_ == nullptr || done == std::size(kOthers)) return {};
  if (accepted < input_.pieces.size() * kOthers[done].after / kEighths) return {};
  if (auto killed = killing_->kill_child(kOthers[done].name); !killed) return killed;
  outcome_.others.push_back({kOthers[done].name, accepted});
  return client_.ping();
}

Result<void> Conductor::kill(const ClientInfo& session, std::size_t accepted) {
  const auto killed_at = Clock::now();
  e2e::Process& process = staff_.worker(kVictim);
  if (const std::string how = process.kill(); how != "signal 9")
    return Error{Errc::system_error, "the victim was to die of signal 9, and ended with " + how};
  const auto forgotten = wait_until("the store forgets the dead worker", [&]() -> Result<bool> {
    const auto sessions = Staff::sessions_of(client_, session.pid);
    return sessions ? Result<bool>(sessions->empty()) : sessions.error();
  });
  if (!forgotten) return forgotten;
  const auto gone_after = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - killed_at);
  const Result<std::size_t> begin = first_without_result(kVictim, accepted);
  if (!begin) return begin.error();
  staff_.start_worker(kVictim, *begin);
  outcome_.killed = true;
  outcome_.victim = {kVictim, session.pid, session.objects_held, session.bytes_held, gone_after, *begin};
  return {};
}

// All that it put is there by now, or was accepted: nobody but us removes results.
Result<std::size_t> Conductor::first_without_result(std::size_t worker, std::size_t accepted) {
  std::size_t number = worker;
  while (number < accepted) number += kWorkers;
  for (; number < input_.pieces.size(); number += kWorkers) {
    const Result<bool> there = client_.exists(names_.result(number));
    if (!there) return there.error();
    if (!*there) break;
  }
  return number;
}

Result<void> Conductor::finish() {
  if (auto put = client_.put(names_.end(), std::span<const std::byte>()); !put) return put;
  if (auto ended = staff_.wait(); !ended) return ended;
  for (const ObjectId& id : {names_.manifest(), names_.end()})
    if (const Result<bool> removed = client_.remove(id); !removed) return removed.error();
  if (killing_ != nullptr) return {};  // the list tells
  // The last events may still be on their way.
  return wait_until("the events of all seals have come", [&]() -> Result<bool> {
    if (auto looked = watcher_.look(input_.pieces.size()); !looked) return std::move(looked).error();
    return watcher_.sealed_pieces() >= input_.pieces.size() || !watcher_.complaint().empty();
  });
}

Result<void> Conductor::show_progress(std::size_t accepted) {
  const bool terminal = ::isatty(STDOUT_FILENO) != 0;
  const bool last = accepted == input_.pieces.size();
  const auto now = Clock::now();
  if (!last && now - shown_ < (terminal ? std::chrono::milliseconds(100) : std::chrono::milliseconds(1000))) return {};
  shown_ = now;
  const Result<StoreStats> stats = client_.stats();
  if (!stats) return stats.error();
  const auto percent = stats->used_bytes * 100 / stats->capacity;
  const std::string line =
      fmt::format("  {:>6} of {} pieces, {} of {}; store {} % full, {} in use, {} evicted, {} clients", accepted,
                  input_.pieces.size(), format_size(bytes_accepted_), format_size(input_.bytes), percent,
                  format_size(stats->in_use_bytes), stats->eviction_count, stats->client_count);
  fmt::print("{}{:<110}{}", terminal ? "\r" : "", line, terminal && !last ? "" : "\n");
  std::fflush(stdout);
  return {};
}

}  // namespace dolium::demo
