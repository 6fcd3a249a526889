// Values of C++ types in a store: codecs, type tags, ObjectRef.

#include <array>
#include <map>

#include "tests/client/store_under_test.h"

namespace {

struct Point {
  std::int32_t x = 0;
  double y = 0;
  friend bool operator==(const Point&, const Point&) = default;
};
struct OtherPoint {
  std::int32_t x = 0;
  double y = 0;
};

/// A type with a codec of its own that counts how often it decodes.
struct Word {
  std::string text;
  static inline int decoded = 0;
};

}  // namespace

template <>
struct dolium::Codec<Word> {
  static constexpr std::string_view type_name = "test.Word";
  static std::uint64_t size(const Word& word) { return word.text.size() + 1; }
  static void encode(const Word& word, std::span<std::byte> out) {
    out[0] = std::byte{'w'};
    std::ranges::copy(std::as_bytes(std::span(word.text)), out.begin() + 1);
  }
  static Result<Word> decode(std::span<const std::byte> in) {
    ++Word::decoded;
    if (in.empty() || in[0] != std::byte{'w'}) return Error{Errc::type_mismatch, "no word"};
    return Word{std::string(reinterpret_cast<const char*>(in.data()) + 1, in.size() - 1)};
  }
};

namespace {
/// Two programs' idea of one struct: told apart by the version alone.
struct Pixel {
  std::uint16_t x = 0, y = 0;
};
struct Graph {
  std::string text;
};
}  // namespace

template <>
struct dolium::Codec<Pixel> : dolium::PlainCodec<Pixel> {
  static constexpr std::string_view type_name = "test.Pixel";
  static constexpr std::uint32_t version = 12;
};

template <>
struct dolium::Codec<Graph> {
  static constexpr std::string_view type_name = "test.Graph";
  static constexpr std::uint32_t version = 2;
  static std::uint64_t size(const Graph& graph) { return graph.text.size(); }
  static void encode(const Graph& graph, std::span<std::byte> out) {
    std::ranges::copy(std::as_bytes(std::span(graph.text)), out.begin());
  }
  static Result<Graph> decode(std::span<const std::byte> in) {
    return Graph{std::string(reinterpret_cast<const char*>(in.data()), in.size())};
  }
};

using namespace dolium;
using namespace dolium::test;

namespace {
template <class First, class Second>
struct Both {
  int n;
};
}  // namespace

TEST_CASE("types whose names hold what ends a name elsewhere are told apart", "[typed]") {
  STATIC_REQUIRE(type_name<Both<int[3], char>> != type_name<Both<int[3], long>>);
  STATIC_REQUIRE(type_tag_of<Both<int[3], char>>() != type_tag_of<Both<int[3], long>>());
  STATIC_REQUIRE(type_name<double> == "f64");
}

TEST_CASE("types: a container's name is not its element's, and has no other tag than before", "[typed]") {
  STATIC_REQUIRE(type_name_of<std::int32_t>() == "i32");
  STATIC_REQUIRE(type_name_of<std::vector<std::int32_t>>() == "i32[]");
  STATIC_REQUIRE(type_name_of<std::array<double, 3>>() == "f64[]");
  STATIC_REQUIRE(type_name_of<std::span<const float>>() == "f32[]");
  STATIC_REQUIRE(type_name_of<std::string>() == "utf8");
  STATIC_REQUIRE(type_name_of<Word>() == "test.Word");
  STATIC_REQUIRE(type_tag_of<std::vector<float>>() == detail::type_hash("[]", detail::type_hash("f32", 4)));
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  REQUIRE(outcome(store->put(id_of("one"), std::int32_t{1})) == "ok");
  REQUIRE(outcome(store->put(id_of("many"), std::vector<std::int32_t>{1})) == "ok");
  CHECK(store->metadata(id_of("one")).value().type_name == "i32");
  CHECK(store->metadata(id_of("many")).value().type_name == "i32[]");
  CHECK(store->get<std::int32_t>(id_of("many")).error().message ==
        "object " + id_of("many").hex() + " holds another type: i32[], not i32");
}

