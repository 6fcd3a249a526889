#pragma once
// Attachment: a process's mappings of one store, and its side of the pin protocol: a get needs nothing else. Every
// Object and ObjectBuilder keeps it alive.
//
// The reference count is a plain atomic, because a get changes it: one increment, no control block. An Attachment
// outlives its Client or InProcessStore while an Object or builder of it lives. `on_release` then keeps the connection
// open, so that the daemon does not end the session.
//
// After fork() the child has the mappings of the arena, but not the pin table: a child that counted there would corrupt
// its parent's references. So every use of the table asks inherited() first. A child that follows its parent
// (session_link.h) takes over with a table of its own, which the daemon filled from the parent's before fork(). Each
// get passes the gate (fork_gate.h), so that this table has every reference that the child finds.

#include <atomic>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include <dolium/object.h>

#include "client/mapped/fork_gate.h"
#include "shm/os/fork_mark.h"
#include "shm/os/private_pages.h"
#include "shm/os/segment.h"
#include "shm/table/holder.h"

namespace dolium::detail {

/// Called when a reference is dropped and a create waits for room. Callable from any thread, and after the store's end.
class ReleaseListener {
 public:
  virtual ~ReleaseListener() = default;
  virtual void released() noexcept = 0;
};

class Attachment {
 public:
  struct Parts {
    shm::Mapping index;
    shm::Mapping arena;                          // read-only; the bytes of Objects
    std::optional<shm::Mapping> writable_arena;  // the bytes of builders; none for a read-only client
    shm::Mapping pin_table;
    std::unique_ptr<ReleaseListener> on_release;
    shm::PageSource arena_pages;  // for private copies of Objects
  };

  /// The caller owns the first reference.
  [[nodiscard]] static Result<Attachment*> create(Parts parts);
  Attachment(const Attachment&) = delete;
  Attachment& operator=(const Attachment&) = delete;

  void add_ref() noexcept { uses_.fetch_add(1, std::memory_order_relaxed); }
  void drop_ref() noexcept {
    // Not in a forked child: there the addresses of the pin table may belong to another mapping by now.
    if (uses_.fetch_sub(1, std::memory_order_acq_rel) == 1 && !inherited()) delete this;
  }

  /// Whether Objects, or a fork that is under way, keep it alive besides its owner.
  [[nodiscard]] bool is_shared() const noexcept { return uses_.load(std::memory_order_acquire) > 1; }

  /// True in a child of fork() that has not taken over.
  [[nodiscard]] bool inherited() const noexcept { return mark_.is_child(); }

  /// The error of a call then.
  [[nodiscard]] Error inherited_by_fork() const;
  /// Whether the store behind it takes no calls (any more): inherited(), or close() was called. No system call.
  [[nodiscard]] bool refuses() const noexcept { return closed_.load(std::memory_order_relaxed) || inherited(); }
  void close() noexcept { closed_.store(true, std::memory_order_relaxed); }
  /// Why this process did not take over although it could have; part of the error's text.
  void set_inherited_because(std::string reason) noexcept { inherited_because_ = std::move(reason); }
  /// Number of times that a child took over. Handles of another generation belong to another process.
  [[nodiscard]] std::uint32_t generation() const noexcept { return generation_; }

