// The worker's commands for a store with a spill tier: objects whose fate the worker knows (spill_table.h).

#include <random>

#include "tests/e2e/payload.h"
#include "tests/e2e/spill_table.h"
#include "tests/e2e/worker_commands.h"

namespace dolium::e2e {
namespace {

/// A quarter of the objects is small.
struct Sizes {
  std::size_t objects = SpillTable::kObjects;
  std::size_t smallest = 0;  // of the others
  std::size_t largest = 180'000;
};

/// One worker's objects. Each step returns what is wrong, or an empty text.
class Churn {
 public:
  Churn(Client& client, const std::string& table, std::string prefix, std::uint64_t seed, const Sizes& sizes = {})
      : client_(client), table_(table), prefix_(std::move(prefix)), random_(seed), sizes_(sizes) {}

  std::string step() {
    const std::size_t n = below(sizes_.objects);
    table_.count_call();
    const SpillEntry entry = table_.entry(n);
    if (entry.maybe != SpillEntry::kNothing) return look(n);
    if (entry.sure == 0) return below(4) == 0 ? look(n) : write(n);
    switch (below(5)) {
      case 0: return remove(n);
      case 1: return exists(n);
      default: return look(n);
    }
  }
  /// All outcomes become known, and every object is compared.
  std::string settle() {
    for (std::size_t n = 0; n < SpillTable::kObjects; ++n) {
      std::string wrong = look(n);
      for (int tries = 0; wrong.empty() && !looked_ && tries < kTries; ++tries) wrong = look(n);
      if (wrong.empty() && !looked_) wrong = spill_name(prefix_, n) + " cannot be had: " + refusal_;
      if (!wrong.empty()) return wrong;
    }
    return {};
  }

 private:
  static constexpr std::chrono::seconds kPatience{20};
  static constexpr int kTries = 5;

  std::size_t below(std::size_t bound) { return static_cast<std::size_t>(random_() % bound); }
  [[nodiscard]] ObjectId id(std::size_t n) const { return ObjectId::from_name(spill_name(prefix_, n)); }
  /// Nothing is known of the outcome: a look at the object will tell.
  std::string refused(const Error& error) {
    table_.count_refused();
    refusal_ = to_string(error);
    return {};
  }

  std::string write(std::size_t n) {
    const std::uint64_t generation = table_.next_generation();
    const std::size_t size = below(4) == 0 ? below(2'000) : sizes_.smallest + below(sizes_.largest - sizes_.smallest);
    std::vector<std::byte> bytes(kWord + size);
    fill_payload(bytes, id(n), generation);
    const CreateOptions options{.timeout = kPatience, .retention = Retention::keep};
    table_.begin(n, generation);
    const Result<void> done = below(2) == 0 ? client_.put(id(n), bytes, options) : build(id(n), bytes, options);
    if (!done) return refused(done.error());
    table_.settle(n, generation);
    return {};
  }
  Result<void> build(const ObjectId& id, std::span<const std::byte> bytes, const CreateOptions& options) {
    Result<ObjectBuilder> builder = client_.create(id, bytes.size(), options);
    if (!builder) return std::move(builder).error();
    std::ranges::copy(bytes, builder->data().begin());
    const Result<ObjectId> sealed = builder->seal();
    return sealed ? Result<void>() : Result<void>(sealed.error());
  }
  std::string remove(std::size_t n) {
    table_.begin(n, 0);
    const Result<bool> removed = client_.remove(id(n));
    if (!removed) return refused(removed.error());
    if (!*removed) return spill_name(prefix_, n) + " is lost: it was not there to be removed";
    table_.settle(n, 0);
    return {};
  }
  /// Needs no disk.
  std::string exists(std::size_t n) {
    const Result<bool> there = client_.exists(id(n));
    if (!there) return refused(there.error());
    return *there ? std::string() : spill_name(prefix_, n) + " is lost: exists() says no";
  }
  /// Gets the object, and compares it with what may be there.
  std::string look(std::size_t n) {
    const SpillEntry entry = table_.entry(n);
    looked_ = false;
    const Result<Object> object = client_.get_raw(id(n));
    if (!object && object.error().code != Errc::not_found) return refused(object.error());
    std::uint64_t generation = 0;
    if (object) {
      if (!is_payload(object->data(), id(n))) return spill_name(prefix_, n) + " is torn";
      std::memcpy(&generation, object->data().data(), sizeof(generation));
    }
    if (!entry.allows(generation))
      return spill_name(prefix_, n) + " has generation " + std::to_string(generation) + ", and must have " +
             std::to_string(entry.sure) +
             (entry.maybe == SpillEntry::kNothing ? "" : " or " + std::to_string(entry.maybe));
    table_.settle(n, generation);
    looked_ = true;
    return {};
  }

  Client& client_;
  SpillTable table_;
  std::string prefix_;
  std::mt19937_64 random_;
  const Sizes sizes_;
  bool looked_ = false;
  std::string refusal_;
};

std::string answer(const std::string& wrong) {
  return wrong.empty() ? "ok" : "wrong: " + wrong;
}

std::string spill_churn(WorkerState& state, Arguments& arguments) {
  const auto table = next_or<std::string>(arguments, "");
  const auto prefix = next_or<std::string>(arguments, "");
  const auto seed = next_or<std::uint64_t>(arguments, 1);
  const auto count = next_or<std::size_t>(arguments, 1);
  Sizes sizes;
  sizes.objects = next_or<std::size_t>(arguments, sizes.objects);
  sizes.smallest = next_or<std::size_t>(arguments, sizes.smallest);
  sizes.largest = next_or<std::size_t>(arguments, sizes.largest);
  Churn churn(state.client(), table, prefix, seed, sizes);
  for (std::size_t n = 0; n < count; ++n)
    if (const std::string wrong = churn.step(); !wrong.empty()) return answer(wrong);
  return "ok";
}

std::string spill_settle(WorkerState& state, Arguments& arguments) {
  const auto table = next_or<std::string>(arguments, "");
  return answer(Churn(state.client(), table, next_or<std::string>(arguments, ""), 1).settle());
}

}  // namespace

void add_spill_commands(Commands& commands) {
  commands["spill_churn"] = spill_churn;
  commands["spill_settle"] = spill_settle;
}

}  // namespace dolium::e2e
