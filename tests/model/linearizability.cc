#include "tests/model/linearizability.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <istream>
#include <iterator>
#include <set>
#include <string_view>
#include <tuple>

namespace dolium::history {
namespace {

using Kind = Operation::Kind;
using Outcome = Operation::Outcome;

constexpr std::array<std::string_view, 16> kKinds = {"create",  "seal",   "abort", "put",   "put_deferred", "get",
                                                     "release", "remove", "pin",   "unpin", "exists",       "inherit",
                                                     "clear",   "evict",  "crash", "take"};
constexpr std::array<std::string_view, 6> kOutcomes = {"done", "absent", "taken", "unsealed", "no_room", "unknown"};

std::string_view name_of(Kind kind) {
  return kKinds.at(static_cast<std::size_t>(kind));
}
std::string_view name_of(Outcome outcome) {
  return kOutcomes.at(static_cast<std::size_t>(outcome));
}

/// The object between two operations.
struct State {
  enum class Phase : std::uint8_t { absent, unsealed, sealed };
  Phase phase = Phase::absent;
  bool pinned = false;
  std::uint32_t holders = 0;
  std::uint64_t value = 0;
  std::vector<std::uint64_t> dropped;  // what was unsealed when a server died

  [[nodiscard]] auto as_tuple() const { return std::tie(phase, pinned, holders, value, dropped); }
  friend bool operator<(const State& a, const State& b) { return a.as_tuple() < b.as_tuple(); }
  /// Another life, or none.
  [[nodiscard]] State then(Phase next, std::uint64_t of = 0) const { return {next, false, 0, of, dropped}; }
  [[nodiscard]] bool may_be_evicted() const { return phase == Phase::sealed && !pinned && holders == 0; }
};
using Phase = State::Phase;

std::string to_string(const State& state) {
  switch (state.phase) {
    case Phase::absent: return "absent";
    case Phase::unsealed: return fmt::format("{} unsealed", state.value);
    case Phase::sealed: break;
  }
  return fmt::format("{} sealed, {} holders{}", state.value, state.holders, state.pinned ? ", pinned" : "");
}

/// A call that writes: what it finds, and what it leaves if it succeeds.
std::optional<State> written(const State& state, const Operation& operation, Phase left) {
  switch (operation.outcome) {
    case Outcome::done:
      return state.phase == Phase::absent ? std::optional(state.then(left, operation.value)) : std::nullopt;
    case Outcome::taken: return state.phase != Phase::absent ? std::optional(state) : std::nullopt;
    case Outcome::no_room: return state;
    case Outcome::absent:
    case Outcome::unsealed:
    case Outcome::unknown: break;
  }
  return std::nullopt;
}

/// A call about an object that must be sealed, and that tells the three phases apart.
template <class Change>
std::optional<State> changed(const State& state, Outcome outcome, Change change) {
  constexpr std::array<Outcome, 3> kExpected = {Outcome::absent, Outcome::unsealed, Outcome::done};
  if (outcome == Outcome::no_room) return state;
  if (outcome != kExpected.at(static_cast<std::size_t>(state.phase))) return std::nullopt;
  State next = state;
  if (outcome == Outcome::done) change(next);
  return next;
}

/// A call that sees what is sealed, and nothing of what is not.
template <class Change>
std::optional<State> seen(const State& state, bool there, Change change) {
  if ((state.phase == Phase::sealed) != there) return std::nullopt;
  State next = state;
  if (there) change(next);
  return next;
}

/// The creator's last word about what is unsealed. To abort what a server's death has dropped is to do nothing.
std::optional<State> finished(const State& state, const Operation& operation) {
  if (operation.outcome != Outcome::done) return std::nullopt;
  const bool seals = operation.kind == Kind::seal;
  if (state.phase == Phase::unsealed && state.value == operation.value)
    return seals ? state.then(Phase::sealed, state.value) : state.then(Phase::absent);
  const bool dropped = std::ranges::find(state.dropped, operation.value) != state.dropped.end();
  return dropped && !seals ? std::optional(state) : std::nullopt;
}

State crashed(const State& state) {
  if (state.phase != Phase::unsealed) return state;
  State next = state.then(Phase::absent);
  next.dropped.push_back(state.value);
  return next;
}

/// The state after the operation, if its outcome is one that this state explains.
std::optional<State> after(const State& state, const Operation& operation) {
  const bool done = operation.outcome == Outcome::done;
  const bool same = state.value == operation.value;
  switch (operation.kind) {
    case Kind::create: return written(state, operation, Phase::unsealed);
    case Kind::put:
    case Kind::put_deferred: return written(state, operation, Phase::sealed);
    case Kind::seal:
    case Kind::abort: return finished(state, operation);
    case Kind::get: {
      if (done && !same) return std::nullopt;
      return seen(state, done, [](State& next) { ++next.holders; });
    }
    case Kind::inherit:
    case Kind::release: {  // of an earlier life, for all we know
      State next = state;
      if (state.phase == Phase::sealed && same) next.holders += operation.kind == Kind::release ? -1U : 1U;
      return next;
    }
    case Kind::remove: return changed(state, operation.outcome, [&](State& next) { next = state.then(Phase::absent); });
    case Kind::pin: return changed(state, operation.outcome, [](State& next) { next.pinned = true; });
    case Kind::unpin: return changed(state, operation.outcome, [](State& next) { next.pinned = false; });
    case Kind::exists: return seen(state, done, [](State&) {});
    case Kind::clear: return state.phase == Phase::sealed ? state.then(Phase::absent) : state;
    case Kind::evict: return state.may_be_evicted() ? std::optional(state.then(Phase::absent)) : std::nullopt;
    case Kind::crash: return crashed(state);
    case Kind::take: {
      if (done && !same) return std::nullopt;
      return seen(state, done, [&](State& next) { next = state.then(Phase::absent); });
    }
  }
  return std::nullopt;
}

/// Whether it may also have done nothing.
bool is_optional(const Operation& operation) {
  return operation.outcome == Outcome::unknown || operation.kind == Kind::evict;
}

struct Step {
  std::size_t process;
  const Operation* operation;
  bool evicted_before;
};

/// The calls of a process, its deferred puts, or the releases that it made during a call: each in their order.
struct Lane {
  std::size_t process;
  std::vector<const Operation*> operations;
  std::vector<std::uint64_t> earliest_end;  // of those from here on

