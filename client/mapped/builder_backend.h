#pragma once
// BuilderBackend: the operations of an ObjectBuilder that depend on its store.

#include <dolium/object.h>
#include <dolium/result.h>

namespace dolium::detail {

/// One unsealed object. Either seal() or abort() is called, at most once; the destructor does neither.
class BuilderBackend {
 public:
  virtual ~BuilderBackend() = default;
  /// Fails if this process may not write the object: after fork() it belongs to the parent.
  [[nodiscard]] virtual Result<void> check() const = 0;
  /// seal() follows within about 100 us: the daemon can be woken now.
  virtual void seal_is_near() noexcept {}
  /// With `hold`, returns the object, held.
  virtual Result<Object> seal(bool hold) = 0;
  virtual Result<void> abort() = 0;
  /// Frees the id at once. abort(), which follows later, frees the memory. No seal() after this.
  virtual Result<void> abort_and_keep() = 0;
};

}  // namespace dolium::detail
