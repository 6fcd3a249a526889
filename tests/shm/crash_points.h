#pragma once
// CrashPoints: what a store's memory looks like at every point at which its process can be killed.
//
// The shared memory that the store writes is made read-only while an operation runs. Each store instruction then
// faults; the handler copies the memory as it is, lets that one instruction through (the processor's trap flag), and
// closes the memory again. So nothing in the store knows of it, and no point is forgotten: a killed process's memory
// is what its last instruction left.
//
// The arena is not copied: what runs here writes to it only where nothing is, a moved object's new place.

#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

#include "shm/store/store.h"

namespace dolium::shm::test {

/// The contents of segments() but the arena's, one behind the other.
using Image = std::vector<std::byte>;

/// What the memory was before each store of `operation`, and after its last. Not in two threads at once.
[[nodiscard]] std::vector<Image> images_during(const Store& store, const std::function<void()>& operation);

/// The memory as it is.
[[nodiscard]] Image image_of(const Store& store);

/// A store that goes on with `image`, with copies of `store`'s arena and of its clients' pin tables: all in memory of
/// its own, so that it can be used up. `config`: of the next server, when it has another.
[[nodiscard]] std::unique_ptr<Store> recovered(Store& store, const Image& image, const std::vector<ClientId>& clients,
                                               TimeNs now, const StoreConfig* config = nullptr);

}  // namespace dolium::shm::test