  enum class Count : std::uint8_t {
    hit,      ///< a get: counts as a hit and refreshes the object
    nothing,  ///< a reference that is no get of the user: of a writer, of a grant
  };
  enum class Verdict : std::uint8_t { held, absent, undecided, gone };
  struct Attempt {
    Verdict verdict;
    Object object;
  };
  /// Whether the store or the session has ended: no object can be got; held objects stay. Reads one word.
  [[nodiscard]] bool gone() const noexcept { return owner_.load(std::memory_order_acquire)->gone(); }
  [[nodiscard]] bool gone_for_good() const noexcept { return owner_.load(std::memory_order_acquire)->gone_for_good(); }
  /// What the store says of itself: the size of its arena, its random number (incarnation), the number of its server's
  /// restarts, whether it was stopped in order. Clients notice a restart later. No system call.
  [[nodiscard]] const shm::IndexReader& index() const noexcept { return holder_.index(); }
  /// Ends the session here, whatever happens to the store.
  void cut_off() noexcept { owner_.store(&kCutOff, std::memory_order_release); }
  /// A get without the daemon. `gone` if the store had ended by the time of the lookup; so an object that is returned
  /// was there in a store that had not ended. Precondition: !inherited().
  [[nodiscard]] Attempt hold(const ObjectId& id, Count count) noexcept;
  struct Seen {
    Verdict verdict;
    shm::Holder::Attempt attempt;  ///< its object, if it is held: the caller must release() its slot
  };
  /// hold() with Count::hit, without the Object: to make it here and to move it later costs a fifth of a get.
  [[nodiscard]] Seen hold_row(const ObjectId& id) noexcept;
  /// What an Object is made of. Precondition: it is held.
  [[nodiscard]] ObjectView view(const ObjectId& id, const shm::Held& held) noexcept {
    return {.attachment = this,
            .bytes = parts_.arena.data() + held.offset,
            .data_size = held.data_size,
            .type_tag = held.type_tag,
            .metadata_size = held.metadata_size,
            .slot = held.slot,
            .id = id};
  }
  /// For an object that the daemon keeps for this client until this reference is taken. With a place: only there (see
  /// Holder::hold_granted()).
  [[nodiscard]] Attempt hold_kept(const ObjectId& id, Count count, const shm::Granted* place = nullptr) noexcept;
  /// The stored name of its type. Precondition: the object is held.
  [[nodiscard]] std::string_view type_name(const ObjectView& object) const noexcept {
    const std::byte* begin = object.bytes + object.data_size + object.metadata_size;
    return {reinterpret_cast<const char*>(begin), holder_.index().slot(object.slot).margin.type_name_size};
  }
  /// Counts a hit for an object that was held with Count::nothing.
  void record_hit(const Object& object) noexcept;
  void record_miss() noexcept { holder_.table().record_miss(); }
  /// Precondition: number < kLeaseWords.
  [[nodiscard]] shm::LeaseWord& lease_word(std::uint32_t number) const noexcept {
    return holder_.table().lease_word(number);
  }
  /// Whether a get would find the object; none if only the daemon knows. Valid only if the store is not gone()
  /// afterwards.
  [[nodiscard]] std::optional<bool> exists(const ObjectId& id) const noexcept;
  /// Tells the daemon that all references of grants up to this number have been taken.
  void set_granted_through(std::uint64_t number) noexcept {
    if (holder_.take_up_grants(number)) parts_.on_release->released();
  }

  void hold_again(std::uint32_t slot) noexcept;
  void release(std::uint32_t slot) noexcept;

  // ---- around fork(); called by the forking thread ----

  /// add_ref(), unless the last reference is dropped already; then false.
  [[nodiscard]] bool keep() noexcept;
  [[nodiscard]] ForkGate& gate() noexcept { return gate_; }
  [[nodiscard]] std::uint64_t pin_table_bytes() const noexcept { return holder_.table().geometry().total_bytes; }
  /// In the child: uses this table from now on; it counts every inherited reference.
  [[nodiscard]] Result<void> take_over(shm::Mapping pin_table);

  /// A private copy of the object's data. Precondition: the object is held for as long as the copy lives.
  [[nodiscard]] Result<shm::PrivatePages> copy_on_write(const ObjectView& object) const {
    return parts_.arena_pages.copy_on_write(static_cast<std::uint64_t>(object.bytes - parts_.arena.data()),
                                            {object.bytes, object.data_size});
  }

  [[nodiscard]] bool can_write() const noexcept { return parts_.writable_arena.has_value(); }
  /// Precondition: can_write(). Empty if the range is outside the arena, which is an error of the daemon.
  [[nodiscard]] std::span<std::byte> writable_bytes(std::uint64_t offset, std::uint64_t size) const noexcept;

 private:
  Attachment(Parts parts, shm::ForkMark mark, const shm::IndexReader& index) noexcept;
  ~Attachment() = default;
  [[nodiscard]] Seen look(const ObjectId& id, Count count) noexcept;
  [[nodiscard]] Attempt made_of(const ObjectId& id, const Seen& seen) noexcept;
  [[nodiscard]] Verdict count_in(const shm::Holder::Attempt& attempt, Count count) noexcept;
  void take_back(const shm::Holder::Attempt& attempt) noexcept;

  static constexpr shm::OwnerWord kCutOff{shm::OwnerWord::kEnded};

  std::atomic<std::uint64_t> uses_{1};
  Parts parts_;
  shm::ForkMark mark_;
  shm::Holder holder_;
  std::atomic<const shm::OwnerWord*> owner_;  // the index's, or kCutOff
  ForkGate gate_;
  std::atomic<bool> closed_ = false;
  std::uint32_t generation_ = 0;  // changed only in the single thread of a forked child
  std::string inherited_because_;
};

/// An owned reference. Movable.
struct DropAttachment {
  void operator()(Attachment* attachment) const noexcept { attachment->drop_ref(); }
};
using AttachmentRef = std::unique_ptr<Attachment, DropAttachment>;

}  // namespace dolium::detail
