#pragma once
// FakeSpiller: a spill process in this process. Its disk is a map. It takes references and reads the arena as a client
// does, and can be slow, full, damaged or dead.

#include <algorithm>
#include <cstring>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "daemon/tier/tier.h"
#include "protocol/convert.h"
#include "shm/store/engine.h"
#include "tests/shm/store_fixture.h"

namespace dolium::daemon::test {

/// A message as its receiver reads it.
template <class Table>
class Packed {
 public:
  explicit Packed(const typename Table::NativeTableType& message) { builder_.Finish(Table::Pack(builder_, &message)); }
  [[nodiscard]] const Table& operator*() const { return *flatbuffers::GetRoot<Table>(builder_.GetBufferPointer()); }

 private:
  flatbuffers::FlatBufferBuilder builder_;
};

/// What a spill process has on its disk of one object.
struct SpillRecord {
  protocol::TierRecord head;
  std::vector<std::byte> bytes;
};

[[nodiscard]] inline std::uint64_t payload_of(const protocol::TierWrite& write) {
  return write.data_size() + write.metadata_size() + write.type_name_size() + write.label_size();
}
[[nodiscard]] inline SpillRecord make_record(const protocol::TierWrite& write, std::uint64_t location,
                                             const protocol::TierIncarnation& incarnation,
                                             std::span<const std::byte> bytes) {
  return {{location, location, write.stamp(), incarnation, write.expires_at_ns(), write.time_to_live_ms(),
           write.time_to_idle_ms(), write.data_size(), write.type_tag(), write.metadata_size(), write.uid(), write.id(),
           write.type_name_size(), write.label_size()},
          {bytes.begin(), bytes.end()}};
}
/// The place that the server names for a write.
[[nodiscard]] inline shm::Granted granted_by(const protocol::TierWrite& write, std::uint32_t succession) {
  return {{write.slot(), write.offset(), write.data_size(), write.metadata_size(), 0}, succession};
}

class FakeSpiller {
 public:
  using Record = SpillRecord;
  static constexpr std::uint64_t kDirectory = 77;
  static constexpr std::uint64_t kCatalogueRequest = 2;

  explicit FakeSpiller(shm::Engine& engine) : engine_(engine) {}

  /// A new session, which tells the whole catalogue.
  Result<void> connect(Tier& tier, const shm::Moment& now, std::uint64_t directory = kDirectory) {
    begin(now);
    protocol::TierHelloRequestT hello;
    hello.directory = std::make_unique<protocol::TierIncarnation>(directory, 1);
    hello.records = disk.size();
    const auto welcome = tier.hello(client_->id(), 1, *Packed<protocol::TierHelloRequest>(hello));
    if (!welcome) return welcome.error();
    incarnation_ = *welcome->incarnation;
    return tell(tier, now);
  }
  /// The process or its connection ends. What it has not done is void.
  void end(Tier& tier, const shm::Moment& now) {
    const shm::ClientId gone = client_->id();
    client_.reset();
    work_.clear();
    engine_.drop_client(gone, now.monotonic);
    tier.on_client_gone(gone);
  }

  void take(protocol::TierWorkNoticeT work) {
    for (const protocol::TierWrite& write : work.writes) hold(write, work.succession);
    if (!work.writes.empty()) ++notices_of_writes;
    most_in_notice = std::max({most_in_notice, work.writes.size(), work.drops.size()});
    orders.insert(orders.end(), work.orders.begin(), work.orders.end());
    if (work.grant != 0) static_cast<void>(client_->holder().take_up_grants(work.grant));
    work_.push_back(std::move(work));
  }
  void end_catalogue(protocol::TierCatalogueReplyT reply) {
    for (const std::uint32_t position : reply.dropped) disk.erase(told_[position]);
    end_of_catalogue = std::move(reply);
  }
  /// Does all that it was asked for, or in so many notices, and answers.
  void work(Tier& tier, shm::TimeNs now, std::size_t notices = SIZE_MAX) {
    const std::size_t count = std::min(notices, work_.size());
    std::vector<protocol::TierWorkNoticeT> todo(
        std::make_move_iterator(work_.begin()),
        std::make_move_iterator(work_.begin() + static_cast<std::ptrdiff_t>(count)));
    work_.erase(work_.begin(), work_.begin() + static_cast<std::ptrdiff_t>(count));
    for (protocol::TierWorkNoticeT& notice : todo) {
      for (const protocol::TierDrop& drop : notice.drops) disk.erase(drop.location());
      drops_heard += notice.drops.size();
      if (notice.clear) {
        ++clears_heard;
        std::erase_if(disk, [&](const auto& each) {
          const protocol::TierRecord& head = each.second.head;
          return head.incarnation().high() != incarnation_.high() || head.incarnation().low() != incarnation_.low() ||
                 head.stamp() <= notice.clear_through;
        });
      }
      protocol::TierWriteDoneRequestT written;
      for (const protocol::TierWrite& write : notice.writes) written.written.push_back(written_to_disk(write));
      protocol::TierReadDoneRequestT read;
      for (const protocol::TierRead& each : notice.reads) read.read.emplace_back(each.number(), read_from_disk(each));
      if (!written.written.empty())
        REQUIRE(tier.written(client(), *Packed<protocol::TierWriteDoneRequest>(written), now));
      if (!read.read.empty()) REQUIRE(tier.read(client(), *Packed<protocol::TierReadDoneRequest>(read), now));
    }
  }
  void tell_phase(Tier& tier, protocol::TierPhase phase, bool gone = false) const {
    protocol::TierStateRequestT state;
    state.phase = phase;
    state.gone = gone;
    state.reason = "the test says so";
    state.directory = "/the/directory";
    REQUIRE(tier.told(client(), *Packed<protocol::TierStateRequest>(state)));
  }
  [[nodiscard]] shm::ClientId client() const { return client_ == nullptr ? 0 : client_->id(); }
  [[nodiscard]] bool has_work() const { return !work_.empty(); }

