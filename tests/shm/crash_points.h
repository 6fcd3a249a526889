#pragma once
// CrashPoints: the contents of a store's memory at every point at which its process can be killed.
//
// The shared memory that the store writes is made read-only during an operation, so each store instruction faults. The
// handler copies the memory, executes that one instruction (with the processor's trap flag), and makes the memory
// read-only again. The store needs no changes for this, and no point is missed: a killed process leaves the memory as
// its last instruction left it.
//
// The arena is not copied, because the operations here only write to its free parts: the new place of a moved object.

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
