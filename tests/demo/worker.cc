// A worker's side of roles.h.

#include <fmt/format.h>

#include <deque>

#include <dolium/client.h>

#include "tests/demo/digest.h"
#include "tests/demo/pieces.h"
#include "tests/demo/roles.h"

namespace dolium::demo {
namespace {

/// The last few pieces, still held, and what they were when they came.
class Held {
 public:
  explicit Held(std::uint64_t max_bytes) : max_bytes_(max_bytes) {}

  Result<void> add(Object object, const Sha256& digest) {
    bytes_ += object.data().size();
    pieces_.push_back({std::move(object), digest});
    while (pieces_.size() > 1 && (bytes_ > max_bytes_ || pieces_.size() > kMaxPieces))
      if (auto dropped = drop_oldest(); !dropped) return dropped;
    return {};
  }
  Result<void> drop_all() {
    while (!pieces_.empty())
      if (auto dropped = drop_oldest(); !dropped) return dropped;
    return {};
  }

 private:
  static constexpr std::size_t kMaxPieces = 8;
  struct Piece {
    Object object;
    Sha256 digest;
  };

  Result<void> drop_oldest() {
    const Piece piece = std::move(pieces_.front());
    pieces_.pop_front();
    bytes_ -= piece.object.data().size();
    if (sha256(piece.object.data()) == piece.digest) return {};
    return Error{Errc::system_error, fmt::format("object {} changed while it was held", piece.object.id().hex())};
  }

  std::uint64_t max_bytes_;
  std::uint64_t bytes_ = 0;
  std::deque<Piece> pieces_;
};

std::string_view path_of(const Object& object) {
  return {reinterpret_cast<const char*>(object.metadata().data()), object.metadata().size()};
}

Result<void> work_on(Client& client, const Names& names, std::size_t number, std::size_t worker, Held& held) {
  const Result<std::string> order = client.get<std::string>(names.order(number), kPatience);
  if (!order) return order.error();
  const Result<ObjectRef<PieceBytes>> ref = client.ref<PieceBytes>(*order);
  if (!ref) return ref.error();
  const auto piece = ref->view();
  if (!piece) return piece.error();
  PieceDigest digest;
  digest.number = number;
  digest.size = piece->size();
  digest.path_hash = path_hash(path_of(piece->object()));
  digest.worker = static_cast<std::uint32_t>(worker);
  digest.sha256 = sha256(std::as_bytes(piece->span()));
  CreateOptions options;
  options.grace = kGrace;
  options.timeout = kPatience;
  const Digested result{digest, ref->ticket()};
  const auto put = put_again(client, [&] { return client.put(names.result(number), result, options); });
  if (!put) return put;
  return held.add(piece->object(), digest.sha256);
}

}  // namespace

Result<void> work(const RoleOptions& options) {
  const Names names(options.run);
  const auto client = Client::connect(options.socket, {.name = fmt::format("demo worker {}", options.worker + 1)});
  if (!client) return client.error();
  Held held(options.capacity / kHeldShare);
  for (std::size_t number = options.begin; number < options.count; number += kWorkers)
    if (auto done = work_on(**client, names, number, options.worker, held); !done) return done;
  if (const Result<Object> end = (*client)->get_raw(names.end(), kPatience); !end) return end.error();
  return held.drop_all();
}

}  // namespace dolium::demo
