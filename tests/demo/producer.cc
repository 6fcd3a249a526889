// The producer's side of roles.h.

#include <unordered_map>

#include <dolium/client.h>

#include "tests/demo/pieces.h"
#include "tests/demo/roles.h"

namespace dolium::demo {
namespace {

/// What was sealed and is not yet accepted. A piece is accepted when its result is removed, which an event tells.
class InFlight {
 public:
  InFlight(Client& client, const Names& names, Subscription events, std::uint64_t max_bytes)
      : client_(client), names_(names), events_(std::move(events)), max_bytes_(max_bytes) {}

  /// Waits until a piece of this size may follow.
  Result<void> admit(std::uint64_t size) {
    for (Timeout timeout = no_wait;;) {
      const Result<Event> event = events_.next(timeout);
      if (event) {
        if (Result<void> taken = take(*event); !taken) return taken;
      } else if (event.error().code != Errc::timed_out || !timeout.is_no_wait()) {
        return event.error();
      } else if (bytes_ + size <= max_bytes_ && pieces_.size() < kMaxInFlight) {
        return {};
      } else {
        timeout = kPatience;  // nothing is queued, and we must not go on: now it is worth waiting
        continue;
      }
      timeout = no_wait;
    }
  }

  void add(std::size_t number, std::uint64_t size) {
    pieces_.emplace(names_.result(number), Flying{names_.piece(number), size});
    bytes_ += size;
  }

 private:
  struct Flying {
    ObjectId piece;
    std::uint64_t size;
  };

  Result<void> take(const Event& event) {
    if (event.kind == Event::Kind::overflow) return recount();
    const auto found = pieces_.find(event.id);
    if (event.kind == Event::Kind::removed && found != pieces_.end()) land(found);
    return {};
  }

  /// Events were lost: the pieces themselves tell.
  Result<void> recount() {
    for (auto each = pieces_.begin(); each != pieces_.end();) {
      const Result<ObjectMetadata> piece = client_.metadata(each->second.piece);
      if (!piece && piece.error().code != Errc::not_found) return piece.error();
      each = piece && piece->is_pinned ? std::next(each) : land(each);
    }
    return {};
  }

  std::unordered_map<ObjectId, Flying>::iterator land(std::unordered_map<ObjectId, Flying>::iterator piece) {
    bytes_ -= piece->second.size;
    return pieces_.erase(piece);
  }

  Client& client_;
  const Names& names_;
  Subscription events_;
  std::uint64_t max_bytes_;
  std::uint64_t bytes_ = 0;
  std::unordered_map<ObjectId, Flying> pieces_;  // by the result's id
};

/// What an order takes of the store.
constexpr std::uint64_t kOrderBytes = 128;

/// Straight from the file into the store's memory.
Result<void> stream(Client& client, const Names& names, std::size_t number, const Piece& piece, bool spill) {
  CreateOptions options;
  options.pinned = !spill;
  if (spill) options.retention = Retention::keep;
  options.metadata = std::as_bytes(std::span(piece.path));
  options.timeout = kPatience;
  Result<ArrayBuilder<unsigned char>> builder =
      client.create_array<unsigned char>(names.piece(number), piece.size, options);
  if (!builder) return builder.error();
  if (Result<void> read = read_piece(piece, std::as_writable_bytes(builder->data())); !read) return read;
  const Result<ObjectId> sealed = builder->seal();
  return sealed ? Result<void>() : Result<void>(sealed.error());
}

/// The piece's ticket, for its worker.
Result<void> order(Client& client, const Names& names, std::size_t number) {
  const CreateOptions options{.pinned = true, .timeout = kPatience};
  const std::string ticket = client.ref<PieceBytes>(names.piece(number)).ticket();
  return put_again(client, [&] { return client.put(names.order(number), ticket, options); });
}

/// All pieces, then all orders: no worker keeps up with the producer, and the first pieces are on disk.
Result<void> stream_to_disk(Client& client, const Names& names, const std::vector<Piece>& pieces) {
  for (std::size_t number = 0; number < pieces.size(); ++number)
    if (auto streamed = stream(client, names, number, pieces[number], true); !streamed) return streamed;
  for (std::size_t number = 0; number < pieces.size(); ++number)
    if (auto ordered = order(client, names, number); !ordered) return ordered;
  return {};
}

}  // namespace

Result<void> produce(const RoleOptions& options) {
  const Names names(options.run);
  const auto client = Client::connect(options.socket, {.name = "demo producer"});
  if (!client) return client.error();
  Result<Subscription> events = (*client)->subscribe();
  if (!events) return events.error();
  const Result<ObjectRef<Manifest>> announced = (*client)->ref<Manifest>(options.manifest);
  if (!announced) return announced.error();
  const Result<Manifest> manifest = announced->get(kPatience);
  if (!manifest) return manifest.error();
  const std::vector<Piece> pieces = from_manifest(*manifest);
  if (options.spill) return stream_to_disk(**client, names, pieces);
  InFlight in_flight(**client, names, *std::move(events), options.capacity / kPinnedShare[1] * kPinnedShare[0]);
  for (std::size_t number = 0; number < pieces.size(); ++number) {
    const Piece& piece = pieces[number];
    const std::uint64_t size = piece.size + piece.path.size() + kOrderBytes;
    if (auto admitted = in_flight.admit(size); !admitted) return admitted;
    if (auto streamed = stream(**client, names, number, piece, false); !streamed) return streamed;
    if (auto ordered = order(**client, names, number); !ordered) return ordered;
    in_flight.add(number, size);
  }
  return {};
}

}  // namespace dolium::demo
