#include "daemon/spill/removals.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <utility>

namespace dolium::spill {

RecordHead Removals::head_of(const Tombstone& tombstone) {
  RecordHead head{.sequence = tombstone.sequence, .stamp = tombstone.stamp, .incarnation = tombstone.incarnation};
  std::memcpy(head.id.data(), &tombstone.id, head.id.size());
  head.kind = RecordKind::tombstone;
  head.names = tombstone.names;
  return head;
}

RecordHead Removals::head_of(const ClearMark& clear) {
  RecordHead head{.sequence = clear.sequence, .stamp = clear.stamp, .incarnation = clear.incarnation};
  head.kind = RecordKind::clear;
  head.names = clear.through;
  return head;
}

void Removals::bury(const Tombstone& tombstone, const RemovalPtr& removal, Tell tell) {
  put(head_of(tombstone), removal, tell);
}

void Removals::clear(const ClearMark& clear, const RemovalPtr& removal) {
  put(head_of(clear), removal, Tell::when_durable);
}

void Removals::put(const RecordHead& head, const RemovalPtr& removal, Tell tell, bool again) {
  ++under_way_;
  log_.put_upkeep({head, {}, {}, [this, removal, tell, again](const Appended& appended) {
                     --under_way_;
                     if (appended.error != 0) {
                       failed_.push_back({appended.head, tell == Tell::when_durable ? removal : nullptr});
                       if (!again) ++behind_;
                       return;
                     }
                     if (again) --behind_;
                     if (appended.head.kind == RecordKind::clear) note_clear(appended);
                   }});
}

void Removals::note_clear(const Appended& appended) {
  const RecordHead& head = appended.head;
  if (head.sequence >= table_.clear().sequence)
    table_.set_clear({head.sequence, head.stamp, head.incarnation, head.names, appended.file});
}

void Removals::retry() {
  for (Failed& each : std::exchange(failed_, {})) {
    // What a tombstone names may be gone by now.
    if (each.head.kind != RecordKind::tombstone || table_.find(each.head.names) != nullptr)
      put(each.head, each.removal, Tell::when_durable, true);
    else
      --behind_;
  }
}

void Removals::settle() {
  std::vector<RemovalPtr> gone;
  for (auto entry = ends_.begin(); entry != ends_.end();) {
    const bool stays = table_.find(entry->first) != nullptr;
    if (!stays) std::ranges::move(entry->second, std::back_inserter(gone));
    entry = stays ? std::next(entry) : ends_.erase(entry);
  }
}

}  // namespace dolium::spill