  void finish() {
    earliest_end.assign(operations.size() + 1, UINT64_MAX);
    for (std::size_t i = operations.size(); i-- > 0;)
      earliest_end[i] = std::min(earliest_end[i + 1], operations[i]->end);
  }
};

/// Whether it was asked of the daemon, which takes what it is asked in order. A seal of what an earlier server's death
/// has dropped is not: the client knows that nobody knows.
bool was_asked(const Operation& operation) {
  if (operation.kind == Kind::seal && operation.outcome == Outcome::unknown) return false;
  const bool hit =
      operation.outcome == Outcome::done && (operation.kind == Kind::get || operation.kind == Kind::exists);
  return operation.kind != Kind::release && operation.kind != Kind::inherit && !hit;
}

/// Of each operation of a process, in the order of their ends: whether it is a release that began and ended during a
/// call that waits for the daemon. The call may take effect before it or after it.
std::vector<bool> releases_during_a_call(const std::vector<Operation>& operations) {
  std::vector<bool> during(operations.size());
  std::uint64_t begin_of_later = UINT64_MAX;
  for (std::size_t i = operations.size(); i-- > 0;) {
    const Operation& operation = operations[i];
    during[i] = operation.kind == Kind::release && begin_of_later < operation.begin;
    if (operation.kind != Kind::put_deferred) begin_of_later = std::min(begin_of_later, operation.begin);
  }
  return during;
}

class Search {
 public:
  Search(const History& history, Evictions evictions) : history_(history), evictions_(evictions) {
    std::vector<Lane> releases;
    for (std::size_t p = 0; p < history.size(); ++p) {
      Lane calls{p, {}, {}};
      Lane deferred{p, {}, {}};
      Lane overtaking{p, {}, {}};
      const std::vector<bool> during = releases_during_a_call(history[p]);
      for (std::size_t i = 0; i < history[p].size(); ++i) {
        Lane& calls_or_releases = during[i] ? overtaking : calls;
        (history[p][i].kind == Kind::put_deferred ? deferred : calls_or_releases).operations.push_back(&history[p][i]);
      }
      for (Lane* lane : {&calls, &deferred, &overtaking}) lane->finish();
      lanes_.push_back(std::move(calls));
      lanes_.push_back(std::move(deferred));
      if (!overtaking.operations.empty()) releases.push_back(std::move(overtaking));
      left_ += history[p].size();
    }
    std::ranges::move(releases, std::back_inserter(lanes_));
    at_.resize(lanes_.size());
  }

  /// Whether what is left can be explained from this state on.
  bool explain(const State& state) {  // NOLINT(misc-no-recursion): as deep as the history is long
    if (left_ == 0) return true;
    if (!visited_.emplace(at_, state).second) return false;
    if (path_.size() >= best_.size()) best_ = path_, stuck_at_ = state;
    for (std::size_t lane = 0; lane < lanes_.size(); ++lane) {
      if (!may_be_next(lane)) continue;
      if (go(lane, state, false)) return true;
      if (evictions_ != Evictions::possible || !state.may_be_evicted()) continue;
      if (go(lane, state.then(Phase::absent), true)) return true;
    }
    return false;
  }
  [[nodiscard]] std::string report() const;

