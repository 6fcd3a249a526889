#pragma once
// UnsealedObjects: the objects that are being written, by chain and id, and for each creator a list of its own. None of
// them is in the index yet.
//
// Ordered, not hashed: clients choose ids, and could craft colliding ones. Objects that will share a hash chain of the
// index lie together here, so the chain's length is known before they are sealed. Lists are in the order of creation;
// the cost of one client's calls does not depend on what others write.
//
// Not thread-safe.

#include <boost/intrusive/list.hpp>

#include <cstdint>
#include <map>
#include <utility>

#include <dolium/object_id.h>

#include "shm/os/basic_types.h"
#include "shm/store/store_types.h"

namespace dolium::shm {

struct UnsealedObject {
  std::uint32_t chain;  ///< number of the id's bucket
  SlotIndex slot;
  ClientId creator;
  TimeNs created;
};
/// Member of its creator's list until it is erased.
struct ListedUnsealed : UnsealedObject,
                        boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
  explicit ListedUnsealed(const UnsealedObject& object) noexcept : UnsealedObject(object) {}
};
/// The unsealed objects of one client, the oldest first.
using UnsealedList = boost::intrusive::list<ListedUnsealed, boost::intrusive::constant_time_size<false>>;

class UnsealedObjects {
 public:
  /// Precondition: there is none of this id.
  void add(const ObjectId& id, const UnsealedObject& object, UnsealedList& of_creator) {
    of_creator.push_back(objects_.try_emplace(Key(object.chain, id), object).first->second);
  }
  /// nullptr: there is none.
  [[nodiscard]] const UnsealedObject* find(std::uint32_t chain, const ObjectId& id) const {
    const auto found = objects_.find(Key(chain, id));
    return found == objects_.end() ? nullptr : &found->second;
  }
  void erase(std::uint32_t chain, const ObjectId& id) { objects_.erase(objects_.find(Key(chain, id))); }
  /// Number of objects of one chain, counted up to the limit.
  [[nodiscard]] std::uint32_t count_in(std::uint32_t chain, std::uint32_t limit) const {
    std::uint32_t count = 0;
    for (auto it = objects_.lower_bound(Key(chain, ObjectId()));
         it != objects_.end() && it->first.first == chain && count < limit; ++it)
      ++count;
    return count;
  }
  [[nodiscard]] std::size_t size() const noexcept { return objects_.size(); }
  [[nodiscard]] bool empty() const noexcept { return objects_.empty(); }

 private:
  using Key = std::pair<std::uint32_t, ObjectId>;

  std::map<Key, ListedUnsealed> objects_;
};

}  // namespace dolium::shm
