// The texts of errors: what happened, to which object, and what to do. Each case provokes one error of the library or
// of the store, in every implementation, and lists texts that it must contain.

#include <fmt/format.h>

#include <functional>

#include "tests/client/store_under_test.h"

namespace dolium::test {
namespace {

constexpr std::uint64_t kCapacity = 64 * kKiB;

template <class T>
Error error_of(const Result<T>& result) {
  REQUIRE_FALSE(result);
  return result.error();
}

struct Case {
  const char* what;
  std::function<Error(ObjectStore&)> provoke;
  Errc code;
  std::vector<std::string> says;
};

const ObjectId kId = id_of(0);

Error put_with(ObjectStore& store, const CreateOptions& options, std::size_t size = 10) {
  return error_of(store.put(kId, pattern(size), options));
}

/// Puts bytes under the tag of a T, which they need not be.
template <class T>
void put_as(ObjectStore& store, std::size_t size) {
  CreateOptions options;
  options.type_tag = type_tag_of<T>();
  options.type_name = Codec<T>::type_name;
  REQUIRE(store.put(kId, pattern(size), options).has_value());
}

std::vector<Case> looking() {
  const std::string id = kId.hex();
  return {
      {"get of nothing",
       [](ObjectStore& store) { return error_of(store.get_raw(kId)); },
       Errc::not_found,
       {"there is no sealed object " + id, "with a timeout, get waits for it"}},
      {"get in vain",
       [](ObjectStore& store) { return error_of(store.get_raw(kId, kShortly)); },
       Errc::timed_out,
       {"nobody sealed object " + id + " in time", "`dolium inspect`"}},
      {"metadata of nothing",
       [](ObjectStore& store) { return error_of(store.metadata(kId)); },
       Errc::not_found,
       {"there is no object " + id}},
      {"pin of nothing",
       [](ObjectStore& store) { return error_of(store.pin(kId)); },
       Errc::not_found,
       {"there is no object " + id}},
      {"unpin of nothing",
       [](ObjectStore& store) { return error_of(store.unpin(kId)); },
       Errc::not_found,
       {"there is no object " + id}},
      {"an event that does not come",
       [](ObjectStore& store) { return error_of(store.subscribe().value().next(kShortly)); },
       Errc::timed_out,
       {"no event came in time"}},
      {"an event of a subscription that was moved from",
       [](ObjectStore& store) {
         Subscription one = store.subscribe().value();
         const Subscription other = std::move(one);
         return error_of(one.next(no_wait));  // NOLINT(bugprone-use-after-move): that is what is tested
       },
       Errc::invalid_argument,
       {"this subscription was moved from"}},
  };
}

std::vector<Case> writing() {
  const std::string id = kId.hex();
  return {
      {"an id that exists",
       [](ObjectStore& store) {
         REQUIRE(store.put(kId, pattern(10)).has_value());
         return put_with(store, {});
       },
       Errc::already_exists,
       {"object " + id + " exists already", "remove it first, or choose another id"}},
      {"an id that is being written",
       [](ObjectStore& store) {
         const ObjectBuilder builder = store.create(kId, 10).value();
         return put_with(store, {});
       },
       Errc::already_exists,
       {"object " + id + " is being written already", "wait for it, or choose another id"}},
      {"remove of what is being written",
       [](ObjectStore& store) {
         const ObjectBuilder builder = store.create(kId, 10).value();
         return error_of(store.remove(kId));
       },
       Errc::not_sealed,
       {"object " + id + " is still being written", "only its creator can seal or abort it"}},
      {"pin of what is being written",
       [](ObjectStore& store) {
         const ObjectBuilder builder = store.create(kId, 10).value();
         return error_of(store.pin(kId));
       },
       Errc::not_sealed,
       {"object " + id + " is still being written"}},
      {"a builder that has done its work",
       [](ObjectStore& store) {
         ObjectBuilder builder = store.create(kId, 10).value();
         REQUIRE(builder.seal().has_value());
         return error_of(builder.seal());
       },
       Errc::already_sealed,
       {"the builder of object " + id, "sealed, aborted or moved from", "create another one"}},
      {"more than was asked for",
       [](ObjectStore& store) {
         ObjectBuilder builder = store.create(kId, 10).value();
         REQUIRE(builder.write(pattern(7)).has_value());
         return error_of(builder.write(pattern(4)));
       },
       Errc::too_large,
       {"object " + id + " has 10 bytes, 7 are written, 4 more do not fit", "create it larger"}},
      {"a time that is negative",
       [](ObjectStore& store) {
         CreateOptions options;
         options.time_to_live = std::chrono::milliseconds(-1);
         return put_with(store, options);
       },
       Errc::invalid_argument,
       {"object " + id + " was given a negative time", "0 means for ever"}},
      {"metadata without measure",
       [](ObjectStore& store) {
         const Bytes metadata = pattern(kMaxMetadata + 1);
         CreateOptions options;
         options.metadata = metadata;
         return put_with(store, options);
       },
       Errc::too_large,
       {"object " + id, fmt::format("{} bytes of metadata; {} is the limit", kMaxMetadata + 1, kMaxMetadata),
        "put the rest into its data"}},
      {"a type name without measure",
       [](ObjectStore& store) {
         const std::string name(kMaxTypeName + 1, 'n');
         CreateOptions options;
         options.type_name = name;
         return put_with(store, options);
       },
       Errc::too_large,
       {"object " + id, "a type name of", "take a shorter one"}},
  };
}

std::vector<Case> wanting_room() {
  const std::string id = kId.hex();
  const auto fill = [](ObjectStore& store) {
    CreateOptions pinned;
    pinned.pinned = true;
    put_numbered(store, 1, 1, 48 * kKiB, pinned);
  };
  return {
      {"larger than the store",
       [](ObjectStore& store) { return put_with(store, {}, kCapacity + 1); },
       Errc::too_large,
       {"object " + id + " of 65537 bytes does not fit a store of 65536 bytes", "raise the daemon's capacity"}},
      {"no room",
       [fill](ObjectStore& store) {
         fill(store);
         return put_with(store, {}, 32 * kKiB);
       },
       Errc::out_of_memory,
       {"no room for 32 KiB in one piece", "48 KiB of 64 KiB are taken (48 KiB pinned", "16 KiB are free",
        "release or unpin objects, or give a timeout to wait"}},
      {"no room in time",
       [fill](ObjectStore& store) {
         fill(store);
         CreateOptions options;
         options.timeout = kShortly;
         return error_of(store.create(kId, 32 * kKiB, options));
       },
       Errc::timed_out,
       {"no room for object " + id + " appeared in time", "`dolium stats` and `dolium clients`"}},
  };
}

/// Four bytes of a type that no program here knows.
void put_of_type_7(ObjectStore& store, std::string_view name) {
  CreateOptions options;
  options.type_tag = 7;
  options.type_name = name;
  REQUIRE(store.put(kId, pattern(4), options).has_value());
}

std::vector<Case> types() {
  const std::string id = kId.hex();
  struct alignas(128) Wide {
    char bytes[128];
  };
  return {
      {"raw bytes are no number",
       [](ObjectStore& store) {
         REQUIRE(store.put(kId, pattern(4)).has_value());
         return error_of(store.get<std::uint32_t>(kId));
       },
       Errc::type_mismatch,
       {"object " + id + " holds raw bytes, not a ", "use get_raw()"}},
      {"another type",
       [](ObjectStore& store) {
         REQUIRE(store.put(kId, std::string("text")).has_value());
         return error_of(store.get<std::uint32_t>(kId));
       },
       Errc::type_mismatch,
       {"object " + id + " holds another type: utf8, not u32"}},
      {"another type that only its program knows",
       [](ObjectStore& store) {
         put_of_type_7(store, "acme.Thing");
         return error_of(store.get<std::uint32_t>(kId));
       },
       Errc::type_mismatch,
       {"object " + id + " holds another type: acme.Thing, not u32"}},
      {"another type that its program gave no name",
       [](ObjectStore& store) {
         put_of_type_7(store, "");
         return error_of(store.get<std::uint32_t>(kId));
       },
       Errc::type_mismatch,
       {"object " + id + " holds another type: a type without a name (tag 0000000000000007), not u32"}},
      {"a struct that has grown since",
       [](ObjectStore& store) {
         struct Grown {
           std::uint32_t a, b;
         };
         put_of_type_7(store, type_name<Grown>);
         return error_of(store.get<Grown>(kId));
       },
       Errc::type_mismatch,
       {"of this program: their sizes differ"}},
      {"a take of another type",
       [](ObjectStore& store) {
         put_of_type_7(store, "acme.Thing");
         return error_of(store.take<std::vector<std::string>>(kId));
       },
       Errc::type_mismatch,
       {"there is no utf8[] to take: object " + id + " holds acme.Thing, and stays in the store",
        "take_raw() takes an object of any type"}},
      {"elements of another type",
       [](ObjectStore& store) {
         put_of_type_7(store, "acme.Thing[]");
         return error_of(store.view<std::uint32_t>(kId));
       },
       Errc::type_mismatch,
       {"object " + id + " holds acme.Thing[], not u32 or u32[]: data() gives its bytes"}},
      {"the right name with the wrong size",
       [](ObjectStore& store) {
         put_as<std::uint32_t>(store, 3);
         return error_of(store.get<std::uint32_t>(kId));
       },
       Errc::type_mismatch,
       {"has 3 bytes where 4 were expected", "put by a program that means something else"}},
      {"elements that do not divide the object",
       [](ObjectStore& store) {
         REQUIRE(store.put(kId, pattern(10)).has_value());
         return error_of(store.get_raw(kId).value().as_span<std::uint64_t>());
       },
       Errc::type_mismatch,
       {"object " + id + " has 10 bytes, which is no multiple of the 8", "put as something else"}},
      {"elements that cannot lie there",
       [](ObjectStore& store) {
         // Objects begin at multiples of 64: of two neighbours of that size, one is where a Wide cannot be.
         put_numbered(store, 1, 1, 64);
         REQUIRE(store.put(kId, pattern(128)).has_value());
         return error_of(store.get_raw(kId).value().as_span<Wide>());
       },
       Errc::type_mismatch,
       {"object " + id + " lies at an address", "copy its bytes"}},
  };
}

std::vector<Case> quotas() {
  const std::string id = kId.hex();
  return {
      {"more than one client may write",
       [](ObjectStore& store) { return put_with(store, {}, 20 * kKiB); },
       Errc::too_large,
       {"object " + id + " takes 20480 bytes", "max_unsealed_bytes_per_client"}},
      {"more than one client may write at once",
       [](ObjectStore& store) {
         const ObjectBuilder builder = store.create(id_of(1), 10 * kKiB).value();
         return put_with(store, {}, 10 * kKiB);
       },
       Errc::out_of_memory,
       {"this client is writing 1 objects of 10240 bytes already", "seal or abort some first"}},
      {"more than one user may pin",
       [](ObjectStore& store) {
         CreateOptions pinned;
         pinned.pinned = true;
         put_numbered(store, 1, 1, 4 * kKiB, pinned);
         return put_with(store, pinned, 8 * kKiB);
       },
       Errc::out_of_memory,
       {"has 4096 bytes pinned; 8192 more would pass the limit of 8192", "max_pinned_bytes_per_user",
        "unpin something first"}},
  };
}

void check(const std::vector<Case>& cases, const StoreConfig& config) {
  const Implementation implementation = GENERATE(implementations());
  for (const Case& each : cases) {
    INFO(each.what);
    OpenStore store = open_store(implementation, config);
    const Error error = each.provoke(*store);
    INFO(error.message);
    CHECK(error.code == each.code);
    for (const std::string& part : each.says) {
      INFO(part);
      CHECK(error.message.find(part) != std::string::npos);
    }
  }
}

}  // namespace

TEST_CASE("errors of looking say what was looked for") {
  check(looking(), {.capacity = kCapacity});
}

TEST_CASE("errors of writing say which object, and what to do instead") {
  check(writing(), {.capacity = kCapacity});
}

TEST_CASE("errors for want of room say how much, why, and what to do") {
  check(wanting_room(), {.capacity = kCapacity});
}

TEST_CASE("errors of type say what is there instead") {
  check(types(), {.capacity = kCapacity});
}

TEST_CASE("errors of quota name the limit") {
  StoreConfig config;
  config.capacity = kCapacity;
  config.max_unsealed_bytes_per_client = 16 * kKiB;
  config.max_pinned_bytes_per_user = 8 * kKiB;
  check(quotas(), config);
}

TEST_CASE("what is no object id says what one is") {
  CHECK(error_of(ObjectId::from_hex("abc")).message ==
        "an object id has 40 hexadecimal digits, not 3 (from_name() makes one of any text)");
  CHECK(error_of(ObjectId::from_binary("abc")).message ==
        "an object id has 20 bytes, not 3 (from_name() makes one of any text)");
  CHECK_THAT(error_of(ObjectId::from_hex(std::string(40, 'x'))).message,
             Catch::Contains("is not an object id: digits are 0-9 and a-f"));
}

TEST_CASE("a store that nothing could be put into is refused in words") {
  const auto refusal = [](const StoreConfig& config) { return error_of(InProcessStore::open(config)).message; };
  CHECK(refusal({.capacity = 0}) == "the capacity must be above 0 bytes");
  CHECK_THAT(refusal({.capacity = std::uint64_t{1} << 50}), Catch::Contains("the capacity can be"));
  StoreConfig config{.capacity = kCapacity};
  config.low_water_mark = 0.7;
  CHECK(refusal(config) == "low_water_mark must be between 0 and 0.5");
  config = {.capacity = kCapacity};
  config.max_objects = UINT32_MAX;
  CHECK_THAT(refusal(config), Catch::Contains("max_objects can be"));
}

}  // namespace dolium::test
