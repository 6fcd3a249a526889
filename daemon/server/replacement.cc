#include "daemon/server/replacement.h"

#include <fmt/format.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <memory>
#include <optional>
#include <thread>

#include "protocol/codec.h"
#include "protocol/convert.h"
#include "protocol/fd_socket.h"
#include "protocol/frame.h"
#include "protocol/hello_answer.h"
#include "protocol/lock_holders.h"
#include "protocol/socket_owner.h"
#include "protocol/version.h"
#include "shm/os/system_error.h"

namespace dolium::daemon {
namespace {

using protocol::Deadline;
using shm::UniqueFd;

constexpr std::chrono::milliseconds kLook{10};

Error has_ended() {
  return {Errc::disconnected, "the running daemon ended while its server was replaced: its log says why"};
}

/// A connection for a few requests.
class Inquiry {
 public:
  /// `disconnected` and `out_of_memory`: no connection was possible.
  static Result<std::unique_ptr<Inquiry>> open(const std::string& path, Deadline deadline) {
    Result<UniqueFd> socket = protocol::connect_to(path, Deadline::min());
    if (!socket) return std::move(socket).error();
    std::unique_ptr<Inquiry> inquiry(new Inquiry(*std::move(socket)));
    protocol::HelloRequestT hello;
    hello.protocol_version = protocol::kProtocolVersion;
    hello.library_version = DOLIUM_VERSION;
    hello.access = protocol::AccessMode::read_only;
    hello.name = "doliumd --replace";
    const auto reply = inquiry->ask(hello, deadline);
    if (!reply) return reply.error();
    if ((*reply)->body_as_HelloReply() == nullptr) return refusal(**reply);
    static_cast<void>(inquiry->reader_.take_descriptors());
    return inquiry;
  }

  /// Sends a request. Returns the next message, which this object owns; an error if the connection has ended.
  template <class Request>
  Result<const protocol::ReplyFrame*> ask(const Request& request, Deadline deadline) {
    const auto frame = encoder_.encode(++number_, request);
    if (!frame) return frame.error();
    if (auto pushed = writer_.push(*frame); !pushed) return pushed.error();
    // An error shows when the answer is read.
    static_cast<void>(writer_.flush(socket_.get()));
    return receive(deadline);
  }

  /// The daemon's reason for a refusal.
  static Error refusal(const protocol::ReplyFrame& frame) {
    if (const auto* error = frame.body_as_ErrorReply()) return protocol::from_wire(*error);
    if (const auto* goodbye = frame.body_as_GoodbyeNotice())
      return {Errc::protocol_error, protocol::from_wire(goodbye->reason())};
    return {Errc::protocol_error, "the daemon sent an unexpected reply"};
  }

  Result<pid_t> server(Deadline deadline) {
    const auto reply = ask(protocol::StatsRequestT(), deadline);
    if (!reply) return reply.error();
    const auto* stats = (*reply)->body_as_StatsReply();
    return stats != nullptr ? Result<pid_t>(stats->server_pid()) : refusal(**reply);
  }

 private:
  explicit Inquiry(UniqueFd socket) : socket_(std::move(socket)) {}

  Result<const protocol::ReplyFrame*> receive(Deadline deadline) {
    std::string delayed;
    for (;;) {
      if (auto answer = protocol::next_answer(reader_, delayed)) return *std::move(answer);
      const Result<bool> ready = protocol::wait_readable(socket_.get(), deadline);
      if (!ready) return ready.error();
      if (!*ready)
        return Error{Errc::timed_out, delayed.empty() ? "the running daemon does not answer: is it stopped, or busy?"
                                                      : "the running daemon answers nothing yet: " + delayed};
      const Result<protocol::ReadState> read = reader_.read_from(socket_.get());
      if (!read) return read.error();
      if (*read == protocol::ReadState::end_of_file) return Error{Errc::disconnected, "the connection has ended"};
    }
  }

