// How a Connection begins: socket, HelloRequest, descriptors, mappings; and begins again in a forked child. See
// connection.h.

#include <fmt/format.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "client/remote/connection.h"
#include "client/remote/greeting.h"
#include "client/remote/origin.h"
#include "client/remote/session_link.h"
#include "protocol/peer.h"
#include "protocol/user_namespace.h"
#include "protocol/version.h"
#include "shm/os/cores.h"
#include "shm/os/system_error.h"

namespace dolium::detail {
namespace {

using protocol::Deadline;
using shm::Mapping;
using shm::UniqueFd;

/// Where HelloReply's descriptors stand.
enum Position : std::size_t {
  kIndex,
  kArena,
  kPinTable,
  kReleaseEvent,
  kReadOnlyCount,
  kWritableArena = kReadOnlyCount
};

/// The path as it will be understood whatever the working directory is by then.
std::string absolute(std::string_view path) {
  std::error_code failed;
  const std::string whole = std::filesystem::absolute(path, failed).string();
  return failed ? std::string(path) : whole;
}

/// In /tmp anybody may have put a socket where we look by default, and give us objects that nobody put: there only a
/// daemon of our own user's, or root's, will do.
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

/// Nobody looks for longer than an hour.
shm::TimeNs busy_poll_of(const ConnectOptions& options) {
  const auto busy_poll = std::clamp<std::chrono::microseconds>(options.busy_poll, {}, std::chrono::hours(1));
  return static_cast<shm::TimeNs>(std::chrono::nanoseconds(busy_poll).count());
}

}  // namespace

Result<std::shared_ptr<Connection>> Connection::open(std::string_view path, const ConnectOptions& options) {
  const Deadline deadline = protocol::deadline_after(options.connect_timeout);
  std::shared_ptr<Connection> connection(new Connection());
  Result<UniqueFd> socket = protocol::connect_to(path, deadline);
  if (!socket) return std::move(socket).error();
  connection->path_ = absolute(path);
  connection->socket_ = std::make_shared<UniqueFd>(*std::move(socket));
  if (auto trusted = check_daemon(path, connection->socket_->get()); !trusted) return std::move(trusted).error();
  if (shm::has_several_cores()) connection->busy_poll_.set(busy_poll_of(options));
  const Deadline patience = std::max(deadline, protocol::deadline_after(kHandshakeTimeout));
  if (auto shaken = connection->shake_hands(options, patience); !shaken) return std::move(shaken).error();
  if (auto opened = connection->completions_.open(); !opened) return std::move(opened).error();
  if (auto opened = connection->open_event_fd(); !opened) return std::move(opened).error();
  if (options.follow_fork)
    connection->link_->follow({connection->path_, connection->session_id_, connection->fork_token_},
                              connection->attachment(), connection);
  else
    connection->attachment().set_inherited_because("ConnectOptions::follow_fork is off");
  return connection;
}

Result<void> Connection::shake_hands(const ConnectOptions& options, Deadline deadline) {
  protocol::HelloRequestT hello;
  hello.protocol_version = protocol::kProtocolVersion;
  hello.access = static_cast<protocol::AccessMode>(options.access);
  hello.rings = wants_rings_ = options.rings;
  hello.name = options.name.empty() ? ::program_invocation_short_name : options.name;
  hello.library_version = DOLIUM_VERSION;
  hello.origin = own_origin();
  Call call;
  static_cast<void>(
      send(enlist(std::shared_ptr<Call>(std::shared_ptr<void>(), &call)), std::move(hello), Patience::wait));
  std::unique_lock lock(traffic_->mutex);
  if (!wait_until(
          lock, call.wake, [&call] { return call.answered; }, deadline)) {
    traffic_->calls.clear();
    return Error{Errc::timed_out, "the daemon accepted the connection but does not answer: is it stopped, or busy?"};
  }
  lock.unlock();
  const auto reply = reply_of<protocol::HelloReply>(call);
  if (!reply) return reply.error();
  if (traffic_->reader->has_lost_descriptors())
    return protocol::out_of_descriptors("what a connection to the daemon takes");
  return attach(**reply, traffic_->reader->take_descriptors());
}

Result<void> Connection::attach(const protocol::HelloReply& hello, std::vector<UniqueFd> descriptors) {
  if (hello.protocol_version() != protocol::kProtocolVersion)
    return Error{Errc::protocol_error, fmt::format("the daemon speaks version {} of the protocol, this library {}",
                                                   hello.protocol_version(), protocol::kProtocolVersion)};
  access_ = hello.access() == protocol::AccessMode::read_only ? Access::read_only : Access::read_write;
  session_id_ = hello.session_id();
  fork_token_ = hello.fork_token();
  has_leases_ = hello.leases();
  const bool rings = hello.ring_bytes() != 0;
  const std::size_t given = access_ == Access::read_only ? kReadOnlyCount : kReadOnlyCount + 1;
  const std::size_t expected = rings ? given + 1 : given;
  if (descriptors.size() != expected)
    return Error{Errc::protocol_error,
                 fmt::format("the daemon sent {} descriptors where {} belong", descriptors.size(), expected)};
  using Mode = Mapping::Mode;
  Attachment::Parts parts;
  Result<Mapping> index = Mapping::map(descriptors[kIndex], hello.index_bytes(), Mode::read_only, "index");
  if (!index) return std::move(index).error();
  parts.index = *std::move(index);
  Result<Mapping> arena = Mapping::map(descriptors[kArena], hello.arena_bytes(), Mode::read_only, "arena");
  if (!arena) return std::move(arena).error();
  parts.arena = *std::move(arena);
  Result<Mapping> pins = Mapping::map(descriptors[kPinTable], hello.pin_table_bytes(), Mode::read_write, "pin table");
  if (!pins) return std::move(pins).error();
  parts.pin_table = *std::move(pins);
  if (access_ == Access::read_write) {
    Result<Mapping> writable =
        Mapping::map(descriptors[kWritableArena], hello.arena_bytes(), Mode::read_write, "writable arena");
    if (!writable) return std::move(writable).error();
    parts.writable_arena = *std::move(writable);
  }
  if (rings) {
    Result<Mapping> memory = map_rings(hello, descriptors.back());
    if (!memory) return std::move(memory).error();
    traffic_->channel.use_rings(*std::move(memory), protocol::RingPair::Side::client);
  }
  auto link = std::make_unique<SessionLink>(std::move(descriptors[kReleaseEvent]), socket_);
  link_ = link.get();
  parts.on_release = std::move(link);
  Result<Attachment*> attachment = Attachment::create(std::move(parts));
  if (!attachment) return std::move(attachment).error();
  attachment_.reset(*attachment);
  successions_met_ = attachment_->successions();
  return {};
}

Result<void> Connection::open_event_fd() {
  poll_fd_ = UniqueFd(::epoll_create1(EPOLL_CLOEXEC));
  if (!poll_fd_.valid()) return shm::system_error("make a descriptor for callbacks");
  return watch_events();
}

Result<void> Connection::watch_events() const {
  for (const int fd : {socket_->get(), completions_.fd()}) {
    epoll_event interest{};
    interest.events = EPOLLIN;
    if (::epoll_ctl(poll_fd_.get(), EPOLL_CTL_ADD, fd, &interest) != 0)
      return shm::system_error("watch a descriptor for callbacks");
  }
  return {};
}

Result<void> Connection::start_over(std::uint64_t session_id, std::uint64_t token, UniqueFd completions,
                                    UniqueFd poll) {
  auto fresh = std::make_unique<Traffic>();
  abandon_to_parent(traffic_.release());
  traffic_ = std::move(fresh);
  session_id_ = session_id;
  fork_token_ = token;
  if (!completions_.start_over(std::move(completions)) || !poll_fd_.replace_by(std::move(poll)))
    return shm::system_error("put a child's descriptors in its parent's place");
  return watch_events();
}

}  // namespace dolium::detail
