// Steps that read, also by callbacks.

#include <poll.h>

#include <catch2/catch.hpp>
#include <thread>

#include "tests/conformance/scenario.h"

namespace dolium::conformance {

using Outcome = std::optional<Error>;

namespace {

/// Bounds every wait that must not be in vain.
constexpr std::chrono::seconds kPatience{60};

}  // namespace

Outcome Scenario::get(const Json& step) {
  return keep(step, store(step).get_raw(id_of(step), timeout_of(step)));
}

Outcome Scenario::try_get(const Json& step) {
  std::optional<Object> found = store(step).try_get(id_of(step));
  REQUIRE(found.has_value() == step.at("found").get<bool>());
  return found ? keep(step, *std::move(found)) : std::nullopt;
}

Outcome Scenario::get_many(const Json& step) {
  const auto ids = ids_of(step);
  const auto enough = step.value("enough", std::size_t{0});
  const auto found =
      enough == 0 ? store(step).get_many(ids, timeout_of(step)) : store(step).get_many(ids, enough, timeout_of(step));
  if (!found) return found.error();
  std::vector<bool> there;
  for (const std::optional<Object>& each : *found) there.push_back(each.has_value());
  REQUIRE(there == step.at("found").get<std::vector<bool>>());
  return std::nullopt;
}

Outcome Scenario::wait(const Json& step) {
  const auto ids = ids_of(step);
  const auto there = store(step).wait(ids, step.value("enough", ids.size()), timeout_of(step));
  if (there) REQUIRE(*there == step.at("there").get<std::vector<bool>>());
  return error_of(there);
}

/// A typed take names its type in a template: of those in the file, these.
Outcome Scenario::take(const Json& step) {
  const std::string type = step.value("type", std::string());
  if (type.empty()) return keep(step, store(step).take_raw(id_of(step), timeout_of(step)));
  if (type == "f64") return error_of(store(step).take<double>(id_of(step), timeout_of(step)));
  REQUIRE(type == "utf8");
  const Result<std::string> taken = store(step).take<std::string>(id_of(step), timeout_of(step));
  if (taken) REQUIRE(*taken == step.at("data").get<std::string>());
  return error_of(taken);
}

Outcome Scenario::check(const Json& step) {
  return keep(step, objects_.at(step.at("object").get<std::string>()));
}

Outcome Scenario::release(const Json& step) {
  objects_.erase(step.at("object").get<std::string>());
  return std::nullopt;
}

Outcome Scenario::retain(const Json& step) {
  return keep(step, objects_.at(step.at("object").get<std::string>()));
}

Outcome Scenario::exists(const Json& step) {
  const Result<bool> there = store(step).exists(id_of(step));
  if (there) REQUIRE(*there == step.at("value").get<bool>());
  return error_of(there);
}

Outcome Scenario::exists_many(const Json& step) {
  const auto there = store(step).exists_many(ids_of(step));
  if (there) REQUIRE(*there == step.at("values").get<std::vector<bool>>());
  return error_of(there);
}

Outcome Scenario::until_gone(const Json& step) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  for (;;) {
    const Result<bool> there = store(step).exists(id_of(step));
    if (!there) return there.error();
    if (!*there) return std::nullopt;
    REQUIRE(std::chrono::steady_clock::now() < deadline);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

Outcome Scenario::get_async(const Json& step) {
  const auto operation = std::make_shared<Operation>();
  operations_.insert_or_assign(step.at("as").get<std::string>(), operation);
  operation->handle = store(step).get_async(id_of(step), timeout_of(step), [operation](Result<Object> found) {
    operation->called = true;
    operation->object = std::move(found);
  });
  return std::nullopt;
}

Outcome Scenario::take_async(const Json& step) {
  const auto operation = std::make_shared<Operation>();
  operations_.insert_or_assign(step.at("as").get<std::string>(), operation);
  operation->handle = store(step).take_async(id_of(step), timeout_of(step), [operation](Result<Object> taken) {
    operation->called = true;
    operation->object = std::move(taken);
  });
  return std::nullopt;
}

Outcome Scenario::create_async(const Json& step) {
  const auto operation = std::make_shared<Operation>();
  operations_.insert_or_assign(step.at("as").get<std::string>(), operation);
  const auto done = [operation](Result<ObjectBuilder> made) {
    operation->called = true;
    operation->builder.emplace(std::move(made));
  };
  const auto options = options_of(step);
  operation->handle =
      store(step).create_async(id_of(step), step.at("size").get<std::uint64_t>(), options->options, done);
  return std::nullopt;
}

Outcome Scenario::outcome(const Json& step) {
  Operation& operation = *operations_.at(step.at("operation").get<std::string>());
  while (!operation.called) {
    // An in-process store has no thread: its deadlines are seen by process_events().
    pollfd ready = {store(step).event_fd(), POLLIN, 0};
    ::poll(&ready, 1, 10);
    REQUIRE_FALSE(error_of(store(step).process_events()).has_value());
  }
  if (operation.object) return keep(step, std::move(*operation.object));
  if (!*operation.builder) return operation.builder->error();
  builders_.insert_or_assign(step.at("builder").get<std::string>(), **std::move(operation.builder));
  return std::nullopt;
}

Outcome Scenario::not_called(const Json& step) {
  REQUIRE_FALSE(error_of(store(step).process_events()).has_value());
  REQUIRE_FALSE(operations_.at(step.at("operation").get<std::string>())->called);
  return std::nullopt;
}

Outcome Scenario::cancel(const Json& step) {
  REQUIRE(operations_.at(step.at("operation").get<std::string>())->handle.cancel() == step.at("value").get<bool>());
  return std::nullopt;
}

}  // namespace dolium::conformance
