#include "daemon/spiller/spiller.h"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <deque>
#include <thread>
#include <utility>

#include "daemon/process/logging.h"
#include "daemon/spill_home/spill_directory.h"
#include "daemon/spiller/tier_work.h"
#include "protocol/convert.h"
#include "protocol/fd_socket.h"
#include "shm/os/monotonic_clock.h"
#include "shm/text/size_text.h"

namespace dolium::spill {
namespace {

constexpr int kIdleMs = 1000;
constexpr int kBusyMs = 20;

protocol::TierIncarnation to_wire(const Incarnation& incarnation) {
  return {incarnation[0], incarnation[1]};
}

protocol::TierRecord to_wire(const RecordHead& head) {
  return {head.sequence,
          head.sequence,
          head.stamp,
          to_wire(head.incarnation),
          head.expires_at_ns,
          head.time_to_live_ms,
          head.time_to_idle_ms,
          head.data_size,
          head.type_tag,
          head.metadata_size,
          head.uid,
          protocol::to_wire(id_of(head)),
          head.type_name_size,
          head.label_size};
}

/// Ends the session, and not the process.
bool is_end_of_session(const Error& error) {
  return error.code == Errc::disconnected || error.code == Errc::timed_out;
}

}  // namespace

Result<void> Spiller::run() {
  while (!stopping_) {
    Result<void> served = open_files();
    if (served) served = serve_once();
    if (!served && !is_end_of_session(served.error())) return served;
    if (!served && !stopping_) log_->info("the spill tier's session ended: {}", served.error().message);
    take_signals();
  }
  return {};
}

/// Repeats what fails for a cause that may pass. `disconnected`: the process is to end.
template <class Attempt>
auto Spiller::persist(Attempt attempt) -> decltype(attempt()) {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  std::string told;
  for (;;) {
    auto result = attempt();
    if (result || is_permanent(result.error()) || std::chrono::steady_clock::now() >= end) return result;
    if (const std::string why = result.error().message; std::exchange(told, why) != why)
      log_->warn("waiting for the spill directory {}, for {} s at most: {}", options_.directory, kPatience.count(),
                 why);
    take_signals();
    if (stopping_) return Error{Errc::disconnected, "this process is to end"};
    std::array<pollfd, 1> entries{{{signals_.fd(), POLLIN, 0}}};
    const std::chrono::milliseconds pause = kOpenRetry;
    static_cast<void>(::poll(entries.data(), entries.size(), static_cast<int>(pause.count())));
  }
}

/// Opens and locks the directory, again if it is not where it was.
Result<void> Spiller::open_files() {
  if (files_ && files_->check_place()) return {};
  files_.reset();
  Result<std::unique_ptr<DiskFiles>> files =
      persist([this] { return DiskFiles::open(options_.directory, options_.io); });
  if (!files) return files.error();
  files_ = *std::move(files);
  log_->info("spill directory {}: locked, {}", options_.directory, files_->io_name());
  return {};
}

Result<std::unique_ptr<Engine>> Spiller::open_engine() {
  const shm::TimeNs begun = shm::monotonic_now();
  Result<std::unique_ptr<Engine>> engine = persist(
      [this] { return Engine::open(*files_, {.capacity = options_.capacity, .geometry = {}}, this_machine()); });
  if (!engine && engine.error().code != Errc::disconnected)
    return Error{engine.error().code,
                 fmt::format("the spill directory {} cannot be used: {}", options_.directory, engine.error().message),
                 RefusalCause::none, engine.error().error_number};
  if (engine)
    log_->info("spill directory {}: {} objects, read in {} ms", options_.directory, (*engine)->report().records,
               (shm::monotonic_now() - begun) / 1'000'000);
  return engine;
}

Result<void> Spiller::serve_once() {
  Result<std::unique_ptr<Engine>> engine = open_engine();
  if (!engine) return engine.error();
  was_opened_ = true;
  const Result<std::unique_ptr<TierSession>> session = connect();
  if (!session) return session.error();
  if (auto introduced = introduce(**session, **engine); !introduced) return introduced;
  TierWork tier_work(**session, **engine, options_.directory, std::string(files_->io_name()));
  Result<void> worked = work(**session, **engine, tier_work);
  stopping_ = stopping_ || (*session)->store_is_gone();  // the keeper, too, ends or is gone
  if (stopping_) finish(**engine);
  engine->reset();  // before the others: it uses the session's memory, and answers to the work
  return worked;
}

/// The server may be a moment away: it is being replaced, or has crashed.
Result<std::unique_ptr<TierSession>> Spiller::connect() {
  for (;;) {
    take_signals();
    if (stopping_) return Error{Errc::disconnected, "this process is to end"};
    Result<std::unique_ptr<TierSession>> session =
        TierSession::connect(options_.socket, options_.token, protocol::deadline_after(std::chrono::seconds(5)));
    if (session || !is_end_of_session(session.error())) return session;
    std::array<pollfd, 1> entries{{{signals_.fd(), POLLIN, 0}}};
    static_cast<void>(::poll(entries.data(), entries.size(), static_cast<int>(kRetry.count())));
  }
}

/// Tells what the directory holds, and drops what the store does not know.
Result<void> Spiller::introduce(TierSession& session, Engine& engine) {
  Recovered recovered = engine.take_recovered();
  if (recovered.unreadable_blocks != 0)
    log_->error("spill directory {}: {} blocks cannot be read: objects in them are missing until the disk returns them",
                options_.directory, recovered.unreadable_blocks);
  protocol::TierHelloRequestT hello;
  const Superblock& block = engine.superblock();
  hello.directory = std::make_unique<protocol::TierIncarnation>(block.uuid[0], block.uuid[1]);
  hello.incarnation = std::make_unique<protocol::TierIncarnation>(to_wire(block.incarnation));
  hello.records = recovered.objects.size();
  const auto deadline = protocol::deadline_after(kPatience);
  const auto reply = session.ask<protocol::TierHelloReply>(hello, deadline);
  if (!reply) return reply.error();
  if (auto same = compare_capacity((*reply)->capacity()); !same) return same;
  const auto* store = (*reply)->incarnation();
  if (store == nullptr) return Error{Errc::protocol_error, "the server did not name its store"};
  const Incarnation incarnation = {store->high(), store->low()};
  if (auto told = tell_catalogue(session, engine, recovered.objects); !told) return told;
  return engine.adopt(incarnation);
}

Result<void> Spiller::tell_catalogue(TierSession& session, Engine& engine, Records all) {
  std::deque<std::pair<std::uint64_t, Records>> unanswered;  // by the request's number
  for (bool done = false; !done || !unanswered.empty();) {
    if (!done && unanswered.size() < kBatchesAhead) {
      const Records batch = all.first(std::min(kBatch, all.size()));
      all = all.subspan(batch.size());
      done = all.empty();
      const Result<std::uint64_t> request = send_batch(session, batch, done);
      if (!request) return request.error();
      unanswered.emplace_back(*request, batch);
      continue;
    }
    const auto [request, batch] = unanswered.front();
    unanswered.pop_front();
    if (auto taken = take_reply(session, engine, request, batch); !taken) return taken;
  }
  return {};
}

/// The server's configuration may be newer than this process. The next session begins with its capacity.
Result<void> Spiller::compare_capacity(std::uint64_t configured) {
  const std::uint64_t capacity = configured == 0 ? UINT64_MAX : configured;
  if (std::exchange(options_.capacity, capacity) == capacity) return {};
  return Error{Errc::disconnected,
               configured == 0
                   ? std::string("the configuration has changed: there is no limit to its size any more")
                   : fmt::format("the configuration has changed: its size may be {} now", format_size(configured))};
}

Result<std::uint64_t> Spiller::send_batch(TierSession& session, Records batch, bool is_last) {
  protocol::TierCatalogueRequestT request;
  request.last = is_last;
  request.records.reserve(batch.size());
  for (const LiveRecord& each : batch) request.records.push_back(to_wire(each.head));
  return session.send(request);
}

/// Drops what the store does not know.
Result<void> Spiller::take_reply(TierSession& session, Engine& engine, std::uint64_t request, Records batch) {
  const auto reply = session.await<protocol::TierCatalogueReply>(request, protocol::deadline_after(kPatience));
  if (!reply) return reply.error();
  if (const auto* dropped = (*reply)->dropped())
    for (const std::uint32_t each : *dropped)
      if (each < batch.size()) engine.drop(batch[each].head.sequence);
  if ((*reply)->lost() != 0 || (*reply)->dirty() != 0)
    log_->error(
        "spill directory {}: the records of {} objects are missing: {} are lost, {} are still in memory and are "
        "written again",
        options_.directory, (*reply)->lost() + (*reply)->dirty(), (*reply)->lost(), (*reply)->dirty());
  return {};
}

Result<void> Spiller::work(TierSession& session, Engine& engine, TierWork& work) {
  for (;;) {
    take_signals();
    if (stopping_) return {};
    if (auto taken = take_messages(session, work); !taken) return taken;
    const shm::TimeNs now = shm::monotonic_now();
    const bool happened = engine.step(now, false);
    if (auto sent = work.send_answers(now); !sent) return sent;
    log_errors(engine.take_errors(), now);
    if (auto flushed = session.flush(); !flushed) return flushed;
    if (work.has_forgotten()) return end_forgotten(session);
    if (engine.needs_new_session())
      return Error{Errc::disconnected,
                   "files of the spill directory were removed: the remaining objects are reported again"};
    if (!happened) wait(session, engine.is_idle() && !work.has_orders());
  }
}

void Spiller::log_errors(const std::vector<std::string>& lines, shm::TimeNs now) {
  for (const std::string& line : lines)
    disk_errors_.write(daemon::LimitedLog::Kind::disk_error, now, spdlog::level::err, "{}", line);
  disk_errors_.tick(now);
}

/// The engine's files are gone: nothing is done any more but to send the answer.
Result<void> Spiller::end_forgotten(TierSession& session) {
  const auto deadline = protocol::deadline_after(kFarewell);
  while (session.has_unsent()) {
    const Result<bool> ready = protocol::wait_writable(session.fd(), deadline);
    if (!ready) return ready.error();
    if (!*ready) break;
    if (auto flushed = session.flush(); !flushed) return flushed;
  }
  return Error{Errc::disconnected, "the directory was forgotten: its records are dropped, and its files are removed"};
}

Result<void> Spiller::take_messages(TierSession& session, TierWork& work) {
  if (auto read = session.read(); !read) return read;
  for (;;) {
    const Result<const protocol::ReplyFrame*> frame = session.next();
    if (!frame) return frame.error();
    if (*frame == nullptr) return {};
    if (const auto* notice = (*frame)->body_as_TierWorkNotice())
      work.take(*notice);
    else if (const auto* error = (*frame)->body_as_ErrorReply())
      return protocol::from_wire(*error);
  }
}

void Spiller::wait(const TierSession& session, bool is_idle) {
  const auto wanted = static_cast<short>(session.has_unsent() ? POLLIN | POLLOUT : POLLIN);
  std::array<pollfd, 3> entries{
      {{session.fd(), wanted, 0}, {signals_.fd(), POLLIN, 0}, {files_->event_fd(), POLLIN, 0}}};
  static_cast<void>(::poll(entries.data(), entries.size(), is_idle ? kIdleMs : kBusyMs));
}

/// What is asked for is written, and the log's head gets its footer, so that the next start is quick.
void Spiller::finish(Engine& engine) {
  engine.finish();
  const shm::TimeNs end = shm::monotonic_now() + static_cast<shm::TimeNs>(std::chrono::nanoseconds(kLastWork).count());
  while (!engine.is_idle() && shm::monotonic_now() < end) {
    if (engine.step(shm::monotonic_now(), false)) continue;
    std::array<pollfd, 1> entries{{{files_->event_fd(), POLLIN, 0}}};
    static_cast<void>(::poll(entries.data(), entries.size(), kBusyMs));
  }
  if (engine.is_idle()) engine.leave_list();
}

void Spiller::take_signals() {
  while (const auto signal = signals_.next()) {
    if (signal->number == SIGUSR1) daemon::writer_of(*log_).reopen();
    if (!daemon::asks_to_stop(signal->number)) continue;
    if (!std::exchange(stopping_, true)) log_->info("{}: ending", daemon::signal_name(signal->number));
  }
}

}  // namespace dolium::spill
