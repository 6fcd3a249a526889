#pragma once
// ObjectBuilder: an object being written, in the store's own memory. Nobody else sees it before seal().

#include <cstddef>
#include <memory>
#include <span>

#include <dolium/export.h>
#include <dolium/object.h>
#include <dolium/object_id.h>
#include <dolium/result.h>

namespace dolium {

namespace detail {
class BuilderBackend;
}

/// Moves, does not copy. Destroyed before seal() it aborts: the object was never there. It keeps its client's
/// connection, and so can be sealed when the client's handle is gone already. One thread at a time; the bytes of
/// data() may be filled by any number of threads. After fork() it is the parent's alone: the child's copy of it shows
/// the same bytes, but write() and seal() say `disconnected`, and its end is nobody's business.
class DOLIUM_API ObjectBuilder {
 public:
  /// Internal: made by ObjectStore::create().
  ObjectBuilder(const ObjectId& id, std::span<std::byte> data,
                std::unique_ptr<detail::BuilderBackend> backend) noexcept;
  ObjectBuilder(ObjectBuilder&&) noexcept;
  ObjectBuilder& operator=(ObjectBuilder&&) noexcept;
  ~ObjectBuilder();

  /// All of the object's data, writable, 64-byte aligned. Its content is unspecified until written. Must not
  /// be written to after seal() or abort(), when it is empty. That holds for I/O, too: reads into it by io_uring,
  /// libaio, direct I/O or a device must have completed before seal(), abort() and the builder's end, or they change
  /// an object that others see, or that another client writes. Only when the process itself ends, or its connection,
  /// the daemon keeps the memory until such I/O can harm nobody any more.
  [[nodiscard]] std::span<std::byte> data() noexcept { return data_; }
  /// Copies `bytes` behind what write() has written so far. too_large when they do not fit: nothing is written.
  /// `threads` as for copy_bytes(): what is large is copied by several.
  Result<void> write(std::span<const std::byte> bytes, unsigned threads = 0);
  /// How many bytes write() has written.
  [[nodiscard]] std::size_t written() const noexcept { return written_; }

  /// The object becomes immutable and visible, and who waits for it is woken. What was not written stays as it
  /// is. already_sealed after seal() or abort(); disconnected when the daemon is gone.
  Result<ObjectId> seal();
  /// seal(), and a reference for the caller, taken before anyone can evict or remove the object.
  Result<Object> seal_and_hold();
  /// The object was never there; the id is free again at once, and the memory: see data() on I/O.
  Result<void> abort();
  /// The same, but the memory stays this builder's, and may be written to, until the builder is destroyed: for a caller
  /// that cannot take back pointers into it (views of an interpreter, I/O under way). Until then its bytes count as
  /// being written. data() is empty afterwards, as after abort().
  Result<void> abort_and_keep();

  [[nodiscard]] const ObjectId& id() const noexcept { return id_; }

 private:
  [[nodiscard]] bool is_finished() const noexcept { return backend_ == nullptr || kept_; }
  [[nodiscard]] Error finished() const;
  void abandon() noexcept;

  ObjectId id_;
  std::span<std::byte> data_;
  std::size_t written_ = 0;
  std::unique_ptr<detail::BuilderBackend> backend_;  // null after seal, abort or move
  bool kept_ = false;                                // after abort_and_keep(): the backend has only to abort
};

}  // namespace dolium