  UniqueFd socket_;
  protocol::Encoder encoder_;
  protocol::FrameReader reader_;
  protocol::FrameWriter writer_;
  std::uint64_t number_ = 0;
};

/// Returns the pid of the server that serves next.
Result<pid_t> new_server(const std::string& path, Deadline deadline) {
  for (;; std::this_thread::sleep_for(kLook)) {
    const auto inquiry = Inquiry::open(path, deadline);
    const Result<pid_t> server = inquiry ? (*inquiry)->server(deadline) : inquiry.error();
    if (server) return server;
    if (std::chrono::steady_clock::now() >= deadline) return has_ended();
  }
}

/// Returns nothing if no connection was possible, or the daemon does not know the request.
Result<std::optional<pid_t>> ask_over_socket(const std::string& path, const std::string& config_file,
                                             Deadline deadline) {
  const auto inquiry = Inquiry::open(path, deadline);
  if (!inquiry) {
    const Errc code = inquiry.error().code;
    const bool may_be_signalled =
        code == Errc::disconnected || code == Errc::out_of_memory || code == Errc::protocol_error;
    return may_be_signalled ? Result<std::optional<pid_t>>(std::nullopt) : inquiry.error();
  }
  protocol::ReplaceRequestT request;
  request.config_file = config_file;
  const auto reply = (*inquiry)->ask(request, deadline);
  // The server answers only if it is not restarted.
  if (reply && (*reply)->body_as_ErrorReply() != nullptr) return Inquiry::refusal(**reply);
  if (reply) return std::optional<pid_t>();  // a goodbye: the daemon does not know the request
  if (reply.error().code != Errc::disconnected && reply.error().code != Errc::system_error) return reply.error();
  const Result<pid_t> server = new_server(path, deadline);
  return server ? Result<std::optional<pid_t>>(*server) : server.error();
}

/// Finds the daemon that has, or had, this socket. The error says where to look for it.
Result<protocol::LockHolder> find_daemon(const std::string& path) {
  const std::vector<protocol::LockHolder> holders = protocol::find_lock_holders(path);
  if (!holders.empty() && (holders.front().is_current || holders.size() == 1)) return holders.front();
  if (!holders.empty()) {
    std::string keepers;
    for (const protocol::LockHolder& each : holders) keepers += fmt::format(" {}", each.keeper);
    return Error{Errc::invalid_argument,
                 fmt::format("{} daemons listened at {} before its files were removed (processes{}): send SIGHUP to "
                             "the one that is to have it",
                             holders.size(), path, keepers)};
  }
  const Result<protocol::SocketOwner> owner = protocol::read_socket_owner(path + ".lock");
  if (!owner) return owner.error();
  if (owner->keeper == 0)
    return Error{Errc::disconnected, fmt::format("no daemon holds {}: there is nothing to replace", path)};
  return Error{Errc::permission_denied,
               fmt::format("a daemon holds {}.lock, but cannot be asked, and its processes are not seen from here (it "
                           "calls itself process {} in its own PID namespace, which need not be that of this number "
                           "here): send SIGHUP to it there, or run this on the host, as root or its user",
                           path, owner->keeper)};
}

Result<pid_t> signal_keeper(const std::string& path, Deadline deadline) {
  const Result<protocol::LockHolder> daemon = find_daemon(path);
  if (!daemon) return daemon.error();
  const Result<UniqueFd> keeper = protocol::open_keeper(*daemon, path);
  if (!keeper) return keeper.error();
  const auto before = protocol::read_socket_owner(path + ".lock");
  if (::syscall(SYS_pidfd_send_signal, keeper->get(), SIGHUP, nullptr, 0) != 0)
    return shm::system_error("ask the running daemon to restart its server");
  for (; std::chrono::steady_clock::now() < deadline; std::this_thread::sleep_for(kLook)) {
    // The new server writes its pid, in its own PID namespace, into the lock file.
    const auto now = protocol::read_socket_owner(path + ".lock");
    if (now && now->server != 0 && (!before || now->server != before->server)) return new_server(path, deadline);
    if (const auto gone = protocol::wait_readable(keeper->get(), Deadline::min()); !gone || *gone) return has_ended();
  }
  return Error{Errc::timed_out, fmt::format("the server was not replaced within {} s: the daemon's log says why",
                                            kReplacementPatience.count())};
}

}  // namespace

Result<pid_t> replace_server(const std::string& socket_path, const std::string& config_file) {
  std::error_code error;
  const std::string config = config_file.empty() ? "" : std::filesystem::absolute(config_file, error).string();
  if (error) return shm::system_error("find the working directory", error.value());
  const Deadline deadline = std::chrono::steady_clock::now() + kReplacementPatience;
  Result<std::optional<pid_t>> server = ask_over_socket(socket_path, config, deadline);
  if (!server) return std::move(server).error();
  if (*server) return **server;
  if (!config.empty())
    return Error{Errc::invalid_argument,
                 "the running daemon cannot be asked which configuration file it reads: leave --config out"};
  return signal_keeper(socket_path, deadline);
}

}  // namespace dolium::daemon
