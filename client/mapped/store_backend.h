#pragma once
// StoreBackend: what is behind an ObjectStore: a daemon's connection, an engine in this process, or a connection that
// is renewed. ObjectStore checks the arguments and whether the store takes calls, then calls its backend.
//
// Verbs are of two kinds. A verb that reads shared memory, sends batches, or answers later is a virtual function here.
// Any other verb is one question to the daemon, or one use of the engine: a StoreCall holds both, and carry_out() picks
// one. Such a verb needs no function here: see client/facade/object_store.cc.
//
// Thread-safe, as ObjectStore is.

#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <dolium/object_store.h>

#include "client/mapped/attachment.h"

namespace dolium::detail {

class Connection;
class LocalEngine;

/// Maximum number of failed deferred puts that are kept for flush().
inline constexpr std::size_t kMaxPutFailures = 4096;

/// One call of a verb, for either kind of store. The outcome is kept in the call.
class StoreCall {
 public:
  /// `left`: what is left of the call's timeout.
  virtual void ask(Connection& daemon, Timeout left) = 0;
  virtual void ask(LocalEngine& engine, Timeout left) = 0;
  virtual void fail(Error why) = 0;
  /// Of the last ask() or fail(); null after a success.
  [[nodiscard]] virtual const Error* error() const noexcept = 0;

 protected:
  ~StoreCall() = default;
};

class StoreBackend {
 public:
  /// Whether a call may be made again on another store when its store is gone: true for calls that only read.
  enum class Repeat : std::uint8_t { never, may };

  virtual ~StoreBackend() = default;
  StoreBackend(const StoreBackend&) = delete;
  StoreBackend& operator=(const StoreBackend&) = delete;

  // ---- guards; ObjectStore calls them before any other function ----

  /// True when no call may be made: in a forked child that could not follow, or when the store is broken. No system
  /// call.
  [[nodiscard]] bool refuses() const noexcept { return attachment_ != nullptr && attachment_->refuses(); }
  /// Why. Precondition: refuses().
  [[nodiscard]] virtual Error refusal() const = 0;
  /// Fails with the refusal, or with permission_denied on a read-only connection.
  [[nodiscard]] Result<void> check_may_write() const;

  // ---- writing ----

  virtual Result<ObjectBuilder> create(const ObjectId& id, std::uint64_t size, const CreateOptions& options) = 0;
  /// For at most kInlinePutLimit bytes. With `hold`, returns the object held if it is still there, else an empty
  /// Object.
  virtual Result<Object> put(const ObjectId& id, std::span<const std::byte> data, const CreateOptions& options,
                             bool hold) = 0;
  virtual Result<std::vector<Result<void>>> put_many(std::span<const PutItem> items) = 0;
  virtual Result<void> put_deferred(const ObjectId& id, std::span<const std::byte> data,
                                    const CreateOptions& options) = 0;
  virtual Result<std::vector<PutFailure>> flush() = 0;

  // ---- reading ----

  Result<Object> get(const ObjectId& id, Timeout timeout) {
    return first_look_ != nullptr ? look_first(id, timeout) : get_after(Attachment::Verdict::undecided, id, timeout);
  }
  /// The memory in which a get looks first, without a virtual call. Null: the store's gets begin in get_after().
  [[nodiscard]] Attachment* first_look() const noexcept { return first_look_; }
  /// The first step of a get there: the object if the memory shows it. `undecided` if there is no such memory.
  [[nodiscard]] Attachment::Attempt look(const ObjectId& id) noexcept {
    if (first_look_ == nullptr) return {Attachment::Verdict::undecided, {}};
    return first_look_->hold(id, Attachment::Count::hit);
  }
  /// The rest of a get, when the first look has found nothing.
  virtual Result<Object> get_after(Attachment::Verdict looked, const ObjectId& id, Timeout timeout) = 0;
  virtual std::optional<Object> try_get(const ObjectId& id) = 0;
  /// Of a get of several objects, by position; none where one is missing.
  using Objects = std::vector<std::optional<Object>>;
  /// `count` of them end the wait.
  virtual Result<Objects> get_many(std::span<const ObjectId> ids, std::size_t count, Timeout timeout) = 0;
  virtual Result<Subscription> subscribe() = 0;

  // ---- without blocking ----

  virtual AsyncHandle get_async(const ObjectId& id, Timeout timeout, ObjectStore::GetCallback done) = 0;
  virtual AsyncHandle get_many_async(std::span<const ObjectId> ids, std::size_t count, Timeout timeout,
                                     ObjectStore::GetManyCallback done) = 0;
  virtual AsyncHandle take_async(const ObjectId& id, Timeout timeout, ObjectStore::GetCallback done) = 0;
  virtual AsyncHandle create_async(const ObjectId& id, std::uint64_t size, const CreateOptions& options,
                                   ObjectStore::CreateCallback done) = 0;
  /// Has the callback run in the next process_events(). Precondition: not of a forwarding backend, whose calls are not
  /// refused.
  virtual AsyncHandle answer_soon(std::function<void()> callback) = 0;
  [[nodiscard]] virtual int event_fd() = 0;
  /// A callback may destroy this backend.
  virtual Result<void> process_events() = 0;

  // ---- every other verb ----

  /// Calls call.ask() once, or with Repeat::may on one store after the other until the timeout. Fails the call if this
  /// refuses().
  void carry_out(StoreCall& call, Repeat repeat, Timeout timeout) {
    if (refuses())
      call.fail(refusal());
    else
      ask(call, repeat, timeout);
  }

 protected:
  /// `attachment`: the memory of the store, which outlives this; it knows whether calls are refused. Null for a backend
  /// that forwards to stores with guards of their own. `first_look`: where a get looks before anything else; or null.
  explicit StoreBackend(const Attachment* attachment, Attachment* first_look = nullptr) noexcept
      : attachment_(attachment), first_look_(first_look) {}

 private:
  virtual void ask(StoreCall& call, Repeat repeat, Timeout timeout) = 0;
  Result<Object> look_first(const ObjectId& id, Timeout timeout);

  const Attachment* attachment_;
  Attachment* first_look_;
};

/// Create, copy and seal. With `hold` as in StoreBackend::put().
[[nodiscard]] Result<Object> put_with_builder(StoreBackend& backend, const ObjectId& id,
                                              std::span<const std::byte> data, const CreateOptions& options, bool hold);

/// The same for one of many puts, which do not wait.
[[nodiscard]] Result<void> put_at_once(StoreBackend& backend, const PutItem& item);

/// The error of a deferred put when kMaxPutFailures have failed.
[[nodiscard]] Error too_many_put_failures();

}  // namespace dolium::detail
