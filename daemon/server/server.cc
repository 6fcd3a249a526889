#include "daemon/server/server.h"

#include <unistd.h>

#include <csignal>

#include <dolium/copy.h>
#include <fmt/format.h>

#include "daemon/process/heap.h"
#include "daemon/process/logging.h"
#include "daemon/server/listening.h"
#include "protocol/convert.h"
#include "protocol/socket_directory.h"
#include "protocol/socket_owner.h"
#include "shm/os/cores.h"
#include "shm/os/monotonic_clock.h"
#include "shm/text/size_text.h"

namespace dolium::daemon {
namespace {

/// Whether the client's next copy is large enough for several threads.
bool begins_large_copy(const protocol::RequestFrame& request) {
  const auto* create = request.body_as_CreateRequest();
  return create != nullptr && create->object()->data_size() >= kParallelCopyBytes;
}

/// Whether a client that is not the spill process wants to be admitted.
bool is_ordinary_hello(const protocol::RequestFrame& request) {
  const auto* hello = request.body_as_HelloRequest();
  return hello != nullptr && hello->tier_token() == nullptr;
}

bool asks_to_resume(const protocol::RequestFrame& request) {
  const auto* hello = request.body_as_HelloRequest();
  return hello != nullptr && hello->resume_of() != 0;
}

Result<protocol::Listener> open_listener(const Config& config) {
  if (auto prepared = protocol::prepare_socket_directory(config.socket_path, trust_of(config)); !prepared)
    return std::move(prepared).error();
  const Result<protocol::ListenOptions> options = listen_options(config);
  return options ? protocol::Listener::open(*options) : options.error();
}

/// Takes the pin tables of the sessions.
Result<std::unique_ptr<shm::Store>> recover(const Config& config, std::vector<shm::UniqueFd> memory,
                                            std::vector<SessionRecord>& sessions, spdlog::logger& log) {
  std::vector<shm::SurvivingClient> survivors;
  for (SessionRecord& session : sessions) {
    const protocol::PeerCredentials& peer = session.peer.credentials;
    survivors.push_back({session.client,
                         {peer.pid, peer.uid, session.peer.command, session.name, session.origin},
                         session.attached,
                         std::move(session.pin_table)});
  }
  const shm::TimeNs began = shm::monotonic_now();
  auto store = shm::Store::recover(config.store, std::move(memory), std::move(survivors), began);
  if (!store) return store;
  const shm::Recovery& found = (*store)->recovery();
  log.info(
      "continuing with {} objects, {} removed but held, of {} clients, after {} us; {} unsealed objects dropped, the "
      "memory of {} kept until their writers release it, {} pieces of memory in quarantine; {} evictions and moves "
      "undone, {} steps finished",
      found.sealed, found.retired, sessions.size(), (shm::monotonic_now() - began) / 1000, found.dropped,
      found.abandoned, found.quarantined, found.undone, found.finished);
  if (found.damaged != 0) log.error("{} rows of the index were damaged: their objects are lost", found.damaged);
  const StoreConfig& is = (*store)->rows().config;
  if (is.capacity < config.store.capacity || is.eviction_policy != config.store.eviction_policy ||
      is.spill != config.store.spill)
    log.warn(
        "capacity, max_objects, eviction_policy and the spill directory of a store do not change: stop doliumd and "
        "start it again, which "
        "removes all objects");
  return store;
}

}  // namespace

Result<std::unique_ptr<Server>> Server::create(const Config& config, std::shared_ptr<spdlog::logger> log, Estate estate,
                                               SignalQueue signals) {
  Result<AccessList> access = AccessList::resolve(config.readers, config.writers, ::geteuid());
  if (!access) return std::move(access).error();
  std::optional<protocol::Listener> inherited = estate.take_listener();
  Result<protocol::Listener> listener = inherited ? *std::move(inherited) : open_listener(config);
  if (!listener) return std::move(listener).error();
  const bool follows = estate.inherited();
  Result<protocol::Listener::Renewal> renewed =
      follows ? renew_listener(*listener, config, *log) : protocol::Listener::Renewal();
  // Not an error of the start: connected clients continue, and the objects are worth more than a path.
  if (!renewed)
    log->error("clients cannot connect to this daemon: {}; remove the cause, then SIGHUP makes its socket again",
               renewed.error().message);
  if (!estate.inherited()) remove_without_memory(listener->path());  // until the keeper has it, below
  Result<std::unique_ptr<EventLoop>> loop = EventLoop::create();
  if (!loop) return std::move(loop).error();
  std::vector<SessionRecord> sessions = estate.take_sessions();
  Result<std::unique_ptr<shm::Store>> store = estate.inherited()
                                                  ? recover(config, estate.take_memory(), sessions, *log)
                                                  : shm::Store::create(config.store, shm::monotonic_now());
  if (!store) return std::move(store).error();
  if (estate.inherited())
    if (auto same = estate.check_incarnation(**store); !same) return std::move(same).error();
  // Before the loop watches the link: libuv makes it non-blocking, and this call waits for the answer.
  if (auto owned = estate.have_owned(**store); !owned) return std::move(owned).error();
  std::unique_ptr<Server> server(new Server(config, std::move(log), *std::move(access), *std::move(loop),
                                            *std::move(listener), std::make_unique<shm::Engine>(*std::move(store)),
                                            std::move(estate), std::move(signals)));
  server->is_reachable_ = renewed.has_value();
  if (renewed) server->acceptor_.take_former(std::move(renewed->former_socket));
  if (auto watching = server->watch(); !watching) return std::move(watching).error();
  if (auto taken = server->take_sessions(std::move(sessions)); !taken) return std::move(taken).error();
  // Before the keeper has anything to keep: if the first server fails, the daemon ends. A later server overwrites the
  // file, which also works on a full disk; a new file is only a hint, and not worth the objects.
  if (auto written = protocol::write_socket_owner(server->acceptor_.listener().lock(), shm::kIndexLayout);
      !written && !follows)
    return std::move(written).error();
  server->estate_.keep_memory(server->engine_->store());
  server->estate_.keep_listener(server->acceptor_.listener());
  remove_without_memory("");
  return server;
}

Server::Server(const Config& config, std::shared_ptr<spdlog::logger> log, AccessList access,
               std::unique_ptr<EventLoop> loop, protocol::Listener listener, std::unique_ptr<shm::Engine> engine,
               Estate estate, SignalQueue signals)
    : config_(config),
      log_(std::move(log)),
      client_log_(log_, config.log_lines_per_minute),
      access_(std::move(access)),
      loop_(std::move(loop)),
      engine_(std::move(engine)),
      warmer_(*loop_, engine_->store(), *log_),
      renewer_(*loop_, engine_->store(), *log_),
      trimmer_(engine_->store(), *log_, config_.trim_above),
      estate_(std::move(estate)),
      dispatch_(
          *engine_, [this](shm::ClientId client) { return sessions_.find(client); },
          [this](shm::ClientId after) { return describe_clients(after); },
          [this](const Session& session, std::uint64_t id, const protocol::ReplaceRequest& request) {
            return ask_for_restart(session, id, protocol::from_wire(request.config_file()));
          }),
      acceptor_(*loop_, config_, access_, client_log_, sessions_, *this, std::move(listener)),
      began_(shm::monotonic_now()),
      signals_(std::move(signals)) {
  if (!engine_->store().rows().config.spill) return;
  tier_.emplace(
      *engine_,
      TierOptions{.token = estate_.tier_token(),
                  .ahead = config_.spill_ahead,
                  .write_after = static_cast<shm::TimeNs>(std::chrono::nanoseconds(config_.spill_write_after).count()),
                  .capacity = config_.spill_capacity},
      TierLine{.send =
                   [this](shm::ClientId client, std::uint64_t request, const protocol::TierWorkNoticeT& work) {
                     if (Session* spiller = sessions_.find(client)) spiller->reply(request, work);
                   },
               .end_catalogue =
                   [this](shm::ClientId client, std::uint64_t request, const protocol::TierCatalogueReplyT& reply) {
                     if (Session* spiller = sessions_.find(client)) spiller->reply(request, reply);
                   },
               .is_behind =
                   [this] {
                     const Session* spiller = sessions_.find(tier_->client());
                     return spiller != nullptr && spiller->wire().is_full();
                   }});
  dispatch_.set_tier(&*tier_);
}

Server::~Server() = default;

Result<void> Server::watch() {
  if (auto accepting = acceptor_.watch(); !accepting) return accepting;
  Result<Timer> deadlines = Timer::create(*loop_, [this] { on_deadline(); });
  if (!deadlines) return std::move(deadlines).error();
  deadline_timer_ = *std::move(deadlines);
  Result<Poll> told = Poll::create(*loop_, estate_.link(), [this](int) { hear_keeper(); });
  if (!told) return std::move(told).error();
  keeper_poll_ = *std::move(told);
  Result<BusyLoop> busy = BusyLoop::create(*loop_, [this] { look_again(); });
  if (!busy) return std::move(busy).error();
  busy_loop_ = *std::move(busy);
  if (shm::has_several_cores()) busy_poll_.set(shm::TimeNs{config_.busy_poll_us} * 1000);
  Result<BeforeWait> hook = BeforeWait::create(*loop_, [this] { before_wait(); });
  if (!hook) return std::move(hook).error();
  before_wait_ = *std::move(hook);
  Result<Poll> signalled = Poll::create(*loop_, signals_.fd(), [this](int) { take_signals(); });
  if (!signalled) return std::move(signalled).error();
  signal_poll_ = *std::move(signalled);
  return trimmer_.watch(*loop_);
}

Result<void> Server::take_sessions(std::vector<SessionRecord> records) {
  for (SessionRecord& record : records) {
    Result<std::unique_ptr<Session>> session = Session::orphan(*loop_, *this, std::move(record));
    if (!session) return std::move(session).error();
    sessions_.attach(sessions_.add(*std::move(session)));
  }
  return {};
}

void Server::say_serving() {
  const StoreConfig& store = engine_->store().rows().config;
  if (is_reachable_)
    log_->info("serving {} and at most {} objects on {}", format_size(store.capacity), store.max_objects,
               acceptor_.listener().path());
  else
    log_->warn("serving {} and at most {} objects, but no new clients: {} does not lead to this daemon",
               format_size(store.capacity), store.max_objects, acceptor_.listener().path());
  is_serving_ = true;
}

Server::End Server::run() {
  if (waits_for_catalogue())
    log_->info("waiting for the spill process to read {}, for {} s at most: clients are admitted after that",
               config_.spill_directory, kCatalogueTimeout / 1'000'000'000);
  else
    say_serving();
  acceptor_.start();
  keeper_poll_->watch(UV_READABLE);
  signal_poll_->watch(UV_READABLE);
  estate_.say_ready(config_);
  loop_->run();
  return end_;
}

/// Gives the session's record to the keeper: before the client hears of the session, or of what has changed.
Result<void> Server::keep(Session& session) const {
  session.set_origin(engine_->store().report().client_use(session.client()).origin);
  return estate_.keep(session.record(), engine_->store().clients().pin_table_segment(session.client()));
}

// ---- what sessions report ----

void Server::on_request(Session& session, const protocol::RequestFrame& request) {
  if (waits_for_catalogue() && is_ordinary_hello(request)) {
    hold_back(session, request);
    return;
  }
  if (drains_before(Drain::Before::stop) && is_ordinary_hello(request))
    return session.refuse_hello(request.request_id(), {Errc::disconnected, kStopping});
  asked_ = asked_ || !session.wire().has_rings();
  trimmer_.note_request();
  session.copies_large = begins_large_copy(request);
  const bool was_attached = session.attached();
  const bool was_unadopted = session.state() == Session::State::unadopted;
  dispatch_.handle(session, request);
  if (session.attached() && (!was_attached || (was_unadopted && session.is_open())))
    if (const auto kept = keep(session); !kept) {
      // The keeper still has the old record: the client can resume its session with the next server.
      if (was_attached || asks_to_resume(request)) Estate::give_up(kept.error());
      return session.refuse({Errc::out_of_memory,
                             "the system has no memory, or no descriptor, for another client: try "
                             "again later (" +
                                 kept.error().message + ")"});
    }
  if (was_attached) SessionTable::remove_newcomer(session);  // it has received its HelloReply
  if (was_attached || !session.attached()) return;
  sessions_.attach(session);
  client_log_.write(LimitedLog::Kind::connected, shm::monotonic_now(), spdlog::level::debug, "client {} connected: {}",
                    session.client(), session.record().peer.text());
}

void Server::on_silenced(Session& session) {
  engine_->silence_client(session.client());
  dispatch_.forget(session.client());
  if (tier_) tier_->on_client_gone(session.client());
}

void Server::on_misbehaviour(Session& session, const Error& what) {
  if (session.attached())  // before the client is told: it must not resume the session with the next server
    if (const auto kept = keep(session); !kept) Estate::give_up(kept.error());
  log_end(session, what.code == Errc::system_error ? "" : " for misbehaviour", what.message);
}

void Server::log_end(const Session& session, std::string_view kind, std::string_view why) {
  client_log_.write(LimitedLog::Kind::ended, shm::monotonic_now(), spdlog::level::warn, "client {} ({}) is ended{}: {}",
                    session.client(), session.record().peer.text(), kind, why);
}

void Server::on_without_rings(Session& session, const Error& why) {
  client_log_.write(LimitedLog::Kind::without_rings, shm::monotonic_now(), spdlog::level::warn,
                    "client {} ({}) has no shared rings, so its calls are slower, until it connects again or the "
                    "server restarts: {}",
                    session.client(), session.record().peer.text(), why.message);
}

void Server::on_refused(Session& session, const Error& why) {
  client_log_.write(LimitedLog::Kind::refused, shm::monotonic_now(), spdlog::level::warn,
                    "a client is refused ({}): {}", session.record().peer.text(), why.message);
}

void Server::on_release() {
  engine_->on_release(shm::monotonic_now());
}

void Server::on_ended(Session& session) {
  if (session.attached()) {
    estate_.forget(session.client());  // first: the next server must find references that still count
    dispatch_.forget(session.client());
    engine_->drop_client(session.client(), shm::monotonic_now());
    if (tier_) tier_->on_client_gone(session.client());
    client_log_.write(LimitedLog::Kind::gone, shm::monotonic_now(), spdlog::level::debug, "client {} is gone",
                      session.client());
  }
  std::erase_if(held_back_, [&session](const auto& each) { return each.first == &session; });
  sessions_.end(session);
}

void Server::on_dirty(Session& session) {
  sessions_.mark_dirty(session);
}

}  // namespace dolium::daemon
