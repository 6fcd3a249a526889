#include "client/remote/connection.h"

#include <fmt/format.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <new>

#include "client/remote/grant.h"
#include "client/remote/lent_extent.h"
#include "client/remote/session_link.h"
#include "protocol/peer.h"
#include "protocol/user_namespace.h"
#include "shm/os/cores.h"
#include "shm/os/system_error.h"

namespace dolium::detail {
namespace {

using protocol::Deadline;
using shm::Mapping;
using shm::UniqueFd;

/// The order of HelloReply's descriptors.
enum Position : std::size_t {
  kIndex,
  kArena,
  kPinTable,
  kReleaseEvent,
  kReadOnlyCount,
  kWritableArena = kReadOnlyCount
};

/// The path, independent of later changes of the working directory.
std::string absolute(std::string_view path) {
  std::error_code failed;
  const std::string whole = std::filesystem::absolute(path, failed).string();
  return failed ? std::string(path) : whole;
}

/// Any user may have put a socket where clients look by default in /tmp, and may serve forged objects there. Only a
/// daemon of this user, or of root, is accepted.
Result<void> check_daemon(std::string_view path, int socket) {
  if (!path.starts_with(fmt::format("/tmp/dolium-{}/", ::geteuid()))) return {};
  const Result<protocol::PeerCredentials> daemon = protocol::peer_credentials(socket);
  if (!daemon) return daemon.error();
  if (daemon->uid == 0 || protocol::is_own_user(daemon->uid)) return {};
  return Error{Errc::permission_denied,
               fmt::format("who listens on {} is {}, not we or root: it may be no store of ours; remove what is "
                           "there, or name another socket ($DOLIUM_SOCKET)",
                           path, protocol::name_owner(daemon->uid))};
}

/// At most an hour.
shm::TimeNs busy_poll_of(const ConnectOptions& options) {
  const auto busy_poll = std::clamp<std::chrono::microseconds>(options.busy_poll, {}, std::chrono::hours(1));
  return static_cast<shm::TimeNs>(std::chrono::nanoseconds(busy_poll).count());
}

protocol::HelloRequestT hello_of(const ConnectOptions& options) {
  protocol::HelloRequestT hello;
  hello.access = static_cast<protocol::AccessMode>(options.access);
  hello.rings = options.rings;
  hello.name = options.name.empty() ? ::program_invocation_short_name : options.name;
  return hello;
}

Result<void> map_into(std::optional<Mapping>& place, const UniqueFd& descriptor, std::uint64_t bytes,
                      Mapping::Mode mode, std::string_view what) {
  Result<Mapping> mapped = Mapping::map(descriptor, bytes, mode, what);
  if (!mapped) return std::move(mapped).error();
  place = *std::move(mapped);
  return {};
}

/// The store's memory; `on_release` is left to the caller.
Result<Attachment::Parts> map_store(const Welcome& welcome) {
  using Mode = Mapping::Mode;
  const protocol::HelloReplyT& hello = welcome.hello;
  const std::vector<UniqueFd>& given = welcome.descriptors;
  const bool writes = hello.access != protocol::AccessMode::read_only;
  const std::size_t expected = writes ? kReadOnlyCount + 1 : kReadOnlyCount;
  if (given.size() != expected)
    return Error{Errc::protocol_error,
                 fmt::format("the daemon sent {} descriptors where {} belong", given.size(), expected)};
  std::optional<Mapping> index, arena, pins, writable;
  Result<void> mapped = map_into(index, given[kIndex], hello.index_bytes, Mode::read_only, "index");
  if (mapped) mapped = map_into(arena, given[kArena], hello.arena_bytes, Mode::read_only, "arena");
  if (mapped) mapped = map_into(pins, given[kPinTable], hello.pin_table_bytes, Mode::read_write, "pin table");
  if (mapped && writes)
    mapped = map_into(writable, given[kWritableArena], hello.arena_bytes, Mode::read_write, "writable arena");
  if (!mapped) return std::move(mapped).error();
  return Attachment::Parts{*std::move(index), *std::move(arena), std::move(writable), *std::move(pins), nullptr, {}};
}

}  // namespace

// ---- begin and end ----

Result<std::shared_ptr<Connection>> Connection::open(std::string_view path, const ConnectOptions& options) {
  const Deadline deadline = protocol::deadline_after(options.connect_timeout);
  Result<UniqueFd> socket = protocol::connect_to(path, deadline);
  if (!socket) return std::move(socket).error();
  if (auto trusted = check_daemon(path, socket->get()); !trusted) return std::move(trusted).error();
  const Deadline patience = std::max(deadline, protocol::deadline_after(kHandshakeTimeout));
  Result<Welcome> welcome = shake_hands(*socket, hello_of(options), "what a connection to the daemon takes", patience);
  if (!welcome) return std::move(welcome).error();
  std::shared_ptr<Connection> connection(new Connection(path, options));
  if (auto attached = connection->attach(*std::move(welcome)); !attached) return std::move(attached).error();
  if (connection->attachment().gone_for_good())
    return Error{Errc::disconnected,
                 "the daemon is ending, and its store with it: connect again when another daemon serves the socket"};
  if (auto opened = connection->completions_.open(); !opened) return std::move(opened).error();
  if (auto opened = connection->open_event_fd(); !opened) return std::move(opened).error();
  if (options.follow_fork)
    connection->link_->follow(connection->record_, connection->attachment(), connection);
  else
    connection->attachment().set_inherited_because("ConnectOptions::follow_fork is off");
  return connection;
}

Connection::Connection(std::string_view path, const ConnectOptions& options) : wants_rings_(options.rings) {
  record_.path = absolute(path);
  if (shm::has_several_cores()) busy_poll_.set(busy_poll_of(options));
}

Result<void> Connection::attach(Welcome welcome) {
  record_.session_id = welcome.hello.session_id;
  record_.fork_token = welcome.hello.fork_token;
  access_ = welcome.hello.access == protocol::AccessMode::read_only ? Access::read_only : Access::read_write;
  spills_ = welcome.hello.spills;
  Result<Attachment::Parts> parts = map_store(welcome);
  if (!parts) return std::move(parts).error();
  Result<shm::PageSource> pages = shm::PageSource::of(std::move(welcome.descriptors[kArena]));
  if (!pages) return std::move(pages).error();
  parts->arena_pages = *std::move(pages);
  socket_ = std::make_shared<UniqueFd>(std::move(welcome.socket));
  auto link = std::make_unique<SessionLink>(std::move(welcome.descriptors[kReleaseEvent]), socket_);
  link_ = link.get();
  parts->on_release = std::move(link);
  Result<Attachment*> attachment = Attachment::create(*std::move(parts));
  if (!attachment) return std::move(attachment).error();
  attachment_.reset(*attachment);
  successions_met_ = attachment_->index().successions();
  traffic_ = std::make_unique<Traffic>(*this, 0, nullptr);
  exchange().transport().begin(std::move(welcome.reader), std::move(welcome.rings));
  return {};
}

/// If Objects outlive this, they keep the session: the daemon is told that no more requests come. Not by a forked
/// child, whose descriptor is its parent's connection, nor when the session has ended already.
Connection::~Connection() {
  if (traffic_ == nullptr || attachment_->inherited()) return;
  closing_ = true;
  const bool failed = [this] {
    const auto lock = exchange().lock();
    return exchange().failed().has_value();
  }();
  if (attachment_->is_shared() && !failed) exchange().post(protocol::LeaveRequestT());
}

Result<void> Connection::open_event_fd() {
  poll_fd_ = UniqueFd(::epoll_create1(EPOLL_CLOEXEC));
  if (!poll_fd_.valid()) return shm::system_error("make a descriptor for callbacks");
  return watch_events();
}

Result<void> Connection::watch_events() const {
  Result<void> watched = watch(socket_->get());
  return watched ? watch(completions_.fd()) : watched;
}

Result<void> Connection::watch(int fd) const {
  epoll_event interest{};
  interest.events = EPOLLIN;
  if (::epoll_ctl(poll_fd_.get(), EPOLL_CTL_ADD, fd, &interest) != 0)
    return shm::system_error("watch a descriptor for callbacks");
  return {};
}

Result<void> Connection::start_over(std::uint64_t session_id, std::uint64_t token, UniqueFd completions,
                                    UniqueFd poll) {
  auto fresh = std::make_unique<Traffic>(*this, epoch(), &deferred_puts());
  fresh->exchange.transport().begin(std::make_unique<protocol::FrameReader>(), std::nullopt);
  abandon_to_parent(traffic_.release());
  traffic_ = std::move(fresh);
  record_.session_id = session_id;
  record_.fork_token = token;
  if (!completions_.start_over(std::move(completions)) || !poll_fd_.replace_by(std::move(poll)))
    return shm::system_error("put a child's descriptors in its parent's place");
  return watch_events();
}

// ---- without blocking ----

int Connection::event_fd() {
  if (!inherited()) exchange().watch();  // in a child, a thread of the parent may have locked the mutex
  return poll_fd_.get();
}

Result<void> Connection::process_events() {
  while (exchange().try_read()) {
  }
  exchange().flush(Exchange::Patience::none);
  if (exchange().gone_for_good()) exchange().fail_as_gone();
  completions_.run();
  const auto lock = exchange().lock();
  return exchange().failed() ? Result<void>(*exchange().failed()) : Result<void>();
}

// ---- what arrives ----

void Connection::take_notice(std::uint64_t number, const protocol::ReplyFrame& frame) {
  if (const auto* notice = frame.body_as_EventNotice()) events().take(number, *notice);
  if (const auto* failed = frame.body_as_PutFailedNotice()) deferred_puts().take(*failed);
}

void Connection::take_reply(Call& call, const protocol::ReplyFrame& frame) {
  if (const auto* created = frame.body_as_CreateReply(); created != nullptr && call.creating)
    extents().add(*call.creating, created->offset());
  else
    take_granted(*attachment_, call, frame);
}

/// If it is a create, no thread will ever learn where the object is: it is given up.
void Connection::drop_reply(const Call& call, const protocol::ReplyFrame& frame) noexcept {
  const auto* created = frame.body_as_CreateReply();
  if (created == nullptr || !call.creating) return;
  extents().remove(*call.creating, created->offset());
  try {
    exchange().post(abort_request(*this, *call.creating, created->offset(), epoch()));
  } catch (const std::bad_alloc&) {  // the session's end has the same effect
  }
}

void Connection::ended() noexcept {
  attachment_->cut_off();
  events().wake_all();
}

// ---- the store's end ----

Result<void> Connection::outlive_owner() {
  if (!exchange().gone_for_good()) {  // the keeper has its descriptors: whichever server answers goes on with the store
    if (auto answered = tell(protocol::PingRequestT()); !answered) return answered;
    if (!attachment_->gone()) return {};
  }
  exchange().fail_as_gone();
  return exchange().failure();
}

Result<Attachment::Attempt> Connection::hold_after_all(const ObjectId& id) {
  for (;;) {
    if (auto there = outlive_owner(); !there) return std::move(there).error();
    Attachment::Attempt attempt = attachment_->hold(id, Attachment::Count::hit);
    if (attempt.verdict != Attachment::Verdict::gone) return attempt;
  }
}

}  // namespace dolium::detail