 private:
  [[nodiscard]] const Operation* next_of(std::size_t lane) const {
    const auto& operations = lanes_[lane].operations;
    return at_[lane] == operations.size() ? nullptr : operations[at_[lane]];
  }
  /// Nobody's call that is left had ended before this one began, or was to be done first by the daemon.
  [[nodiscard]] bool may_be_next(std::size_t lane) const {
    const Operation* operation = next_of(lane);
    if (operation == nullptr) return false;
    for (std::size_t other = 0; other < lanes_.size(); ++other)
      if (other != lane && lanes_[other].earliest_end[at_[other]] < operation->begin) return false;
    if (operation->kind == Kind::put_deferred || !was_asked(*operation)) return true;
    const Operation* deferred = next_of(lane + 1);
    return deferred == nullptr || deferred->begin > operation->begin;
  }
  bool go(std::size_t lane, const State& from, bool evicted) {  // NOLINT(misc-no-recursion): as above
    Operation done = *next_of(lane);
    if (done.outcome == Outcome::unknown) {
      done.outcome = Outcome::done;
      if (done.kind == Kind::take) done.kind = Kind::remove;  // of a value that nobody knows
    }
    const std::optional<State> next = after(from, done);
    return (next && go_to(lane, *next, evicted)) || (is_optional(*next_of(lane)) && go_to(lane, from, evicted));
  }
  bool go_to(std::size_t lane, const State& next, bool evicted) {  // NOLINT(misc-no-recursion): as above
    const Operation& operation = *next_of(lane);
    path_.push_back({lanes_[lane].process, &operation, evicted});
    ++at_[lane];
    --left_;
    if (explain(next)) return true;
    ++left_;
    --at_[lane];
    path_.pop_back();
    return false;
  }

  const History& history_;
  const Evictions evictions_;
  std::vector<Lane> lanes_;      // of each process two: calls, deferred puts; then those of releases
  std::vector<std::size_t> at_;  // the next operation of each
  std::size_t left_ = 0;
  std::set<std::pair<std::vector<std::size_t>, State>> visited_;
  std::vector<Step> path_;
  std::vector<Step> best_;
  State stuck_at_;
};

std::string line(std::size_t process, const Operation& operation, std::uint64_t origin) {
  const auto microseconds = [origin](std::uint64_t time) {
    return time == kNever ? std::string("...") : fmt::format("{:.3f}", static_cast<double>(time - origin) / 1000);
  };
  return fmt::format("  process {}  {:>10} .. {:>10} us  {:<12} {:>12}  {}\n", process, microseconds(operation.begin),
                     microseconds(operation.end), name_of(operation.kind), operation.value, name_of(operation.outcome));
}

std::string Search::report() const {
  std::vector<Step> all;
  for (std::size_t p = 0; p < history_.size(); ++p)
    for (const Operation& operation : history_[p]) all.push_back({p, &operation, false});
  std::ranges::stable_sort(all, {}, [](const Step& step) { return step.operation->begin; });
  const std::uint64_t origin = all.empty() ? 0 : all.front().operation->begin;
  std::string text = "not linearizable. What was called, by its beginning:\n";
  for (const Step& step : all) text += line(step.process, *step.operation, origin);
  text += "The longest order that explains its beginning:\n";
  for (const Step& step : best_) {
    if (step.evicted_before) text += "  (evicted)\n";
    text += line(step.process, *step.operation, origin);
  }
  text += fmt::format("The object is then: {}. Nothing that may come next can have seen that.\n", to_string(stuck_at_));
  return text;
}

}  // namespace

std::optional<std::string> why_not_linearizable(const History& history, Evictions evictions) {
  Search search(history, evictions);
  return search.explain(State{}) ? std::nullopt : std::optional(search.report());
}

std::string to_words(const Operation& operation) {
  return fmt::format("{} {} {} {} {}", name_of(operation.kind), name_of(operation.outcome), operation.value,
                     operation.begin, operation.end);
}

std::optional<Operation> from_words(std::istream& words) {
  std::string kind;
  std::string outcome;
  Operation operation;
  if (!(words >> kind >> outcome >> operation.value >> operation.begin >> operation.end)) return std::nullopt;
  const auto* const kind_at = std::ranges::find(kKinds, kind);
  const auto* const outcome_at = std::ranges::find(kOutcomes, outcome);
  if (kind_at == kKinds.end() || outcome_at == kOutcomes.end()) return std::nullopt;
  operation.kind = static_cast<Kind>(kind_at - kKinds.begin());
  operation.outcome = static_cast<Outcome>(outcome_at - kOutcomes.begin());
  return operation;
}

}  // namespace dolium::history
