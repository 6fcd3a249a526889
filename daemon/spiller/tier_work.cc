#include "daemon/spiller/tier_work.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "protocol/convert.h"

namespace dolium::spill {
namespace {

constexpr shm::TimeNs kSecond = 1'000'000'000;
/// Maximum number of ids in a message.
constexpr std::size_t kMaxDamaged = 4096;

std::uint64_t payload_of(const auto& asked) {
  return asked.data_size() + asked.metadata_size() + asked.type_name_size() + asked.label_size();
}

RecordHead head_of(const protocol::TierWrite& asked) {
  RecordHead head{.metadata_size = asked.metadata_size(),
                  .data_size = asked.data_size(),
                  .type_tag = asked.type_tag(),
                  .expires_at_ns = asked.expires_at_ns(),
                  .stamp = asked.stamp(),
                  .time_to_live_ms = asked.time_to_live_ms(),
                  .time_to_idle_ms = asked.time_to_idle_ms(),
                  .uid = asked.uid(),
                  .type_name_size = asked.type_name_size(),
                  .label_size = asked.label_size()};
  const ObjectId id = protocol::from_wire(asked.id());
  std::memcpy(head.id.data(), &id, head.id.size());
  return head;
}

protocol::TierWriteOutcome write_outcome(int error) {
  if (error == 0) return protocol::TierWriteOutcome::done;
  if (error == ECANCELED) return protocol::TierWriteOutcome::gone;
  return condition_of(error) == Condition::full ? protocol::TierWriteOutcome::full : protocol::TierWriteOutcome::failed;
}

protocol::TierReadOutcome read_outcome(int error) {
  switch (error) {
    case 0: return protocol::TierReadOutcome::done;
    case EBADMSG: return protocol::TierReadOutcome::damaged;
    case ENOENT: return protocol::TierReadOutcome::gone;
    default: return protocol::TierReadOutcome::failed;
  }
}

protocol::TierPhase phase_of(Condition condition) {
  switch (condition) {
    case Condition::ready: return protocol::TierPhase::ready;
    case Condition::full: return protocol::TierPhase::full;
    case Condition::read_only: return protocol::TierPhase::read_only;
    case Condition::gone: return protocol::TierPhase::failed;
    case Condition::failing: break;
  }
  // Not `failed`: records can be read, and the next write is tried.
  return protocol::TierPhase::read_only;
}

}  // namespace

void TierWork::take(const protocol::TierWorkNotice& notice) {
  if (const auto* drops = notice.drops())
    for (const protocol::TierDrop* each : *drops) drop(*each);
  if (notice.clear()) engine_.clear(notice.clear_through());
  if (const auto* writes = notice.writes())
    for (const protocol::TierWrite* each : *writes) write(*each, notice);
  if (notice.grant() != 0) session_.take_up_grants(notice.grant());
  if (const auto* reads = notice.reads())
    for (const protocol::TierRead* each : *reads) read(*each);
  if (const auto* orders = notice.orders())
    for (const protocol::TierOrder* each : *orders) orders_.push_back({each->number(), each->kind()});
}

void TierWork::write(const protocol::TierWrite& asked, const protocol::TierWorkNotice& notice) {
  const std::uint64_t stamp = asked.stamp();
  const std::uint32_t slot = asked.slot();
  const shm::Granted granted{{slot, asked.offset(), asked.data_size(), asked.metadata_size(), asked.type_tag()},
                             notice.succession()};
  const std::uint64_t size = payload_of(asked);
  const std::span<const std::byte> bytes = session_.bytes(asked.offset(), size);
  const std::optional<shm::Held> held = session_.hold(granted);
  if (!held || bytes.size() != size) {
    if (held) session_.release(*held);
    written_.push_back({stamp, 0, slot, protocol::TierWriteOutcome::gone});
    return;
  }
  engine_.write(head_of(asked), bytes, [this, number = writing_.put({stamp, *held})](int error, Sequence location) {
    const Writing done = writing_.take(number);
    session_.release(done.held);
    on_written(done.stamp, done.held.slot, error, location);
  });
}

void TierWork::on_written(std::uint64_t stamp, std::uint32_t slot, int error, Sequence location) {
  written_.push_back({stamp, error == 0 ? location : 0, slot, write_outcome(error)});
}

void TierWork::read(const protocol::TierRead& asked) {
  const std::uint64_t number = asked.number();
  const std::uint64_t size = payload_of(asked);
  const Entry* entry = engine_.find(asked.location());
  const std::span<std::byte> into = session_.writable_bytes(asked.offset(), size);
  if (entry == nullptr) {
    read_.push_back({number, protocol::TierReadOutcome::gone});
  } else if (entry->id != protocol::from_wire(asked.id()) || entry->size != size || into.size() != size) {
    read_.push_back({number, protocol::TierReadOutcome::damaged});
  } else {
    engine_.read(asked.location(), into, [this, number](int error) { read_.push_back({number, read_outcome(error)}); });
  }
}

void TierWork::drop(const protocol::TierDrop& asked) {
  const Entry* entry = engine_.find(asked.location());
  if (entry != nullptr && entry->id == protocol::from_wire(asked.id())) engine_.drop(asked.location());
}

Result<void> TierWork::send_answers(shm::TimeNs now) {
  if (auto sent = send_state(now); !sent) return sent;  // first: `full` comes before the first refusal
  if (auto sent = send_written(); !sent) return sent;
  if (!read_.empty()) {
    protocol::TierReadDoneRequestT done;
    done.read = std::exchange(read_, {});
    if (auto sent = session_.send(done); !sent) return sent.error();
  }
  return work_on_orders(now);
}

Result<void> TierWork::send_written() {
  for (std::size_t first = 0; first < written_.size(); first += kMaxAnswers) {
    const auto begin = written_.begin() + static_cast<std::ptrdiff_t>(first);
    protocol::TierWriteDoneRequestT done;
    done.written.assign(begin, begin + static_cast<std::ptrdiff_t>(std::min(kMaxAnswers, written_.size() - first)));
    if (auto sent = session_.send(done); !sent) return sent.error();
  }
  written_.clear();
  return {};
}

protocol::TierStateRequestT TierWork::state_of(const EngineReport& report) const {
  protocol::TierStateRequestT out;
  out.phase = phase_of(report.condition);
  out.reason = report.reason;
  out.directory = directory_;
  out.io = io_;
  out.capacity_bytes = report.capacity;
  out.used_bytes = report.used_bytes;
  out.live_bytes = report.live_bytes;
  out.records = report.records;
  out.segments = static_cast<std::uint32_t>(report.files);
  out.written_bytes = report.written_bytes;
  out.read_bytes = report.read_bytes;
  out.compacted_bytes = report.compacted_bytes;
  out.write_errors = report.write_errors;
  out.read_errors = report.read_errors;
  out.last_sync_ns = report.last_sync_ns;
  out.damaged = report.damaged;
  out.unreadable = report.unreadable;
  out.lost_records = report.lost_records;
  out.gone = report.condition == Condition::gone;
  return out;
}

/// At once when the phase has changed, and once a second while a figure changes.
Result<void> TierWork::send_state(shm::TimeNs now) {
  const bool is_due = !has_told_ || now >= state_at_;
  if (!is_due && engine_.condition() == told_.condition) return {};
  state_at_ = now + kSecond;
  EngineReport report = engine_.report();
  if (has_told_ && report == told_) return {};
  has_told_ = true;
  const Result<std::uint64_t> sent = session_.send(state_of(report));
  told_ = std::move(report);
  return sent ? Result<void>() : sent.error();
}

/// One order after the other.
Result<void> TierWork::work_on_orders(shm::TimeNs now) {
  if (orders_.empty()) return {};
  Order& order = orders_.front();
  if (!std::exchange(order.begun, true)) begin(order, now);
  if (!is_finished(order) && now < progress_at_) return {};
  progress_at_ = now + kSecond;
  protocol::TierOrderDoneRequestT progress = progress_of(order);
  if (progress.finished) orders_.pop_front();
  const Result<std::uint64_t> sent = session_.send(std::move(progress));
  return sent ? Result<void>() : sent.error();
}

void TierWork::begin(Order& order, shm::TimeNs now) {
  order.used_before = engine_.report().used_bytes;
  if (order.kind == protocol::TierOrderKind::verify) engine_.verify();
  if (order.kind == protocol::TierOrderKind::compact) engine_.compact();
  progress_at_ = now + kSecond;
}

bool TierWork::is_finished(const Order& order) const noexcept {
  if (order.kind == protocol::TierOrderKind::verify) return !engine_.is_verifying();
  return order.kind != protocol::TierOrderKind::compact || engine_.is_compacted();
}

std::uint64_t TierWork::freed(const Order& order, const EngineReport& report) noexcept {
  return order.used_before > report.used_bytes ? order.used_before - report.used_bytes : 0;
}

protocol::TierOrderDoneRequestT TierWork::progress_of(Order& order) {
  protocol::TierOrderDoneRequestT out;
  out.number = order.number;
  if (order.kind == protocol::TierOrderKind::compact) {
    const EngineReport report = engine_.report();
    out.finished = engine_.is_compacted();
    out.records = report.records;
    out.bytes = out.freed_bytes = freed(order, report);
    return out;
  }
  if (order.kind != protocol::TierOrderKind::verify) return forget(order);
  const Verified verified = engine_.take_verified(kMaxDamaged);
  out.finished = verified.finished;
  out.records = verified.records;
  out.bytes = verified.bytes;
  for (const ObjectId& each : verified.damaged) out.damaged.push_back(protocol::to_wire(each));
  return out;
}

protocol::TierOrderDoneRequestT TierWork::forget(const Order& order) {
  protocol::TierOrderDoneRequestT out;
  out.number = order.number;
  out.finished = true;
  if (order.kind != protocol::TierOrderKind::forget) {
    out.error = "this version of doliumd-spill does not know the order";
    return out;
  }
  const std::uint64_t records = engine_.report().records;
  const Result<std::uint64_t> freed = engine_.forget();
  if (!freed) {
    out.error = freed.error().message;
    return out;
  }
  out.records = records;
  out.bytes = out.freed_bytes = *freed;
  has_forgotten_ = true;
  return out;
}

}  // namespace dolium::spill
