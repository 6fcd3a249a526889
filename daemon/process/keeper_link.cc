#include "daemon/process/keeper_link.h"

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "shm/os/persevere.h"

namespace dolium::daemon {
namespace {

using shm::UniqueFd;

struct Header {
  std::uint32_t kind;
  std::uint32_t text_size;
  std::uint64_t key;
};

/// Number of retries, a millisecond apart, while the kernel has no memory for a message.
constexpr int kMaxShortages = 1000;

using Ancillary = std::array<char, CMSG_SPACE(KeeperLink::kMaxDescriptors * sizeof(int))>;

std::vector<UniqueFd> descriptors_of(msghdr& message) {
  std::vector<UniqueFd> out;
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr; part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(part) + i * sizeof(int), sizeof(int));
      out.emplace_back(fd);
    }
  }
  return out;
}

/// Repeats the call until it does not return EAGAIN: an event loop may have made the socket non-blocking, and a message
/// must not be lost for that.
template <class Call>
ssize_t complete(const UniqueFd& socket, short events, Call call) {
  for (;;) {
    const ssize_t size = shm::persevere(kMaxShortages, call);
    if (size >= 0 || errno != EAGAIN) return size;
    pollfd entry{socket.get(), events, 0};
    static_cast<void>(::poll(&entry, 1, -1));  // the call tells whether it was interrupted
  }
}

}  // namespace

Result<std::pair<KeeperLink, KeeperLink>> KeeperLink::make_pair() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0)
    return shm::system_error("make the sockets between keeper and server");
  return std::pair(KeeperLink(UniqueFd(ends[0])), KeeperLink(UniqueFd(ends[1])));
}

Result<void> KeeperLink::send(KeeperMessage::Kind kind, std::uint64_t key, const std::string& text,
                              const std::vector<int>& descriptors) const {
  if (text.size() > kMaxText || descriptors.size() > kMaxDescriptors)
    return Error{Errc::invalid_argument, "a message to the keeper is too large"};
  Header header{static_cast<std::uint32_t>(kind), static_cast<std::uint32_t>(text.size()), key};
  std::array<iovec, 2> parts{iovec{&header, sizeof(header)}, iovec{const_cast<char*>(text.data()), text.size()}};
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  alignas(cmsghdr) Ancillary ancillary{};
  if (!descriptors.empty()) {
    message.msg_control = ancillary.data();
    message.msg_controllen = CMSG_SPACE(descriptors.size() * sizeof(int));
    cmsghdr* part = CMSG_FIRSTHDR(&message);
    part->cmsg_level = SOL_SOCKET;
    part->cmsg_type = SCM_RIGHTS;
    part->cmsg_len = CMSG_LEN(descriptors.size() * sizeof(int));
    std::memcpy(CMSG_DATA(part), descriptors.data(), descriptors.size() * sizeof(int));
  }
  if (complete(socket_, POLLOUT, [&] { return ::sendmsg(socket_.get(), &message, MSG_NOSIGNAL); }) >= 0) return {};
  // ETOOMANYREFS: clients have not received descriptors that were sent to them; only they can change that (unix(7)).
  const bool passes = errno == ETOOMANYREFS || shm::is_short_of_memory(errno);
  Error error = shm::system_error("send to the daemon's other process");
  if (passes) error.code = Errc::out_of_memory;
  return error;
}

Result<KeeperMessage> KeeperLink::receive() const {
  Header header{};
  std::array<char, kMaxText> text;
  std::array<iovec, 2> parts{iovec{&header, sizeof(header)}, iovec{text.data(), text.size()}};
  alignas(cmsghdr) Ancillary ancillary{};
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  message.msg_control = ancillary.data();
  message.msg_controllen = ancillary.size();
  const auto receive_one = [&] {
    return complete(socket_, POLLIN, [&] { return ::recvmsg(socket_.get(), &message, MSG_CMSG_CLOEXEC); });
  };
  ssize_t size = receive_one();
  // The peer ended with unread messages. The kernel reports that once, before the messages that the peer had sent.
  if (size < 0 && errno == ECONNRESET) size = receive_one();
  if (size < 0) return shm::system_error("receive from the daemon's other process");
  KeeperMessage out;
  if (size == 0) return out;
  out.item.descriptors = descriptors_of(message);
  // The kernel cuts descriptors off if this process has no room for them: an incomplete message is an error.
  if (static_cast<std::size_t>(size) != sizeof(header) + header.text_size || (message.msg_flags & MSG_CTRUNC) != 0)
    return Error{Errc::system_error,
                 "a message between keeper and server was truncated: is the limit of file descriptors too low?"};
  out.kind = static_cast<KeeperMessage::Kind>(header.kind);
  out.item.key = header.key;
  out.item.text.assign(text.data(), header.text_size);
  return out;
}

}  // namespace dolium::daemon
