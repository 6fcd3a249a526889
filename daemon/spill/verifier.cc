#include "daemon/spill/verifier.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace dolium::spill {

void Verifier::start(const Catalogue& catalogue) {
  records_.clear();
  records_.reserve(catalogue.size());
  catalogue.for_each([this](Sequence number, const Entry&) { records_.push_back(number); });
  std::ranges::sort(records_, {}, [&](Sequence each) {
    const Entry& entry = *catalogue.find(each);
    return std::tuple(entry.file, entry.payload_at);
  });
  next_ = under_way_ = 0;
  ++run_;
  running_ = true;
  progress_ = {};
}

void Verifier::pump(const Catalogue& catalogue, shm::TimeNs now) {
  constexpr shm::TimeNs kSecond = 1'000'000'000;
  constexpr shm::TimeNs kBurst = kSecond / 10;
  next_read_ = std::max(next_read_, now < kBurst ? 0 : now - kBurst);
  while (may_read(now) && next_ < records_.size() && under_way_ < kUnderWay) {
    const Sequence sequence = records_[next_++];
    const Entry* entry = catalogue.find(sequence);
    if (entry == nullptr) continue;
    const ObjectId id = entry->id;
    next_read_ += static_cast<shm::TimeNs>(static_cast<double>(entry->size) / kBytesPerSecond * kSecond);
    ++under_way_;
    const bool begun =
        check_(sequence, [this, run = run_, id, bytes = entry->size](int error) { on_checked(run, id, bytes, error); });
    if (!begun) --under_way_;
  }
  if (running_ && next_ == records_.size() && under_way_ == 0) running_ = false;
}

void Verifier::on_checked(std::uint32_t run, const ObjectId& id, std::uint64_t bytes, int error) {
  if (run != run_) return;
  --under_way_;
  ++progress_.records;
  progress_.bytes += bytes;
  if (error != 0) progress_.damaged.push_back(id);
}

Verified Verifier::take_progress(std::size_t most) {
  std::vector<ObjectId>& damaged = progress_.damaged;
  Verified out{.records = progress_.records, .bytes = progress_.bytes, .damaged = {}};
  const auto end = damaged.begin() + static_cast<std::ptrdiff_t>(std::min(most, damaged.size()));
  out.damaged.assign(damaged.begin(), end);
  damaged.erase(damaged.begin(), end);
  out.finished = !running_ && damaged.empty();
  return out;
}

}  // namespace dolium::spill
