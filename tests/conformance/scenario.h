#pragma once
// One scenario of conformance.jsonl, run in C++: its store, what its steps have named, and the steps themselves.

#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <dolium/dolium.h>

namespace dolium::conformance {

using Json = nlohmann::json;
using Bytes = std::vector<std::byte>;

/// What a callback was given.
struct Operation {
  bool called = false;
  std::optional<Result<Object>> object;
  std::optional<Result<ObjectBuilder>> builder;
  AsyncHandle handle;
};

class Scenario {
 public:
  /// `socket`: of the daemon; empty for an in-process store.
  Scenario(std::shared_ptr<ObjectStore> store, std::string socket)
      : store_(std::move(store)), socket_(std::move(socket)) {}

  /// Fails the test (Catch) where the outcome is not the expected one.
  void run(const Json& step);

 private:
  /// What a step did: nothing for a success.
  using Outcome = std::optional<Error>;
  using Step = Outcome (Scenario::*)(const Json&);
  static const std::map<std::string, Step, std::less<>>& steps();

  [[nodiscard]] ObjectStore& store(const Json& step);
  [[nodiscard]] ObjectBuilder& builder(const Json& step);
  Outcome keep(const Json& step, Result<Object> object);

  // ---- scenario_write.cc ----
  Outcome connect(const Json& step);
  Outcome close(const Json& step);
  Outcome create(const Json& step);
  Outcome write(const Json& step);
  Outcome seal(const Json& step);
  Outcome abort(const Json& step);
  Outcome put(const Json& step);
  Outcome put_many(const Json& step);
  Outcome put_deferred(const Json& step);
  Outcome flush(const Json& step);
  Outcome pin(const Json& step);
  Outcome unpin(const Json& step);
  Outcome extend_grace(const Json& step);
  Outcome remove(const Json& step);
  Outcome evict(const Json& step);
  Outcome trim(const Json& step);
  Outcome clear(const Json& step);
  // ---- scenario_read.cc ----
  Outcome get(const Json& step);
  Outcome try_get(const Json& step);
  Outcome get_many(const Json& step);
  Outcome wait(const Json& step);
  Outcome take(const Json& step);
  Outcome check(const Json& step);
  Outcome release(const Json& step);
  Outcome retain(const Json& step);
  Outcome exists(const Json& step);
  Outcome exists_many(const Json& step);
  Outcome until_gone(const Json& step);
  Outcome get_async(const Json& step);
  Outcome take_async(const Json& step);
  Outcome create_async(const Json& step);
  Outcome outcome(const Json& step);
  Outcome not_called(const Json& step);
  Outcome cancel(const Json& step);
  // ---- scenario_report.cc ----
  Outcome metadata(const Json& step);
  Outcome remove_described(const Json& step);
  Outcome stats(const Json& step);
  Outcome until_tier(const Json& step);
  Outcome list(const Json& step);
  Outcome clients(const Json& step);
  Outcome ping(const Json& step);
  Outcome id(const Json& step);
  Outcome id_from_hex(const Json& step);
  Outcome tag(const Json& step);
  Outcome ticket(const Json& step);
  Outcome ticket_get(const Json& step);
  Outcome ticket_text(const Json& step);
  Outcome subscribe(const Json& step);
  Outcome next(const Json& step);

  std::shared_ptr<ObjectStore> store_;
  std::string socket_;
  std::map<std::string, std::shared_ptr<Client>> clients_;
  std::map<std::string, Object> objects_;
  std::map<std::string, ObjectMetadata> descriptions_;
  std::map<std::string, ObjectBuilder> builders_;
  std::map<std::string, Subscription> subscriptions_;
  std::map<std::string, std::string> tickets_;
  std::map<std::string, std::shared_ptr<Operation>> operations_;
};

// ---- the members of a step ----

[[nodiscard]] ObjectId id_of(const Json& step);
[[nodiscard]] std::vector<ObjectId> ids_of(const Json& step);
[[nodiscard]] Timeout timeout_of(const Json& step);
/// None if the step has no bytes.
[[nodiscard]] std::optional<Bytes> bytes_of(const Json& step);
[[nodiscard]] std::uint64_t tag_of(std::string_view type);
/// The options, with what they view.
struct Options {
  std::string label, type;
  Bytes metadata;
  CreateOptions options;
};
[[nodiscard]] std::unique_ptr<Options> options_of(const Json& step);

template <class T>
[[nodiscard]] std::optional<Error> error_of(const Result<T>& result) {
  return result ? std::nullopt : std::optional<Error>(result.error());
}

}  // namespace dolium::conformance
