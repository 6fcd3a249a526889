#include "tests/conformance/scenario.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <charconv>
#include <cstring>

#include "shm/types/type_names.h"

namespace dolium::conformance {

ObjectId id_of(const Json& step) {
  return ObjectId::from_name(step.value("id", std::string()));
}

std::vector<ObjectId> ids_of(const Json& step) {
  std::vector<ObjectId> ids;
  for (const Json& name : step.at("ids")) ids.push_back(ObjectId::from_name(name.get<std::string>()));
  return ids;
}

Timeout timeout_of(const Json& step) {
  const std::int64_t given = step.value("timeout_ms", std::int64_t{0});
  return given < 0 ? wait_forever : Timeout(std::chrono::milliseconds(given));
}

std::optional<Bytes> bytes_of(const Json& step) {
  if (step.contains("zeros")) return Bytes(step.at("zeros").get<std::size_t>());
  std::string text = step.value("data", std::string());
  if (step.contains("hex")) {
    const auto digits = step.at("hex").get<std::string>();
    for (std::size_t at = 0; at + 1 < digits.size(); at += 2) {
      unsigned byte = 0;
      std::from_chars(digits.data() + at, digits.data() + at + 2, byte, 16);
      text += static_cast<char>(byte);
    }
  } else if (!step.contains("data")) {
    return std::nullopt;
  }
  Bytes bytes(text.size());
  if (!text.empty()) std::memcpy(bytes.data(), text.data(), text.size());
  return bytes;
}

std::uint64_t tag_of(std::string_view type) {
  return type_called(type).tag;
}

std::unique_ptr<Options> options_of(const Json& step) {
  auto out = std::make_unique<Options>();
  const Json given = step.value("options", Json::object());
  const auto milliseconds = [&](const char* name) {
    return std::chrono::milliseconds(given.value(name, std::int64_t{0}));
  };
  out->label = given.value("label", std::string());
  out->type = given.value("type", std::string());
  const std::string text = given.value("metadata", std::string());
  out->metadata.resize(given.value("metadata_zeros", text.size()));
  if (!text.empty()) std::memcpy(out->metadata.data(), text.data(), text.size());
  out->options = {.metadata = out->metadata,
                  .type_tag = tag_of(out->type),
                  .type_name = out->type,
                  .pinned = given.value("pinned", false),
                  .time_to_live = milliseconds("time_to_live_ms"),
                  .time_to_idle = milliseconds("time_to_idle_ms"),
                  .grace = milliseconds("grace_ms"),
                  .grace_readers = given.value("grace_readers", 1U),
                  .timeout = milliseconds("timeout_ms"),
                  .label = out->label};
  const std::string retention = given.value("retention", std::string("store_default"));
  for (const Retention each : {Retention::cache, Retention::keep})
    if (retention == to_string(each)) out->options.retention = each;
  return out;
}

void Scenario::run(const Json& step) {
  const auto known = steps().find(step.at("op").get<std::string>());
  REQUIRE(known != steps().end());
  const Outcome done = (this->*known->second)(step);
  INFO((done ? to_string(*done) : std::string("ok")));
  REQUIRE((done ? std::string(to_string(done->code)) : std::string("ok")) == step.value("is", std::string("ok")));
  if (done && step.contains("cause")) REQUIRE(to_string(done->cause) == step.at("cause").get<std::string>());
}

ObjectStore& Scenario::store(const Json& step) {
  return step.contains("client") ? *clients_.at(step.at("client").get<std::string>()) : *store_;
}

ObjectBuilder& Scenario::builder(const Json& step) {
  return builders_.at(step.at("builder").get<std::string>());
}

Scenario::Outcome Scenario::keep(const Json& step, Result<Object> object) {
  if (!object) return object.error();
  if (const std::optional<Bytes> expected = bytes_of(step))
    REQUIRE(std::ranges::equal(object->data(), *expected));  // not `==`: megabytes would be printed
  if (step.contains("size")) REQUIRE(object->data().size() == step.at("size").get<std::size_t>());
  if (step.contains("metadata")) {
    const auto metadata = object->metadata();
    REQUIRE(std::string(reinterpret_cast<const char*>(metadata.data()), metadata.size()) ==
            step.at("metadata").get<std::string>());
  }
  if (step.contains("type")) REQUIRE(object->type_tag() == tag_of(step.at("type").get<std::string>()));
  if (step.contains("as")) objects_.insert_or_assign(step.at("as").get<std::string>(), *std::move(object));
  return std::nullopt;
}

const std::map<std::string, Scenario::Step, std::less<>>& Scenario::steps() {
  static const std::map<std::string, Step, std::less<>> all = {{"connect", &Scenario::connect},
                                                               {"close", &Scenario::close},
                                                               {"create", &Scenario::create},
                                                               {"write", &Scenario::write},
                                                               {"seal", &Scenario::seal},
                                                               {"abort", &Scenario::abort},
                                                               {"put", &Scenario::put},
                                                               {"put_many", &Scenario::put_many},
                                                               {"put_deferred", &Scenario::put_deferred},
                                                               {"flush", &Scenario::flush},
                                                               {"pin", &Scenario::pin},
                                                               {"unpin", &Scenario::unpin},
                                                               {"extend_grace", &Scenario::extend_grace},
                                                               {"remove", &Scenario::remove},
                                                               {"evict", &Scenario::evict},
                                                               {"trim", &Scenario::trim},
                                                               {"clear", &Scenario::clear},
                                                               {"get", &Scenario::get},
                                                               {"try_get", &Scenario::try_get},
                                                               {"get_many", &Scenario::get_many},
                                                               {"wait", &Scenario::wait},
                                                               {"take", &Scenario::take},
                                                               {"check", &Scenario::check},
                                                               {"release", &Scenario::release},
                                                               {"retain", &Scenario::retain},
                                                               {"exists", &Scenario::exists},
                                                               {"exists_many", &Scenario::exists_many},
                                                               {"until_gone", &Scenario::until_gone},
                                                               {"get_async", &Scenario::get_async},
                                                               {"take_async", &Scenario::take_async},
                                                               {"create_async", &Scenario::create_async},
                                                               {"outcome", &Scenario::outcome},
                                                               {"not_called", &Scenario::not_called},
                                                               {"cancel", &Scenario::cancel},
                                                               {"metadata", &Scenario::metadata},
                                                               {"remove_described", &Scenario::remove_described},
                                                               {"stats", &Scenario::stats},
                                                               {"until_tier", &Scenario::until_tier},
                                                               {"list", &Scenario::list},
                                                               {"clients", &Scenario::clients},
                                                               {"ping", &Scenario::ping},
                                                               {"id", &Scenario::id},
                                                               {"id_from_hex", &Scenario::id_from_hex},
                                                               {"tag", &Scenario::tag},
                                                               {"ticket", &Scenario::ticket},
                                                               {"ticket_get", &Scenario::ticket_get},
                                                               {"ticket_text", &Scenario::ticket_text},
                                                               {"subscribe", &Scenario::subscribe},
                                                               {"next", &Scenario::next}};
  return all;
}

}  // namespace dolium::conformance
