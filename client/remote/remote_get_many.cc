#include "client/remote/remote_get_many.h"

#include <algorithm>
#include <mutex>
#include <numeric>
#include <utility>

#include "client/mapped/new_object.h"
#include "client/remote/remote_calls.h"

namespace dolium::detail {
namespace {

using shm::TimeNs;

/// Maximum number of ids in one GetRequest; not above the daemon's own limit.
constexpr std::size_t kWaitBatch = 16384;
constexpr std::size_t kSpilledBatch = 65536;

/// Positions in the vector of ids.
using Positions = std::vector<std::size_t>;
using PositionsView = std::span<const std::size_t>;

/// Time left until the deadline, as messages have it.
std::uint64_t remaining(TimeNs deadline) {
  const TimeNs now = shm::monotonic_now();
  return deadline == shm::kNever ? UINT64_MAX : deadline > now ? deadline - now : 0;
}

/// What shared memory shows, and what the daemon must be asked for.
struct Looked {
  std::vector<std::optional<Object>> out;
  Positions missing;
  bool undecided = false;  // a missing one may be there

  [[nodiscard]] std::size_t found() const noexcept { return out.size() - missing.size(); }
  void ask_for_all() {
    out.assign(out.size(), std::nullopt);
    missing.resize(out.size());
    std::iota(missing.begin(), missing.end(), std::size_t{0});
  }
};

/// `hold(id)` makes one attempt.
template <class Hold>
Result<Looked> look(const Connection& connection, std::span<const ObjectId> ids, Hold&& hold) {
  Looked looked;
  looked.out.resize(ids.size());
  looked.undecided = connection.has_deferred();  // a missing object may be a deferred put of this client, under way
  for (std::size_t i = 0; i < ids.size(); ++i) {
    Result<Attachment::Attempt> attempt = hold(ids[i]);
    if (!attempt) return std::move(attempt).error();
    looked.undecided |= attempt->verdict == Attachment::Verdict::undecided;
    if (attempt->verdict == Attachment::Verdict::held)
      looked.out[i] = std::move(attempt->object);
    else
      looked.missing.push_back(i);
  }
  return looked;
}

/// `spare` of the objects of `batch` may stay missing.
protocol::GetRequestT request_for(std::span<const ObjectId> ids, PositionsView batch, std::size_t spare, Call& call) {
  protocol::GetRequestT request;
  request.count = static_cast<std::uint32_t>(spare == 0 ? 0 : batch.size() - spare);  // 0: all
  for (const std::size_t i : batch) {
    request.ids.push_back(protocol::to_wire(ids[i]));
    call.ids.push_back(ids[i]);
  }
  return request;
}

/// Takes the objects that were granted; adds the positions of those that were not there, or whose grant ended with its
/// server, to `open`.
void take_granted_objects(Attachment& attachment, Call& answer, PositionsView batch,
                          std::vector<std::optional<Object>>& out, Positions& open) {
  answer.taken.resize(batch.size());
  for (std::size_t k = 0; k < batch.size(); ++k) {
    if (answer.taken[k]) {
      attachment.record_hit(*answer.taken[k]);
      out[batch[k]] = std::move(answer.taken[k]);
    } else {
      open.push_back(batch[k]);
    }
  }
}

/// The positions of each request. If `spare` objects may stay missing, there is one request.
std::vector<PositionsView> batches_of(const Connection& connection, PositionsView missing, std::size_t spare) {
  const std::size_t step = spare != 0 ? missing.size() : connection.spills() ? kSpilledBatch : kWaitBatch;
  std::vector<PositionsView> batches;
  for (std::size_t begin = 0; begin < missing.size(); begin += step)
    batches.push_back(missing.subspan(begin, std::min(step, missing.size() - begin)));
  return batches;
}

/// One get_many() that waits: what is still missing is asked for until its deadline.
class Wait {
 public:
  Wait(Connection& connection, std::span<const ObjectId> ids, Looked& looked, std::size_t count, Timeout timeout)
      : connection_(connection),
        ids_(ids),
        looked_(looked),
        spare_(ids.size() - count),
        deadline_(deadline_of(timeout, shm::monotonic_now())),
        give_up_(give_up_after(timeout)) {}

  [[nodiscard]] Result<void> run() {
    while (looked_.missing.size() > spare_) {
      const bool is_last = remaining(deadline_) == 0;
      Positions open;
      for (const PositionsView batch : batches_of(connection_, looked_.missing, spare_)) {
        const Result<bool> answered = ask_for(batch, open);
        if (!answered) return answered.error();
        if (!*answered) return {};
      }
      looked_.missing = std::move(open);
      if (is_last || remaining(deadline_) == 0) break;
    }
    return {};
  }

 private:
  /// Adds to `open` those that are missing still. False: the daemon did not answer in time.
  [[nodiscard]] Result<bool> ask_for(PositionsView batch, Positions& open) {
    const auto call = std::make_shared<Call>();
    protocol::GetRequestT request = request_for(ids_, batch, spare_, *call);
    request.timeout_ns = remaining(deadline_);
    Result<bool> answered = connection_.ask_until<protocol::GetReply>(give_up_, request, call);
    if (answered && *answered) take_granted_objects(connection_.attachment(), *call, batch, looked_.out, open);
    return answered;
  }