TEST_CASE("types: a codec's version is part of its name and its tag", "[typed]") {
  STATIC_REQUIRE(type_name_of<Graph>() == "test.Graph@2");
  STATIC_REQUIRE(type_tag_of<Graph>() == detail::type_hash("test.Graph@2"));
  STATIC_REQUIRE(type_name_of<Pixel>() == "test.Pixel@12");
  STATIC_REQUIRE(type_tag_of<Pixel>() == detail::type_hash("@12", detail::type_hash("test.Pixel", 4)));
  STATIC_REQUIRE(type_name_of<std::vector<Pixel>>() == "test.Pixel@12[]");
  STATIC_REQUIRE(type_tag_of<std::vector<Pixel>>() == detail::type_hash("[]", type_tag_of<Pixel>()));
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  REQUIRE(outcome(store->put(id_of("graph"), Graph{"a-b"})) == "ok");
  REQUIRE(outcome(store->put(id_of("pixels"), std::vector<Pixel>{{1, 2}, {3, 4}})) == "ok");
  CHECK(store->get<Graph>(id_of("graph")).value().text == "a-b");
  CHECK(store->get<std::vector<Pixel>>(id_of("pixels")).value().at(1).y == 4);
  CHECK(store->metadata(id_of("graph")).value().type_name == "test.Graph@2");
  // The same program with another version of the schema.
  REQUIRE(outcome(store->put(id_of("old"), bytes_of("a-b"), {.type_tag = detail::type_hash("test.Graph@1")})) == "ok");
  CHECK(outcome(store->get<Graph>(id_of("old"))) == "type_mismatch");
}

TEST_CASE("types: a view of elements is refused when the object was stored as others", "[typed]") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  REQUIRE(outcome(store->put(id_of("floats"), std::vector<float>{1, 2, 3, 4})) == "ok");
  REQUIRE(outcome(store->put(id_of("number"), 2.5)) == "ok");
  REQUIRE(outcome(store->put(id_of("text"), std::string("eight by"))) == "ok");
  REQUIRE(outcome(store->put(id_of("graph"), Graph{"eight by"})) == "ok");
  REQUIRE(outcome(store->put(id_of("points"), std::vector<Point>{{1, 2}})) == "ok");
  REQUIRE(outcome(store->put(id_of("raw"), pattern(16))) == "ok");
  const auto at = [&](const char* name) { return store->get_raw(id_of(name)).value(); };
  CHECK(outcome(at("floats").as_span<double>()) == "type_mismatch");
  CHECK(outcome(at("floats").as_span<std::int32_t>()) == "type_mismatch");
  CHECK(outcome(at("text").as_span<std::uint64_t>()) == "type_mismatch");
  CHECK(outcome(at("graph").as_span<std::uint64_t>()) == "type_mismatch");
  CHECK(outcome(at("points").as_span<OtherPoint>()) == "type_mismatch");
  CHECK(at("floats").as_span<double>().error().message ==
        "object " + id_of("floats").hex() + " holds f32[], not f64 or f64[]: data() gives its bytes");
  CHECK(at("floats").as_span<float>().value()[3] == 4);
  CHECK((at("floats").as_span<std::array<float, 2>>().value()[1][0] == 3));
  CHECK(at("number").as_span<double>().value()[0] == 2.5);
  CHECK(at("points").as_span<Point>().value()[0] == Point{1, 2});
  CHECK(at("floats").as_span<std::byte>().value().size() == 16);
  CHECK(at("text").as_span<char>().value()[0] == 'e');
  CHECK(at("graph").as_span<unsigned char>().value().size() == 8);
  CHECK(at("raw").as_span<double>().value().size() == 2);  // what raw bytes are cannot be known
}

TEST_CASE("types: an array of numpy's is viewed as the elements that its header names", "[typed]") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  const auto put = [&](const char* name, std::string_view header) {
    const CreateOptions options{.metadata = std::as_bytes(std::span(header)),
                                .type_tag = detail::type_hash("numpy.ndarray")};
    REQUIRE(outcome(store->put(id_of(name), pattern(48), options)) == "ok");
    return store->get_raw(id_of(name)).value();
  };
  const Object doubles = put("doubles", "{'descr': '<f8', 'fortran_order': False, 'shape': (2, 3), }");
  CHECK(doubles.as_span<double>().value().size() == 6);
  CHECK(outcome(doubles.as_span<float>()) == "type_mismatch");
  CHECK(outcome(doubles.as_span<Point>()) == "type_mismatch");
  const Object records = put("records", "{'descr': [('x', '<i4'), ('y', '<f8')], 'fortran_order': False, }");
  CHECK(records.as_span<Point>().value().size() == 3);
  CHECK(outcome(records.as_span<double>()) == "type_mismatch");
  CHECK(outcome(put("none", "").as_span<double>()) == "type_mismatch");
}

