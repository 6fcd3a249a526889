// Steps that write, keep and let go.

#include <catch2/catch.hpp>

#include "tests/conformance/scenario.h"

namespace dolium::conformance {

using Outcome = std::optional<Error>;

Outcome Scenario::connect(const Json& step) {
  const ConnectOptions options{.access = step.value("read_only", false) ? Access::read_only : Access::read_write};
  Result<std::shared_ptr<Client>> client = Client::connect(socket_, options);
  if (client) clients_.insert_or_assign(step.at("client").get<std::string>(), *client);
  return error_of(client);
}

Outcome Scenario::close(const Json& step) {
  clients_.erase(step.at("client").get<std::string>());
  return std::nullopt;
}

Outcome Scenario::create(const Json& step) {
  const auto options = options_of(step);
  Result<ObjectBuilder> made = store(step).create(id_of(step), step.at("size").get<std::uint64_t>(), options->options);
  if (!made) return made.error();
  builders_.insert_or_assign(step.value("as", std::string()), *std::move(made));
  return std::nullopt;
}

Outcome Scenario::write(const Json& step) {
  return error_of(builder(step).write(*bytes_of(step)));
}

Outcome Scenario::seal(const Json& step) {
  auto ended = builders_.extract(step.at("builder").get<std::string>());
  if (step.contains("as")) return keep(step, ended.mapped().seal_and_hold());
  return error_of(ended.mapped().seal());
}

Outcome Scenario::abort(const Json& step) {
  auto ended = builders_.extract(step.at("builder").get<std::string>());
  return error_of(ended.mapped().abort());
}

Outcome Scenario::put(const Json& step) {
  const auto options = options_of(step);
  const Bytes bytes = *bytes_of(step);
  if (step.contains("as")) return keep(step, store(step).put_and_hold(id_of(step), bytes, options->options));
  return error_of(store(step).put(id_of(step), bytes, options->options));
}

Outcome Scenario::put_many(const Json& step) {
  std::vector<Bytes> bytes;
  for (const Json& item : step.at("items")) bytes.push_back(*bytes_of(item));
  std::vector<PutItem> items;
  for (const Json& item : step.at("items")) items.push_back({id_of(item), bytes[items.size()]});
  const auto outcomes = store(step).put_many(items);
  if (!outcomes) return outcomes.error();
  Json failed = Json::array();
  for (std::size_t i = 0; i < outcomes->size(); ++i)
    if (!(*outcomes)[i]) failed.push_back({i, to_string((*outcomes)[i].error().code)});
  REQUIRE(failed == step.at("failed"));
  return std::nullopt;
}

Outcome Scenario::put_deferred(const Json& step) {
  const auto options = options_of(step);
  return error_of(store(step).put_deferred(id_of(step), *bytes_of(step), options->options));
}

Outcome Scenario::flush(const Json& step) {
  const auto failures = store(step).flush();
  if (!failures) return failures.error();
  REQUIRE(failures->size() == step.at("failed").size());
  for (std::size_t i = 0; i < failures->size(); ++i) {
    const Json& expected = step.at("failed")[i];
    REQUIRE((*failures)[i].id == ObjectId::from_name(expected[0].get<std::string>()));
    REQUIRE(to_string((*failures)[i].error.code) == expected[1].get<std::string>());
  }
  return std::nullopt;
}

Outcome Scenario::pin(const Json& step) {
  return error_of(store(step).pin(id_of(step)));
}

Outcome Scenario::unpin(const Json& step) {
  return error_of(store(step).unpin(id_of(step)));
}

Outcome Scenario::extend_grace(const Json& step) {
  const std::chrono::milliseconds grace(step.at("ms").get<std::int64_t>());
  return error_of(store(step).extend_grace(id_of(step), grace, step.value("readers", 1U)));
}

Outcome Scenario::remove(const Json& step) {
  const Result<bool> removed = store(step).remove(id_of(step));
  if (removed) REQUIRE(*removed == step.value("removed", false));
  return error_of(removed);
}

Outcome Scenario::evict(const Json& step) {
  const Result<Evicted> evicted = store(step).evict_and_count(step.at("bytes").get<std::uint64_t>());
  if (evicted) REQUIRE(evicted->object_bytes == step.value("object_bytes", std::uint64_t{0}));
  return error_of(evicted);
}

Outcome Scenario::trim(const Json& step) {
  return error_of(store(step).trim());
}

Outcome Scenario::clear(const Json& step) {
  return error_of(store(step).clear());
}

}  // namespace dolium::conformance
