#pragma once
// BuilderBackend: what an ObjectBuilder needs of the store it builds in.

#include <dolium/object.h>
#include <dolium/result.h>

namespace dolium::detail {

/// One unsealed object. seal() and abort() are called at most once between them; destruction does neither.
class BuilderBackend {
 public:
  virtual ~BuilderBackend() = default;
  /// Whether this process may write it: one that it inherited by fork() is its parent's.
  [[nodiscard]] virtual Result<void> check() const = 0;
  /// seal() comes within some 100 us: whoever must be awake for it can be woken now.
  virtual void seal_is_near() noexcept {}
  /// With `hold`, the object comes back held.
  virtual Result<Object> seal(bool hold) = 0;
  virtual Result<void> abort() = 0;
  /// The id is free at once; the memory with abort(), which is still to come. No seal() after that.
  virtual Result<void> abort_and_keep() = 0;
};

}  // namespace dolium::detail