TEST_CASE("values of every built-in kind come back as they were") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  const Point point{-3, 2.5};
  const std::vector<float> floats = {1.5F, -2.0F, 0.0F};
  const std::string text("a string\0with a zero", 20);
  REQUIRE(outcome(store->put(id_of("point"), point)) == "ok");
  REQUIRE(outcome(store->put(id_of("int"), std::int64_t{-7})) == "ok");
  REQUIRE(outcome(store->put(id_of("bool"), true)) == "ok");
  REQUIRE(outcome(store->put(id_of("floats"), floats)) == "ok");
  REQUIRE(outcome(store->put(id_of("no floats"), std::vector<float>())) == "ok");
  REQUIRE(outcome(store->put(id_of("array"), std::array<std::uint16_t, 3>{1, 2, 3})) == "ok");
  REQUIRE(outcome(store->put(id_of("text"), text)) == "ok");
  REQUIRE(outcome(store->put(id_of("no text"), std::string())) == "ok");

  CHECK(store.other().get<Point>(id_of("point")).value() == point);
  CHECK(store.other().get<std::int64_t>(id_of("int")).value() == -7);
  CHECK(store.other().get<bool>(id_of("bool")).value());
  CHECK(store.other().get<std::vector<float>>(id_of("floats")).value() == floats);
  CHECK(store.other().get<std::vector<float>>(id_of("no floats")).value().empty());
  CHECK((store.other().get<std::array<std::uint16_t, 3>>(id_of("array")).value() ==
         std::array<std::uint16_t, 3>{1, 2, 3}));
  CHECK(store.other().get<std::string>(id_of("text")).value() == text);
  CHECK(store.other().get<std::string>(id_of("no text")).value().empty());
}

TEST_CASE("a get as another type is type_mismatch, never a reinterpretation") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  REQUIRE(outcome(store->put(id_of("point"), Point{1, 2})) == "ok");
  REQUIRE(outcome(store->put(id_of("ints"), std::vector<std::int32_t>{1, 2, 3, 4})) == "ok");
  REQUIRE(outcome(store->put(id_of("raw"), pattern(sizeof(Point)))) == "ok");
  REQUIRE(outcome(store->put(id_of("text"), std::string("text"))) == "ok");
  CHECK(outcome(store->get<OtherPoint>(id_of("point"))) == "type_mismatch");
  CHECK(outcome(store->get<std::array<double, 2>>(id_of("point"))) == "type_mismatch");
  CHECK(outcome(store->get<std::vector<std::uint32_t>>(id_of("ints"))) == "type_mismatch");
  CHECK(outcome(store->get<std::vector<float>>(id_of("ints"))) == "type_mismatch");
  CHECK(outcome(store->get<Point>(id_of("raw"))) == "type_mismatch");
  CHECK(outcome(store->get<std::vector<char>>(id_of("text"))) == "type_mismatch");
  CHECK(outcome(store->get<Word>(id_of("text"))) == "type_mismatch");
  CHECK(outcome(store->get<Point>(id_of("absent"))) == "not_found");
  CHECK(outcome(store->get<Point>(id_of("absent"), kShortly)) == "timed_out");
}

TEST_CASE("a range is the same thing on the wire, whatever container holds it") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  const std::vector<std::int32_t> numbers = {4, 5, 6};
  const auto ref = store->put(id_of("span"), std::span<const std::int32_t>(numbers)).value();
  CHECK(ref.get().value() == numbers);
  CHECK(store->get<std::vector<std::int32_t>>(id_of("span")).value() == numbers);
  CHECK((store->get<std::array<std::int32_t, 3>>(id_of("span")).value() == std::array{4, 5, 6}));
  CHECK(outcome(store->get<std::array<std::int32_t, 4>>(id_of("span"))) == "type_mismatch");
}

TEST_CASE("byte ranges are always raw") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  Bytes bytes = pattern(10);
  REQUIRE(outcome(store->put(id_of("vector"), bytes)) == "ok");
  REQUIRE(outcome(store->put(id_of("span"), std::span<std::byte>(bytes))) == "ok");
  CHECK(store->get_raw(id_of("vector")).value().type_tag() == 0);
  CHECK(store->get_raw(id_of("span")).value().type_tag() == 0);
}

