// put_many(): see remote_puts.h.

#include <deque>

#include "client/remote/lease.h"
#include "client/remote/put_view.h"
#include "client/remote/remote_calls.h"
#include "client/remote/remote_puts.h"

namespace dolium::detail {
namespace {

/// Number of bytes that one message is about. A PutRequest of this size fits into a ring, so that the daemon works on
/// one batch while the next is made.
constexpr std::uint64_t kBatchBytes = 32 * 1024;
/// Maximum number of batches that are under way; their answers are small.
constexpr std::size_t kMaxBatches = 16;

/// Batches that were sent and are not answered, oldest first.
class Batches {
 public:
  Batches(Connection& connection, std::vector<Result<void>>& outcomes) : connection_(connection), outcomes_(outcomes) {}

  /// `positions` are those of the puts in the outcomes.
  template <class View>
  [[nodiscard]] Result<void> send(const View& puts, std::span<const std::size_t> positions) {
    Batch batch{std::make_shared<Call>(), {positions.begin(), positions.end()}};
    if (auto begun = connection_.exchange().begin(puts, batch.call); !begun) return std::move(begun).error();
    under_way_.push_back(std::move(batch));
    return under_way_.size() <= kMaxBatches ? Result<void>() : take_oldest();
  }
  [[nodiscard]] Result<void> take_all() {
    while (!under_way_.empty())
      if (auto taken = take_oldest(); !taken) return taken;
    return {};
  }

 private:
  struct Batch {
    std::shared_ptr<Call> call;
    std::vector<std::size_t> positions;
  };

  [[nodiscard]] Result<void> take_oldest() {
    const Batch batch = std::move(under_way_.front());
    under_way_.pop_front();
    connection_.exchange().wait(*batch.call);
    const auto reply = batch.call->reply<protocol::PutReply>();
    if (!reply) return reply.error();
    if ((*reply)->failures() == nullptr) return {};
    for (const protocol::PutFailure* failure : *(*reply)->failures()) {
      if (failure->index() >= batch.positions.size())
        return Error{Errc::protocol_error, "the daemon reports the failure of a put that was not asked for"};
      outcomes_[batch.positions[failure->index()]] = protocol::error_of(*failure);
    }
    return {};
  }

  Connection& connection_;
  std::vector<Result<void>>& outcomes_;
  std::deque<Batch> under_way_;
};

/// The puts that are written into one lease.
struct Chunk {
  std::vector<PutView> puts;
  std::vector<std::size_t> positions;  // in the outcomes
  std::uint64_t taken = 0;             // bytes of a lease
};

class ManyPuts {
 public:
  ManyPuts(Connection& connection, std::span<const PutItem> items, std::vector<Result<void>>& outcomes)
      : connection_(connection),
        items_(items),
        outcomes_(outcomes),
        appetite_(connection.deferred_puts().lease().appetite()),
        next_lease_(appetite_),
        batches_(connection, outcomes) {}

  ManyPuts(const ManyPuts&) = delete;
  ManyPuts& operator=(const ManyPuts&) = delete;
  ~ManyPuts() { next_lease_.give_back(connection_); }

  /// Asks for the next lease while the one before it is filled.
  [[nodiscard]] Result<void> run() {
    Chunk next = take_chunk();
    next_lease_.ask(connection_, next.taken, next.taken);
    while (!next.puts.empty()) {
      const Chunk chunk = std::exchange(next, take_chunk());
      std::optional<Lease> lease = await_lease();
      next_lease_.ask(connection_, next.taken, next.taken);
      if (auto sent = send(chunk, lease); !sent) return sent;
    }
    return batches_.take_all();
  }

 private:
  /// The next puts: enough for a lease, if there are so many, and no more than the appetite says.
  [[nodiscard]] Chunk take_chunk() {
    const std::uint64_t largest = largest_lease(connection_);
    const std::uint64_t chunk_bytes = largest == 0 ? protocol::kMaxLease : largest;
    Chunk chunk;
    while (!items_.empty() && chunk.puts.size() < LeaseAppetite::kMostPuts &&
           (chunk.puts.size() < appetite_.puts() || chunk.taken < kSmallestLease)) {
      const PutItem& item = items_.front();
      const PutView put = view(item.id, item.data, item.options);
      const std::uint64_t taken = Lease::taken_by(put);
      if (!chunk.puts.empty() && chunk.taken + taken > chunk_bytes) break;
      items_ = items_.subspan(1);
      outcomes_.push_back({});
      chunk.puts.push_back(put);
      chunk.positions.push_back(outcomes_.size() - 1);
      chunk.taken += taken;
    }
    return chunk;
  }

  [[nodiscard]] std::optional<Lease> await_lease() {
    if (!next_lease_.asked()) return std::nullopt;
    next_lease_.wait(connection_);
    return next_lease_.take(connection_);
  }

  [[nodiscard]] Result<void> send(const Chunk& chunk, std::optional<Lease>& lease) {
    for (std::size_t begin = 0, end = 0; begin < chunk.puts.size(); begin = end) {
      for (std::uint64_t bytes = 0;
           end < chunk.puts.size() && end - begin < protocol::kMaxPutsAtOnce && bytes < kBatchBytes; ++end)
        bytes += chunk.puts[end].size();
      if (lease && !lease->good(connection_)) lease.reset();
      const auto puts = std::span(chunk.puts).subspan(begin, end - begin);
      const auto positions = std::span(chunk.positions).subspan(begin, end - begin);
      auto sent = lease ? batches_.send(lease->write(puts, false), positions)
                        : batches_.send(PutsView{.puts = puts}, positions);
      if (!sent) return sent;
      if (lease) lease->cut(puts);
    }
    return {};
  }

  Connection& connection_;
  std::span<const PutItem> items_;
  std::vector<Result<void>>& outcomes_;
  LeaseAppetite& appetite_;
  NextLease next_lease_;
  Batches batches_;
};

}  // namespace

Result<void> remote_put_many(Connection& connection, std::span<const PutItem> items,
                             std::vector<Result<void>>& outcomes) {
  connection.meet_successor();
  connection.wake_early();  // while the first batch is made
  return ManyPuts(connection, items, outcomes).run();
}

}  // namespace dolium::detail
