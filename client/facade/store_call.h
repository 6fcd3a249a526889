#pragma once
// How a verb is written that is one question to the daemon, or one use of the engine: as two functions, of which a
// store calls the one for what is behind it (StoreBackend::carry_out()).
//
//   return change(
//       *backend_, [&](Connection& daemon) { return daemon.tell(request); },
//       [&](Engine& engine, TimeNs now) { return engine.store().unpin(id, now); });

#include <functional>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "client/local/local_engine.h"
#include "client/mapped/store_backend.h"
#include "client/remote/connection.h"

namespace dolium::detail {

/// A StoreCall of two functions, each of (what is behind the store, the time left).
template <class Remote, class Local>
class TwoSidedCall final : public StoreCall {
 public:
  using Outcome = std::invoke_result_t<Remote&, Connection&, Timeout>;

  TwoSidedCall(Remote remote, Local local) : remote_(std::move(remote)), local_(std::move(local)) {}
  void ask(Connection& daemon, Timeout left) override { outcome_.emplace(remote_(daemon, left)); }
  void ask(LocalEngine& engine, Timeout left) override { outcome_.emplace(local_(engine, left)); }
  void fail(Error why) override { outcome_.emplace(std::move(why)); }
  [[nodiscard]] const Error* error() const noexcept override {
    return outcome_->has_value() ? nullptr : &outcome_->error();
  }
  [[nodiscard]] Outcome take() { return *std::move(outcome_); }

 private:
  Remote remote_;
  Local local_;
  std::optional<Outcome> outcome_;
};

template <class Remote, class Local>
auto carry_out(StoreBackend& backend, StoreBackend::Repeat repeat, Timeout timeout, Remote remote, Local local) {
  TwoSidedCall<Remote, Local> call(std::move(remote), std::move(local));
  backend.carry_out(call, repeat, timeout);
  return call.take();
}

/// A verb that does not wait: `remote(connection)`, and, under the engine's lock, `local(engine, now[, client])`.
template <class Remote, class Local>
auto at_once(StoreBackend& backend, StoreBackend::Repeat repeat, Remote remote, Local local) {
  return carry_out(
      backend, repeat, no_wait, [&remote](Connection& daemon, Timeout) { return remote(daemon); },
      [&local](LocalEngine& here, Timeout) {
        return here.with([&](shm::Engine& engine, shm::TimeNs now) {
          if constexpr (std::is_invocable_v<Local&, shm::Engine&, shm::TimeNs>)
            return local(engine, now);
          else
            return local(engine, now, here.client());
        });
      });
}

/// A verb that only reads: repeated on the next store when its store is gone.
template <class Remote, class Local>
auto read(StoreBackend& backend, Remote remote, Local local) {
  return at_once(backend, StoreBackend::Repeat::may, remote, local);
}

/// A verb that changes something: never repeated.
template <class Remote, class Local>
auto change(StoreBackend& backend, Remote remote, Local local) {
  return at_once(backend, StoreBackend::Repeat::never, remote, local);
}

/// A refused operation. process_events() is refused too, so the callback never runs.
template <class Callback>
AsyncHandle refused(Callback done) {
  return AsyncHandle([kept = std::move(done)]() mutable { return std::exchange(kept, nullptr) != nullptr; });
}

/// Asks for one page after the other, until there is none. `take(reply)` may change `request` for the next.
template <class Reply, class Request, class Take>
Result<void> ask_pages(Connection& daemon, Request&& request, Take&& take) {
  do {
    const auto next = daemon.ask<Reply>(request, [&](const Reply& reply) {
      take(reply);
      return Result<decltype(request.cursor)>(reply.next_cursor());
    });
    if (!next) return next.error();
    request.cursor = *next;
  } while (request.cursor != 0);
  return {};
}

/// All rows of all pages, each turned into a Row. `rows` is the reply's function that returns its vector of them.
template <class Row, class Reply, class Request, class Rows>
Result<std::vector<Row>> ask_rows(Connection& daemon, Request&& request, Rows rows) {
  std::vector<Row> out;
  const Result<void> asked = ask_pages<Reply>(daemon, request, [&](const Reply& reply) {
    const auto* page = std::invoke(rows, reply);
    if (page == nullptr) return;
    for (const auto* row : *page) out.push_back(protocol::from_wire(*row));
  });
  if (!asked) return asked.error();
  return out;
}

}  // namespace dolium::detail
