// A store's sessions with fuzzed clients: each input is a history of the bytes of four connections: valid requests
// about a few ids, changed bytes, half frames, unexpected descriptors, ends in the middle. Afterwards the store's
// bookkeeping must be consistent, and when the connections have ended, nothing of them may be left.

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <span>

#include "protocol/convert.h"
#include "protocol/version.h"
#include "tests/fuzz/mini_server.h"

namespace {

using namespace dolium;

/// The input, byte by byte; zeros behind its end.
class Choices {
 public:
  explicit Choices(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}
  [[nodiscard]] bool done() const noexcept { return bytes_.empty(); }
  [[nodiscard]] std::uint8_t byte() noexcept {
    if (bytes_.empty()) return 0;
    const std::uint8_t first = bytes_.front();
    bytes_ = bytes_.subspan(1);
    return first;
  }
  [[nodiscard]] std::uint64_t below(std::uint64_t bound) noexcept { return byte() % bound; }
  [[nodiscard]] ObjectId id() noexcept {
    return ObjectId::from_name(std::string(1, static_cast<char>('a' + below(6))));
  }

 private:
  std::span<const std::uint8_t> bytes_;
};

/// What is left of each lease that was asked for, if it was given and everything since went well.
using Leases = std::map<ObjectId, std::uint64_t>;

/// One connection's far end.
struct Peer {
  shm::UniqueFd socket;
  std::uint64_t last_request = 0;
  Leases leases;
};

constexpr std::uint64_t kCapacity = 64 * 1024;

std::unique_ptr<protocol::NewObjectT> new_object(Choices& choose) {
  auto object = std::make_unique<protocol::NewObjectT>();
  object->id = protocol::to_wire_pointer(choose.id());
  object->data_size = choose.below(8) == 0 ? UINT64_MAX - choose.byte() : choose.byte() * std::uint64_t{150};
  object->metadata_size = static_cast<std::uint32_t>(choose.below(4) * 16);
  object->type_name = choose.below(4) == 0 ? "type" : "";
  // Derived, not chosen: the seeds keep their meaning.
  object->label = object->metadata_size == 32 ? "label" : object->metadata_size == 48 ? "not UTF-8: \xff" : "";
  object->pinned = choose.below(8) == 0;
  object->time_to_live_ms = choose.below(16) == 0 ? choose.byte() : 0;
  if (object->metadata_size == 16) object->grace_ms = static_cast<std::uint32_t>(object->data_size % 100 * 50'000);
  object->grace_readers = static_cast<std::uint32_t>(object->data_size % 3);
  object->retention = static_cast<protocol::Retention>(object->data_size % 7 == 0 ? object->data_size % 4 : 0);
  return object;
}

protocol::PutHead put_head(Choices& choose) {
  const auto object = new_object(choose);
  return {*object->id,
          static_cast<std::uint8_t>(object->type_name.size()),
          object->pinned,
          static_cast<std::uint8_t>(object->label.size()),
          object->retention,
          static_cast<std::uint32_t>(object->data_size % 4096),
          object->metadata_size,
          object->type_tag,
          object->time_to_live_ms,
          0,
          object->grace_ms,
          object->grace_readers};
}

std::uint64_t size_of(const protocol::PutHead& head) {
  return std::uint64_t{head.data_size()} + head.metadata_size() + head.type_name_size() + head.label_size();
}

protocol::PutRequestT put(Choices& choose) {
  protocol::PutRequestT request;
  for (std::uint64_t i = choose.below(3) == 0 ? choose.below(5) : 1; i > 0; --i) {
    const auto head = put_head(choose);
    request.heads.push_back(head);
    request.bytes.resize(request.bytes.size() + size_of(head), 7);
  }
  if (choose.below(8) == 0) request.bytes.push_back(7);  // one too many
  request.hold = choose.below(2) == 0;
  request.timeout_ns = choose.below(4) == 0 ? choose.byte() * std::uint64_t{100'000} : 0;
  request.deferred = choose.below(4) == 0;
  return request;
}

/// Of a size that leases have, or of any.
protocol::LeaseRequestT lease(Choices& choose, Leases& leases) {
  protocol::LeaseRequestT request;
  const ObjectId id = choose.id();
  request.id = protocol::to_wire_pointer(id);
  request.bytes = choose.below(8) != 0 ? choose.byte() * shm::kUnitBytes : UINT64_MAX - choose.byte();
  leases[id] = request.bytes;
  return request;
}

/// Of a lease that this connection thinks it has, if it can, and of what fits; or of any lease, and of too much.
protocol::PutLeasedRequestT put_leased(Choices& choose, Leases& leases) {
  protocol::PutLeasedRequestT request;
  const std::uint8_t lies = choose.byte();
  ObjectId id = choose.id();
  if (lies >= 32 && !leases.empty())
    id = std::next(leases.begin(), static_cast<std::ptrdiff_t>(choose.below(leases.size())))->first;
  request.lease = protocol::to_wire_pointer(id);
  request.deferred = choose.below(2) == 0;
  const auto known = leases.find(id);
  std::uint64_t left = known == leases.end() ? 0 : known->second;
  request.left = lies % 8 == 0 ? choose.byte() * shm::kUnitBytes : left;
  for (std::uint64_t i = choose.below(5); i > 0; --i) {
    protocol::PutHead one = put_head(choose);
    if (choose.below(4) == 0 && left < 4096)  // all of it, or a little more
      one = {one.id(),
             one.type_name_size(),
             one.pinned(),
             one.label_size(),
             one.retention(),
             static_cast<std::uint32_t>(left),
             one.metadata_size(),
             one.type_tag(),
             one.time_to_live_ms(),
             0,
             one.grace_ms(),
             one.grace_readers()};
    const std::uint64_t taken = shm::Arena::taken_by(size_of(one));
    if (taken > left && lies % 16 != 1) continue;
    left -= std::min(left, taken);
    request.heads.push_back(one);
  }
  if (known != leases.end()) known->second = left;
  std::erase_if(leases, [](const auto& lease) { return lease.second == 0; });
  return request;
}

std::uint64_t some_timeout(Choices& choose) {
  return choose.below(2) == 0 ? UINT64_MAX : choose.byte() * std::uint64_t{100'000};
}

/// The frame of a request that a client could send; empty for an id that cannot be encoded.
std::vector<std::byte> frame_of(Choices& choose, std::uint64_t number, Leases& leases) {
  protocol::Encoder encoder;
  const auto encoded = [&](auto message) {
    const auto frame = encoder.encode(number, message).value();
    return std::vector<std::byte>(frame.begin(), frame.end());
  };
  const auto about = [&](auto message) {
    message.id = protocol::to_wire_pointer(choose.id());
    return encoded(std::move(message));
  };
  switch (choose.below(24)) {
    case 0: {
      protocol::HelloRequestT hello;
      hello.protocol_version = protocol::kProtocolVersion;
      hello.access = choose.below(4) == 0 ? protocol::AccessMode::read_only : protocol::AccessMode::read_write;
      hello.rings = choose.below(2) == 0;
      hello.fork_of = choose.below(8) == 0 ? choose.below(4) : 0;
      return encoded(std::move(hello));
    }
    case 1: {
      protocol::CreateRequestT create;
      create.object = new_object(choose);
      create.timeout_ns = choose.below(2) == 0 ? 0 : choose.byte() * std::uint64_t{100'000};
      return encoded(std::move(create));
    }
    case 2: {
      protocol::SealRequestT seal;
      seal.hold = choose.below(2) == 0;
      return about(std::move(seal));
    }
    case 3: return about(protocol::AbortRequestT());
    case 4: return encoded(put(choose));
    case 5:
    case 6: return encoded(lease(choose, leases));
    case 7: {
      protocol::GetRequestT get;
      for (std::uint64_t i = choose.below(4); i > 0; --i) get.ids.push_back(protocol::to_wire(choose.id()));
      get.timeout_ns = some_timeout(choose);
      get.count = static_cast<std::uint32_t>(choose.below(8) == 0 ? choose.below(4) : 0);  // perhaps too many
      return encoded(std::move(get));
    }
    case 8: {
      protocol::CancelRequestT cancel;
      cancel.request_id = choose.below(number + 1);
      return encoded(std::move(cancel));
    }
    case 9: return about(protocol::MetadataRequestT());
    case 10: {
      protocol::ListRequestT list;
      list.cursor = static_cast<std::uint32_t>(choose.byte());
      return encoded(std::move(list));
    }
    case 11: return about(protocol::PinRequestT());
    case 12: {
      if (number % 2 == 0) return about(protocol::UnpinRequestT());
      protocol::ExtendGraceRequestT extend;  // derived, too: sometimes more than an hour, or for no reader
      extend.grace_ms = static_cast<std::uint32_t>(number % 100 * 50'000);
      extend.readers = static_cast<std::uint32_t>(number % 3);
      return about(std::move(extend));
    }
    case 13: return about(protocol::RemoveRequestT());
    case 14: {
      if (number % 4 == 0) return encoded(protocol::TrimRequestT());
      if (number % 4 == 1) return encoded(protocol::SpillOrderRequestT());
      if (number % 4 == 2) return encoded(protocol::ForgetSpilledRequestT());
      protocol::EvictRequestT evict;
      evict.bytes = choose.byte() * std::uint64_t{1000};
      return encoded(std::move(evict));
    }
    case 15: return encoded(protocol::ClearRequestT());
    case 16: return encoded(protocol::StatsRequestT());
    case 17: return encoded(protocol::SubscribeRequestT());
    case 18: {
      protocol::UnsubscribeRequestT unsubscribe;
      unsubscribe.subscription = choose.below(number + 1);
      return encoded(std::move(unsubscribe));
    }
    case 19: return encoded(lease(choose, leases));
    case 20: return encoded(put_leased(choose, leases));
    case 21: return encoded(protocol::AdoptRequestT());
    case 22: {
      protocol::WaitRequestT wait;
      for (std::uint64_t i = choose.below(4); i > 0; --i) wait.ids.push_back(protocol::to_wire(choose.id()));
      wait.count = static_cast<std::uint32_t>(choose.below(4));  // perhaps none, or too many
      wait.timeout_ns = some_timeout(choose);
      return encoded(std::move(wait));
    }
    default: {
      protocol::TakeRequestT take;
      take.timeout_ns = some_timeout(choose);
      take.type_tag = choose.below(4);
      return about(std::move(take));
    }
  }
}

void send(const Peer& peer, std::span<const std::byte> bytes, bool with_descriptors) {
  iovec piece{const_cast<std::byte*>(bytes.data()), bytes.size()};
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(2 * sizeof(int))> control{};
  if (with_descriptors) {
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(2 * sizeof(int));
    const std::array<int, 2> numbers = {0, 1};
    std::memcpy(CMSG_DATA(header), numbers.data(), sizeof(numbers));
  }
  // Whether it fits, or anybody listens, is not this side's worry.
  static_cast<void>(::sendmsg(peer.socket.get(), &message, MSG_DONTWAIT | MSG_NOSIGNAL));
}

void listen_to(const Peer& peer) {
  std::array<std::byte, 65536> replies;
  while (::recv(peer.socket.get(), replies.data(), replies.size(), MSG_DONTWAIT) > 0) {
  }
}

void step(fuzz::MiniServer& server, Peer& peer, Choices& choose) {
  if (!peer.socket.valid()) {
    peer = {server.connect(), 0, {}};
    return;
  }
  const std::uint8_t what = choose.byte();
  if (what < 8) return peer.socket.reset();
  if (what < 16) return listen_to(peer);
  std::vector<std::byte> frame = frame_of(choose, what < 24 ? choose.byte() : ++peer.last_request, peer.leases);
  if (what < 48) frame[choose.byte() % frame.size()] ^= static_cast<std::byte>(choose.byte());
  if (what < 56) frame.resize(choose.byte() % frame.size() + 1);
  send(peer, frame, what >= 56 && what < 60);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr int kMostSteps = 200;
  StoreConfig config;
  config.capacity = kCapacity;
  config.max_objects = 64;
  config.prefault = false;
  config.eviction_policy =
      size == 0 ? EvictionPolicy::lru : static_cast<EvictionPolicy>(data[0] % kEvictionPolicyNames.size());
  Choices choose({data, size});
  static_cast<void>(choose.byte());
  fuzz::MiniServer server(config);
  std::array<Peer, 4> peers;
  for (int steps = 0; steps < kMostSteps && !choose.done(); ++steps) {
    Peer& peer = peers[choose.below(peers.size())];
    step(server, peer, choose);
    server.turn();
    server.store().check_invariants();
  }
  for (Peer& peer : peers) peer.socket.reset();
  // What was sent to a session that has rings is taken for bells, some hundred a turn.
  constexpr int kMostTurns = 1000;
  for (int turns = 0; turns < kMostTurns && server.session_count() != 0; ++turns) server.turn();
  server.store().check_invariants();
  const StoreStats left = server.store().stats(shm::monotonic_now());
  if (server.session_count() != 0 || left.client_count != 0 || left.unsealed_count != 0 || left.in_use_count != 0) {
    std::fprintf(stderr, "left behind: %zu sessions, %zu clients, %zu unsealed, %zu in use\n", server.session_count(),
                 static_cast<std::size_t>(left.client_count), static_cast<std::size_t>(left.unsealed_count),
                 static_cast<std::size_t>(left.in_use_count));
    std::abort();
  }
  return 0;
}