  Connection& connection_;
  std::span<const ObjectId> ids_;
  Looked& looked_;
  const std::size_t spare_;  // so many may stay missing
  const TimeNs deadline_;
  const protocol::Deadline give_up_;
};

/// One get_many_async(): its answers, which any thread may bring. It ends with the last one.
class ManyGet {
 public:
  ManyGet(Connection& connection, Completions::Ticket ticket, const ObjectStore::GetManyCallback* callback,
          Looked looked)
      : connection_(connection), ticket_(ticket), callback_(callback), looked_(std::move(looked)) {}

  [[nodiscard]] PositionsView missing() const noexcept { return looked_.missing; }
  /// Enough are there.
  static void end_at_once(const std::shared_ptr<ManyGet>& self) {
    self->still_missing_ = self->looked_.missing;
    end(self);
  }
  /// So many answers are due.
  void expect(std::size_t answers) {
    const std::lock_guard lock(mutex_);
    open_ = answers;
  }
  static void answered(const std::shared_ptr<ManyGet>& self, Call& answer, PositionsView batch) {
    const std::lock_guard lock(self->mutex_);
    if (const auto reply = answer.reply<protocol::GetReply>(); reply)
      take_granted_objects(self->connection_.attachment(), answer, batch, self->looked_.out, self->still_missing_);
    else
      self->error_ = reply.error();
    if (--self->open_ == 0) end(self);
  }
  /// This many requests could not be sent.
  static void failed(const std::shared_ptr<ManyGet>& self, std::size_t requests, const Error& why) {
    const std::lock_guard lock(self->mutex_);
    self->error_ = why;
    if ((self->open_ -= requests) == 0) end(self);
  }

  [[nodiscard]] Result<std::vector<std::optional<Object>>> take() {
    if (error_) return *error_;
    return std::move(looked_.out);
  }

 private:
  static void end(const std::shared_ptr<ManyGet>& self) {
    for (std::size_t i = 0; i < self->still_missing_.size(); ++i) self->connection_.attachment().record_miss();
    self->connection_.completions().push(self->ticket_, [self] { (*self->callback_)(self->take()); });
  }

  Connection& connection_;  // outlives its calls, which have this
  const Completions::Ticket ticket_;
  const ObjectStore::GetManyCallback* const callback_;
  std::mutex mutex_;
  Looked looked_;  // its objects and the next members are guarded by mutex_ until the end
  Positions still_missing_;
  std::size_t open_ = 0;
  std::optional<Error> error_;
};

}  // namespace

Result<std::vector<std::optional<Object>>> remote_get_many(Connection& connection, std::span<const ObjectId> ids,
                                                           std::size_t count, Timeout timeout) {
  Result<Looked> looked = look(connection, ids, [&](const ObjectId& id) { return connection.hold(id); });
  if (!looked) return std::move(looked).error();
  if (looked->missing.empty()) return std::move(looked->out);
  if (looked->found() < count && (!timeout.is_no_wait() || looked->undecided)) {
    if (looked->found() != 0 && connection.spills()) looked->ask_for_all();
    if (auto waited = Wait(connection, ids, *looked, count, timeout).run(); !waited) return std::move(waited).error();
  }
  for (const std::size_t i : looked->missing)
    if (!looked->out[i]) connection.attachment().record_miss();
  return std::move(looked->out);
}

AsyncHandle remote_get_many_async(const std::shared_ptr<Connection>& connection, std::span<const ObjectId> ids,
                                  std::size_t count, Timeout timeout, ObjectStore::GetManyCallback done) {
  const auto kept = std::make_shared<const ObjectStore::GetManyCallback>(std::move(done));
  const Completions::Ticket ticket = connection->completions().begin(kept);
  const auto* const callback = kept.get();
  // If the store is gone, the request below fails.
  Result<Looked> looked = look(*connection, ids, [&](const ObjectId& id) -> Result<Attachment::Attempt> {
    return connection->attachment().hold(id, Attachment::Count::hit);
  });
  if (!looked) return answered_at_once(connection, ticket, [callback, error = looked.error()] { (*callback)(error); });
  if (looked->found() < count && connection->spills()) looked->ask_for_all();
  const std::size_t found = looked->found();
  const auto get = std::make_shared<ManyGet>(*connection, ticket, callback, *std::move(looked));
  if (found >= count) {
    ManyGet::end_at_once(get);
    return cancelling(connection, ticket, {});
  }
  const std::size_t spare = ids.size() - count;
  const std::vector<PositionsView> batches = batches_of(*connection, get->missing(), spare);
  get->expect(batches.size());
  std::vector<std::uint64_t> numbers;
  for (const PositionsView batch : batches) {
    const auto call = std::make_shared<Call>();
    protocol::GetRequestT request = request_for(ids, batch, spare, *call);
    request.timeout_ns = to_wire(timeout);
    call->on_answer = [get, batch](Call& answer) { ManyGet::answered(get, answer, batch); };
    const Result<std::uint64_t> number = connection->exchange().begin(request, call);
    if (!number) {
      ManyGet::failed(get, batches.size() - numbers.size(), number.error());
      break;
    }
    numbers.push_back(*number);
  }
  return cancelling(connection, ticket, std::move(numbers));
}

}  // namespace dolium::detail
