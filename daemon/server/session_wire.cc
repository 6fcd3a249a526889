#include "daemon/server/session_wire.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>

#include <memory>
#include <utility>

namespace dolium::daemon {

Result<void> SessionWire::queue(const Result<std::span<const std::byte>>& frame,
                                std::vector<shm::UniqueFd> descriptors) {
  return frame ? writer_.push(*frame, std::move(descriptors)) : Result<void>(frame.error());
}

Result<bool> SessionWire::flush() {
  Result<bool> flushed = channel_.flush(socket_, writer_);
  if (next_rings_ && flushed && *flushed)
    channel_.use_rings(*std::exchange(next_rings_, std::nullopt), protocol::RingPair::Side::daemon);
  return flushed;
}

void SessionWire::drop_unsent() {
  std::destroy_at(&writer_);
  std::construct_at(&writer_);
}

bool SessionWire::peer_has_read_all() const noexcept {
  int unread = 0;
  return ::ioctl(socket_, SIOCOUTQ, &unread) == 0 && unread == 0;
}

Result<protocol::ReadState> SessionWire::read(protocol::Channel::Look look) {
  const Result<protocol::ReadState> state = channel_.read(socket_, reader_, look);
  static_cast<void>(reader_.take_descriptors());
  return state;
}

}  // namespace dolium::daemon