TEST_CASE("a type's tag and name are stored with the object") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  REQUIRE(outcome(store->put(id_of("word"), Word{"hello"})) == "ok");
  REQUIRE(outcome(store->put(id_of("point"), Point{})) == "ok");
  const ObjectMetadata word = store->metadata(id_of("word")).value();
  CHECK(word.type_name == "test.Word");
  CHECK(word.type_tag == type_tag_of<Word>());
  CHECK(word.data_size == 6);
  CHECK(store->get_raw(id_of("word")).value().type_tag() == type_tag_of<Word>());
  CHECK(store->metadata(id_of("point")).value().type_name.find("Point") != std::string::npos);
  CHECK(type_tag_of<Point>() != type_tag_of<OtherPoint>());
  CHECK(type_tag_of<Point>() != type_tag_of<std::vector<Point>>());
}

TEST_CASE("a codec of the user's own encodes, decodes and refuses") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  REQUIRE(outcome(store->put(id_of("word"), Word{"hello"})) == "ok");
  CHECK(store->get<Word>(id_of("word")).value().text == "hello");
  REQUIRE(outcome(store->put(id_of("forged"), bytes_of("x"), {.type_tag = type_tag_of<Word>()})) == "ok");
  CHECK(outcome(store->get<Word>(id_of("forged"))) == "type_mismatch");
}

TEST_CASE("a ref decodes once and hands out copies of what it has") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  const ObjectRef<Word> ref = store->put(Word{"cached"}).value();
  const ObjectRef<Word> copy = ref;
  Word::decoded = 0;
  CHECK(ref.get().value().text == "cached");
  CHECK(copy.get().value().text == "cached");
  CHECK(ref.get().value().text == "cached");
  CHECK(Word::decoded == 1);
  CHECK(text_of(ref.get_raw().value().data()) == "wcached");
  CHECK(ref.id() == copy.id());
}

TEST_CASE("a ref from put holds its object, as long as a copy of it lives") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  const ObjectId id = [&] {
    const ObjectRef<Word> ref = store->put(Word{"held"}).value();
    const ObjectRef<Word> copy = ref;
    CHECK(store->evict(kMiB).value() == 0);
    CHECK(store->exists(ref.id()).value());
    return ref.id();
  }();
  CHECK(store->evict(kMiB).value() > 0);
  CHECK_FALSE(store->exists(id).value());
}

TEST_CASE("a ref to what is not there yet holds nothing, waits on request, and holds from then on") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  const ObjectRef<Word> ref = store->ref<Word>(id_of("later"));
  CHECK(outcome(ref.get()) == "not_found");
  CHECK(outcome(ref.get(kShortly)) == "timed_out");
  REQUIRE(outcome(store->put(id_of("later"), Word{"now"})) == "ok");
  CHECK(store->metadata(id_of("later")).value().ref_count == 0);
  CHECK(ref.get(kPatience).value().text == "now");
  CHECK(store->metadata(id_of("later")).value().ref_count == 1);
  CHECK(store->remove(id_of("later")).value());
  CHECK(ref.get().value().text == "now");
  CHECK(text_of(ref.get_raw().value().data()) == "wnow");
}

TEST_CASE("values beyond the inline limit are encoded in place") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  std::vector<double> numbers(20'000);
  for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<double>(i) / 3;
  const ObjectRef<std::vector<double>> ref = store->put(numbers).value();
  CHECK(ref.get().value() == numbers);
  CHECK(store->get<std::vector<double>>(ref.id()).value() == numbers);
  CHECK(std::ranges::equal(ref.get_raw().value().as_span<double>().value(), numbers));
}

TEST_CASE("a typed put takes options, and fails as any put") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  REQUIRE(outcome(store->put(id_of("a"), Word{"x"}, {.metadata = bytes_of("meta"), .pinned = true})) == "ok");
  CHECK(store->metadata(id_of("a")).value().is_pinned);
  CHECK(text_of(store->get_raw(id_of("a")).value().metadata()) == "meta");
  CHECK(outcome(store->put(id_of("a"), Word{"y"})) == "already_exists");
  CHECK(outcome(store->put(id_of("b"), std::vector<double>(kMiB))) == "too_large");
}
