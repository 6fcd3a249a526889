// Steps that look: metadata, listings, statistics, ids, types, tickets, events.

#include <catch2/catch.hpp>
#include <chrono>
#include <set>
#include <thread>

#include "shm/types/type_names.h"
#include "tests/conformance/scenario.h"

namespace dolium::conformance {

using Outcome = std::optional<Error>;

namespace {

/// Compares those that the step expects.
void check_figures(const Json& has, const Json& figures) {
  for (const auto& [name, expected] : has.items()) {
    INFO(name);
    REQUIRE(figures.contains(name));
    REQUIRE(figures.at(name) == expected);
  }
}

std::string_view tier_name(const StoreStats& stats) {
  return stats.tier ? to_string(stats.tier->state) : "none";
}

}  // namespace

Outcome Scenario::metadata(const Json& step) {
  const Result<ObjectMetadata> found = store(step).metadata(id_of(step));
  if (!found) return found.error();
  check_figures(step.at("has"), {{"state", found->state == ObjectState::sealed ? "sealed" : "unsealed"},
                                 {"data_size", found->data_size},
                                 {"metadata_size", found->metadata_size},
                                 {"ref_count", found->ref_count},
                                 {"pinned", found->is_pinned},
                                 {"label", found->label},
                                 {"type_name", found->type_name},
                                 {"time_to_live_ms", found->time_to_live.count()},
                                 {"time_to_idle_ms", found->time_to_idle.count()},
                                 {"grace_readers_left", found->grace_readers_left},
                                 {"retention", to_string(found->retention)},
                                 {"place", to_string(found->place)}});
  if (step.contains("as")) descriptions_.insert_or_assign(step.at("as").get<std::string>(), *found);
  return std::nullopt;
}

Outcome Scenario::remove_described(const Json& step) {
  const Result<bool> removed = store(step).remove(descriptions_.at(step.at("object").get<std::string>()));
  if (removed) REQUIRE(*removed == step.value("removed", false));
  return error_of(removed);
}

Outcome Scenario::stats(const Json& step) {
  const Result<StoreStats> found = store(step).stats();
  if (!found) return found.error();
  check_figures(step.at("has"), {{"total_objects", found->total_objects},
                                 {"total_size", found->total_size},
                                 {"used_bytes", found->used_bytes},
                                 {"put_count", found->put_count},
                                 {"get_count", found->get_count},
                                 {"hit_count", found->hit_count},
                                 {"miss_count", found->miss_count},
                                 {"in_use_count", found->in_use_count},
                                 {"pinned_count", found->pinned_count},
                                 {"unsealed_count", found->unsealed_count},
                                 {"retired_count", found->retired_count},
                                 {"removed_count", found->removed_count},
                                 {"aborted_count", found->aborted_count},
                                 {"out_of_memory_count", found->out_of_memory_count},
                                 {"waiting_gets", found->waiting_gets},
                                 {"waiting_creates", found->waiting_creates},
                                 {"spilled_count", found->spilled_count},
                                 {"spilled_bytes", found->spilled_bytes},
                                 {"read_back_count", found->read_back_count},
                                 {"tier", tier_name(*found)}});
  return std::nullopt;
}

Outcome Scenario::until_tier(const Json& step) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  for (;;) {
    const Result<StoreStats> found = store(step).stats();
    if (!found) return found.error();
    const std::uint64_t records = found->tier ? found->tier->records : 0;
    if (tier_name(*found) == step.at("state").get<std::string>() && records == step.value("records", records))
      return std::nullopt;
    INFO("the tier is " << tier_name(*found));
    REQUIRE(std::chrono::steady_clock::now() < deadline);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

Outcome Scenario::list(const Json& step) {
  const Json given = step.value("filter", Json::object());
  ObjectFilter filter{.label_prefix = given.value("label_prefix", std::string()),
                      .type_name = given.value("type_name", std::string())};
  if (given.contains("state"))
    filter.state = given.at("state") == "sealed" ? ObjectState::sealed : ObjectState::unsealed;
  const auto found = store(step).list(filter);
  if (!found) return found.error();
  std::set<ObjectId> listed;
  for (const ObjectMetadata& each : *found) listed.insert(each.id);
  const auto ids = ids_of(step);
  REQUIRE(listed == std::set<ObjectId>(ids.begin(), ids.end()));
  return std::nullopt;
}

Outcome Scenario::clients(const Json& step) {
  const auto expected = step.at("count").get<std::size_t>();
  for (;;) {  // the end of a client reaches the daemon a moment after it
    const auto found = store(step).clients();
    if (!found || found->size() == expected) return error_of(found);
    REQUIRE(found->size() > expected);
  }
}

Outcome Scenario::ping(const Json& step) {
  return error_of(store(step).ping());
}

Outcome Scenario::id(const Json& step) {
  REQUIRE(ObjectId::from_name(step.at("name").get<std::string>()).hex() == step.at("hex").get<std::string>());
  return std::nullopt;
}

Outcome Scenario::id_from_hex(const Json& step) {
  const auto hex = step.at("hex").get<std::string>();
  const Result<ObjectId> id = ObjectId::from_hex(hex);
  if (id) REQUIRE(id->hex() == step.value("to", hex));
  return error_of(id);
}

Outcome Scenario::tag(const Json& step) {
  REQUIRE(tag_of(step.at("type").get<std::string>()) == std::stoull(step.at("tag").get<std::string>(), nullptr, 16));
  return std::nullopt;
}

/// In C++ the type of a reference is a template's: of those in the file, this one.
Outcome Scenario::ticket(const Json& step) {
  REQUIRE(step.at("type") == "f64[]");
  tickets_.insert_or_assign(step.at("as").get<std::string>(),
                            store(step).ref<std::vector<double>>(id_of(step)).ticket());
  return std::nullopt;
}

Outcome Scenario::ticket_get(const Json& step) {
  const std::string& text = tickets_.at(step.at("ticket").get<std::string>());
  if (step.at("type") == "utf8") return error_of(store(step).ref<std::string>(text));
  REQUIRE(step.at("type") == "f64[]");
  const auto ref = store(step).ref<std::vector<double>>(text);
  return ref ? keep(step, ref->get_raw(timeout_of(step))) : ref.error();
}

Outcome Scenario::ticket_text(const Json& step) {
  const Result<Ticket> read = Ticket::parse(step.at("text").get<std::string>());
  if (read) REQUIRE(read->id.hex() == step.at("hex").get<std::string>());
  return error_of(read);
}

Outcome Scenario::subscribe(const Json& step) {
  Result<Subscription> made = store(step).subscribe();
  if (!made) return made.error();
  subscriptions_.insert_or_assign(step.at("as").get<std::string>(), *std::move(made));
  return std::nullopt;
}

Outcome Scenario::next(const Json& step) {
  const Timeout timeout = step.contains("timeout_ms") ? timeout_of(step) : Timeout(std::chrono::seconds(60));
  const Result<Event> event = subscriptions_.at(step.at("subscription").get<std::string>()).next(timeout);
  if (!event) return event.error();
  const Json& expected = step.at("event");
  REQUIRE(to_string(event->kind) == expected.at("kind").get<std::string>());
  REQUIRE(event->id == id_of(expected));
  if (event->kind == Event::removed) REQUIRE(to_string(event->cause) == expected.at("cause").get<std::string>());
  REQUIRE(event->data_size == expected.value("size", event->data_size));
  REQUIRE(event->label == expected.value("label", event->label));
  return std::nullopt;
}

}  // namespace dolium::conformance