  std::map<std::uint64_t, Record> disk;  // by location
  std::optional<protocol::TierCatalogueReplyT> end_of_catalogue;
  std::size_t notices_of_writes = 0;
  std::size_t most_in_notice = 0;  // writes, or drops
  std::vector<protocol::TierOrder> orders;
  bool full = false;
  bool behind = false;                 // it does not read what the server sends
  bool broken = false;                 // each read fails
  std::vector<std::uint64_t> damaged;  // locations
  std::size_t drops_heard = 0;
  std::size_t clears_heard = 0;

 private:
  void begin(const shm::Moment& now) {
    const shm::ClientId id = engine_.store().attach({.pid = 4, .uid = 4}, now.monotonic).value();
    client_ = std::make_unique<shm::test::TestClient>(engine_.store(), id);
  }
  Result<void> tell(Tier& tier, const shm::Moment& now) {
    protocol::TierCatalogueRequestT all;
    told_.clear();
    for (const auto& [location, record] : disk) all.records.push_back(record.head), told_.push_back(location);
    all.last = true;
    end_of_catalogue.reset();
    auto answer = tier.catalogue(client(), kCatalogueRequest, *Packed<protocol::TierCatalogueRequest>(all), now);
    if (!answer) return answer.error();
    if (*answer) end_catalogue(**std::move(answer));
    return {};
  }
  void hold(const protocol::TierWrite& write, std::uint32_t succession) {
    REQUIRE(client_->holder().hold_granted(granted_by(write, succession)).verdict == shm::Holder::Verdict::held);
  }
  protocol::TierWritten written_to_disk(const protocol::TierWrite& write) {
    const auto bytes = engine_.store().rows().memory.bytes(write.offset(), payload_of(write));
    static_cast<void>(client_->holder().release(write.slot()));
    if (full) return {write.stamp(), 0, write.slot(), protocol::TierWriteOutcome::full};
    const std::uint64_t location = ++last_location_;
    disk[location] = make_record(write, location, incarnation_, bytes);
    return {write.stamp(), location, write.slot(), protocol::TierWriteOutcome::done};
  }
  protocol::TierReadOutcome read_from_disk(const protocol::TierRead& read) {
    if (broken) return protocol::TierReadOutcome::failed;
    if (std::ranges::count(damaged, read.location()) != 0) return protocol::TierReadOutcome::damaged;
    const auto found = disk.find(read.location());
    if (found == disk.end()) return protocol::TierReadOutcome::gone;
    REQUIRE(protocol::from_wire(found->second.head.id()) == protocol::from_wire(read.id()));
    std::ranges::copy(found->second.bytes,
                      engine_.store().rows().memory.bytes(read.offset(), found->second.bytes.size()).begin());
    return protocol::TierReadOutcome::done;
  }

  shm::Engine& engine_;
  std::unique_ptr<shm::test::TestClient> client_;
  std::vector<protocol::TierWorkNoticeT> work_;
  std::vector<std::uint64_t> told_;  // the locations of the catalogue
  protocol::TierIncarnation incarnation_;
  std::uint64_t last_location_ = 100;
};

}  // namespace dolium::daemon::test
