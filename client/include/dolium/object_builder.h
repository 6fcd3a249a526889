#pragma once
// ObjectBuilder: an object that is being written, in the store's memory. Invisible to other clients until seal().

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

/// Movable, not copyable. Destroying it before seal() aborts the object. It keeps its client's connection: seal() works
/// after the Client is destroyed. One thread at a time may call its methods; several threads may fill data(). After
/// fork() it belongs to the parent: in the child write() and seal() return `disconnected`, and destroying it has no
/// effect.
class DOLIUM_API ObjectBuilder {
 public:
  /// Internal: made by ObjectStore::create().
  ObjectBuilder(const ObjectId& id, std::span<std::byte> data,
                std::unique_ptr<detail::BuilderBackend> backend) noexcept;
  ObjectBuilder(ObjectBuilder&&) noexcept;
  ObjectBuilder& operator=(ObjectBuilder&&) noexcept;
  ~ObjectBuilder();

  /// The object's bytes, writable, aligned to 64 bytes; their content is unspecified until written. Do not write to
  /// them after seal() or abort(); data() is empty then. This holds for I/O too: reads into this memory by io_uring,
  /// libaio, direct I/O or a device must be complete before seal(), abort() and the builder's destruction. Otherwise
  /// they change another object. If the process or its connection ends, the daemon keeps the memory unused until such
  /// I/O is over.
  [[nodiscard]] std::span<std::byte> data() noexcept { return data_; }
  /// Appends `bytes` to the bytes that write() has written. too_large if they do not fit; then nothing is written.
  /// `threads` as for copy_bytes().
  Result<void> write(std::span<const std::byte> bytes, unsigned threads = 0);
  /// Number of bytes that write() has written.
  [[nodiscard]] std::size_t written() const noexcept { return written_; }

  /// Makes the object immutable and visible, and wakes gets that wait for it. Bytes that were not written stay
  /// unspecified. already_sealed after seal() or abort(); disconnected after the daemon's end.
  Result<ObjectId> seal();
  /// seal(), and returns a reference that is taken before the object can be evicted or removed.
  Result<Object> seal_and_hold();
  /// Discards the object. Its id and its memory are free at once: see data() on I/O.
  Result<void> abort();
  /// Discards the object, but keeps the memory writable until the builder is destroyed: for a caller that cannot take
  /// back pointers into it (views of an interpreter, I/O under way). Until then the bytes count as unsealed. data() is
  /// empty, as after abort().
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
