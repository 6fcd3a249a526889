// References that travel as tickets, arrays that are written and read in place, and values of container types.

#include <map>
#include <unordered_map>

#include "tests/client/store_under_test.h"

using namespace dolium;
using namespace dolium::test;

namespace {
using Doubles = std::vector<double>;
using Names = std::map<std::string, std::vector<std::string>>;

/// A ticket as another store would have made it.
std::string with_another_store(const std::string& ticket) {
  Ticket changed = Ticket::parse(ticket).value();
  changed.store ^= 1;
  return changed.text();
}
}  // namespace

// ---- tickets ----

TEST_CASE("tickets: a reference travels as a short printable word, with its type", "[typed]") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  const ObjectRef<Doubles> sent = store->put(id_of("a"), Doubles{1, 2}).value();
  const std::string ticket = sent.ticket();
  CHECK(ticket.size() < 80);
  CHECK(ticket.find_first_not_of("0123456789abcdefolium:[]") == std::string::npos);
  CHECK(ticket.starts_with("dolium:1:" + id_of("a").hex() + ":"));
  CHECK(ticket.ends_with(":f64[]"));
  const ObjectRef<Doubles> received = store.other().ref<Doubles>(ticket).value();
  CHECK(received.id() == sent.id());
  CHECK(received.get().value() == Doubles{1, 2});
  CHECK(received.ticket() == ticket);
}

TEST_CASE("tickets: one of another type is refused in words, before any get", "[typed]") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  const std::string ticket = store->put(id_of("a"), Doubles{1}).value().ticket();
  const auto refused = store->ref<std::string>(ticket);
  CHECK(outcome(refused) == "type_mismatch");
  CHECK(refused.error().message == "the ticket of object " + id_of("a").hex() + " is for type f64[], not utf8");
  CHECK(outcome(store->ref<double>(ticket)) == "type_mismatch");
  CHECK(outcome(store->ref<std::vector<float>>(ticket)) == "type_mismatch");
  CHECK(store->ref<std::array<double, 1>>(ticket).value().get().value()[0] == 1);
}

TEST_CASE("tickets: what is no ticket is refused in words", "[typed]") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  const std::string ticket = store->put(id_of("a"), Doubles{1}).value().ticket();
  std::vector<std::string> wrong = {"",
                                    "dolium",
                                    id_of("a").hex(),
                                    "x" + ticket,
                                    ticket + "%",
                                    ticket + "%0",
                                    ticket + "%zz",
                                    ticket + " ",
                                    ticket + "\n",
                                    ticket + "\xc3\xa4",
                                    "dolium:2" + ticket.substr(8)};
  for (std::size_t size = 0; size < ticket.size() - 4; ++size) wrong.push_back(ticket.substr(0, size));
  for (const std::size_t at : {std::size_t{20}, std::size_t{49}, std::size_t{55}, std::size_t{66}}) {
    wrong.push_back(ticket);
    wrong.back()[at] = '-';
  }
  for (const std::string& text : wrong) {
    INFO(text);
    const auto refused = store->ref<Doubles>(text);
    CHECK(outcome(refused) == "invalid_argument");
    CHECK(refused.error().message.find("is no ticket") != std::string::npos);
    CHECK(refused.error().message.find('\n') == std::string::npos);
  }
}

TEST_CASE("tickets: any type's name survives, and is one printable word", "[typed]") {
  for (const std::string& name : std::vector<std::string>{"f64", "std::map<int, char>", "acme.Größe@2", "100%", "%20",
                                                          "a:b", std::string("a\0b\x7f", 4)}) {
    INFO(name);
    const Ticket ticket{ObjectId::random(), name, 0x123456789abcdef0};
    const std::string text = ticket.text();
    CHECK(std::ranges::all_of(text, [](char c) { return c > ' ' && c < '\x7f'; }));
    CHECK(Ticket::parse(text).value() == ticket);
  }
}

TEST_CASE("tickets: a missing object's error says whether the ticket is of another store", "[typed]") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  const std::string ticket = store->put(id_of("a"), Doubles{1}).value().ticket();
  // An id that is there is got, whatever the hint says.
  CHECK(store->ref<Doubles>(with_another_store(ticket)).value().get().value() == Doubles{1});
  REQUIRE(store->remove(id_of("a")).value());
  const Error here = store->ref<Doubles>(ticket).value().get().error();
  CHECK(here.code == Errc::not_found);
  CHECK(here.message.find("another store") == std::string::npos);
  const ObjectRef<Doubles> elsewhere = store->ref<Doubles>(with_another_store(ticket)).value();
  for (const Error& error : {elsewhere.get().error(), elsewhere.get(kShortly).error(), elsewhere.get_raw().error(),
                             elsewhere.view().error()}) {
    CHECK((error.code == Errc::not_found || error.code == Errc::timed_out));
    CHECK(error.message.find(id_of("a").hex()) != std::string::npos);
    CHECK(error.message.find("its ticket was made in another store") != std::string::npos);
  }
  // A reference by id has no ticket to speak of.
  CHECK(store->ref<Doubles>(id_of("a")).get().error().message.find("ticket") == std::string::npos);
}

TEST_CASE("tickets: two stores have different numbers", "[typed]") {
  const auto first = InProcessStore::open({.capacity = kMiB}).value();
  const auto second = InProcessStore::open({.capacity = kMiB}).value();
  const std::string ticket = first->put(id_of("a"), 1.5).value().ticket();
  CHECK(Ticket::parse(ticket).value().store != 0);
  CHECK(Ticket::parse(second->put(id_of("a"), 1.5).value().ticket()).value().store !=
        Ticket::parse(ticket).value().store);
  REQUIRE(second->remove(id_of("a")).value());
  CHECK(second->ref<double>(ticket).value().get().error().message.find("another store") != std::string::npos);
}

TEST_CASE("tickets: raw bytes have a type's name, too", "[typed]") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  REQUIRE(outcome(store->put(id_of("raw"), pattern(10))) == "ok");
  const std::string ticket = store->ref<Bytes>(id_of("raw")).ticket();
  CHECK(ticket.ends_with(":bytes"));
  CHECK(store.other().ref<Bytes>(ticket).value().get().value() == pattern(10));
  CHECK(outcome(store->ref<std::string>(ticket)) == "type_mismatch");
  REQUIRE(outcome(store->put(id_of("typed"), 1.5)) == "ok");
  CHECK(outcome(store->get<Bytes>(id_of("typed"))) == "type_mismatch");
}

// ---- arrays in place ----

TEST_CASE("views: an array is read in place, and held while its view lives", "[typed]") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  REQUIRE(outcome(store->put(id_of("a"), Doubles{1, 2, 3})) == "ok");
  View<double> view = store->view<double>(id_of("a")).value();
  CHECK(view.size() == 3);
  CHECK(view[2] == 3);
  CHECK(std::ranges::equal(view, Doubles{1, 2, 3}));
  CHECK(view.span().data() == view.begin());
  CHECK(view.data() == reinterpret_cast<const double*>(view.object().data().data()));
  CHECK(store->metadata(id_of("a")).value().ref_count == 1);
  const View<double> copy = view;
  view = {};
  CHECK(view.empty());
  CHECK(store->evict(kMiB).value() == 0);
  REQUIRE(store->remove(id_of("a")).value());
  CHECK(copy[1] == 2);
}

TEST_CASE("views: another type is refused, a wait ends, nothing is not_found", "[typed]") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  REQUIRE(outcome(store->put(id_of("a"), Doubles{1, 2, 3})) == "ok");
  REQUIRE(outcome(store->put(id_of("text"), "eight by")) == "ok");
  CHECK(outcome(store->view<std::int64_t>(id_of("a"))) == "type_mismatch");
  CHECK(outcome(store->view<double>(id_of("text"))) == "type_mismatch");
  CHECK(outcome(store->view<double>(id_of("absent"))) == "not_found");
  CHECK(outcome(store->view<double>(id_of("absent"), kShortly)) == "timed_out");
  CHECK(store->metadata(id_of("a")).value().ref_count == 0);
  const View<double> view = store->ref<Doubles>(id_of("a")).view().value();
  CHECK(view.size() == 3);
  // A view that is put is stored as its elements.
  CHECK(store->put(id_of("again"), view).value().get().value() == Doubles{1, 2, 3});
  CHECK(store->metadata(id_of("again")).value().type_name == "f64[]");
}

TEST_CASE("views: a bool is 0 or 1, also in the bytes of another writer", "[typed]") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  const auto put = [&](const char* name, std::string_view bytes, std::uint64_t tag) {
    REQUIRE(outcome(store->put(id_of(name), bytes_of(bytes), {.type_tag = tag})) == "ok");
  };
  put("good", {"\0\1\1", 3}, type_tag_of<std::vector<bool>>());
  put("bad", {"\0\1\2", 3}, type_tag_of<std::vector<bool>>());
  put("one", {"\2", 1}, type_tag_of<bool>());
  CHECK(store->view<bool>(id_of("good")).value()[1]);
  CHECK(store->get<std::vector<bool>>(id_of("good")).value() == std::vector<bool>{false, true, true});
  CHECK(outcome(store->view<bool>(id_of("bad"))) == "type_mismatch");
  CHECK(outcome(store->get<std::vector<bool>>(id_of("bad"))) == "type_mismatch");
  CHECK(outcome(store->get<std::array<bool, 3>>(id_of("bad"))) == "type_mismatch");
  CHECK(outcome(store->get<bool>(id_of("one"))) == "type_mismatch");
}

TEST_CASE("arrays in place: written, sealed, and read as a vector that was put", "[typed]") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  ArrayBuilder<float> builder = store->create_array<float>(id_of("a"), 1000).value();
  CHECK(builder.id() == id_of("a"));
  CHECK(builder.size() == 1000);
  std::ranges::fill(builder.data(), 0.5F);
  builder[999] = 2;
  CHECK_FALSE(store->exists(id_of("a")).value());
  const View<float> view = builder.seal_and_hold().value();
  CHECK(builder.data().empty());
  CHECK(outcome(builder.seal()) == "already_sealed");
  CHECK(view[999] == 2);
  CHECK(store.other().get<std::vector<float>>(id_of("a")).value()[1] == 0.5F);
  const ObjectMetadata metadata = store->metadata(id_of("a")).value();
  CHECK(metadata.type_name == "f32[]");
  CHECK(metadata.type_tag == type_tag_of<std::vector<float>>());
  CHECK(metadata.data_size == 4000);
}

TEST_CASE("arrays in place: options, an abort, none, and too many elements", "[typed]") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  REQUIRE(outcome(store->create_array<double>(id_of("a"), 3, {.metadata = bytes_of("meta")}).value().seal()) == "ok");
  CHECK(text_of(store->get_raw(id_of("a")).value().metadata()) == "meta");
  CHECK(outcome(store->create_array<double>(id_of("a"), 3)) == "already_exists");
  REQUIRE(outcome(store->create_array<double>(id_of("b"), 3).value().abort()) == "ok");
  { const auto dropped = store->create_array<double>(id_of("b"), 3); }
  CHECK(store->create_array<double>(id_of("b"), 0).value().seal_and_hold().value().empty());
  CHECK(outcome(store->create_array<double>(id_of("c"), kMiB)) == "too_large");
  const auto wrapped = store->create_array<double>(id_of("c"), (std::uint64_t{1} << 61) + 1);
  CHECK(outcome(wrapped) == "too_large");
  CHECK(wrapped.error().message.find("2305843009213693953 elements of 8 bytes") != std::string::npos);
}

// ---- containers ----

TEST_CASE("containers: values come back as they were, under names that tell them apart", "[typed]") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  const auto pair = std::pair<std::int32_t, std::string>{7, "seven"};
  const auto tuple = std::tuple<double, std::optional<std::string>, Doubles>{2.5, "x", {1, 2}};
  const Names map = {{"a", {"b", ""}}, {"c", {}}};
  CHECK(store->put(id_of("pair"), pair).value().get().value() == pair);
  CHECK(store->put(id_of("tuple"), tuple).value().get().value() == tuple);
  CHECK(store->put(id_of("map"), map).value().get().value() == map);
  CHECK(store->put(id_of("none"), std::optional<std::int64_t>()).value().get().value() == std::nullopt);
  CHECK(store->put(id_of("literal"), "salve").value().get().value() == "salve");
  CHECK(store->put(id_of("view"), std::string_view("vale")).value().get().value() == "vale");
  CHECK(store.other().get<Names>(id_of("map")).value() == map);
  CHECK(store->metadata(id_of("pair")).value().type_name == "tuple<i32,utf8>");
  CHECK(store->metadata(id_of("tuple")).value().type_name == "tuple<f64,optional<utf8>,f64[]>");
  CHECK(store->metadata(id_of("map")).value().type_name == "map<utf8,utf8[]>");
  CHECK(store->metadata(id_of("none")).value().type_name == "optional<i64>");
  CHECK(store->metadata(id_of("literal")).value().type_name == "utf8");
  CHECK(outcome(store->get<std::pair<std::int32_t, double>>(id_of("pair"))) == "type_mismatch");
  CHECK(outcome(store->get<std::int64_t>(id_of("none"))) == "type_mismatch");
  CHECK(outcome(store->get<std::map<std::string, std::string>>(id_of("map"))) == "type_mismatch");
}

TEST_CASE("containers: bytes under a wrong name are an error of the object, not of the reader", "[typed]") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  REQUIRE(outcome(store->put(id_of("forged"), pattern(100), {.type_tag = type_tag_of<Names>()})) == "ok");
  const Error error = store->get<Names>(id_of("forged")).error();
  CHECK(error.code == Errc::type_mismatch);
  CHECK(
      error.message.starts_with("object " + id_of("forged").hex() + ": a stored map<utf8,utf8[]> cannot be decoded: "));
}

TEST_CASE("numpy: an array of one dimension is a vector, whichever header Python gave it", "[typed]") {
  OpenStore store = open_store(GENERATE(implementations()), {.capacity = kMiB});
  const Doubles numbers = {1, 2, 3, 4, 5, 6};
  const auto put = [&](const char* name, std::string_view header) {
    const CreateOptions options{.metadata = bytes_of(header), .type_tag = detail::type_hash("numpy.ndarray")};
    REQUIRE(outcome(store->put(id_of(name), std::as_bytes(std::span(numbers)), options)) == "ok");
    return store->get<Doubles>(id_of(name));
  };
  CHECK(put("one", "{'descr': '<f8', 'fortran_order': False, 'shape': (6,)}").value() == numbers);
  CHECK(put("fortran", "{'descr': '<f8', 'fortran_order': True, 'shape': (6,), }  ").value() == numbers);
  CHECK(outcome(put("two", "{'descr': '<f8', 'fortran_order': False, 'shape': (2, 3)}")) == "type_mismatch");
  CHECK(outcome(put("other", "{'descr': '<i8', 'fortran_order': False, 'shape': (6,)}")) == "type_mismatch");
  CHECK(outcome(put("big endian", "{'descr': '>f8', 'fortran_order': False, 'shape': (6,)}")) == "type_mismatch");
  CHECK(outcome(put("short", "{'descr': '<f8', 'fortran_order': False, 'shape': (5,)}")) == "type_mismatch");
  CHECK(outcome(put("huge", "{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999999999999,)}")) ==
        "type_mismatch");
  CHECK(outcome(put("cut", "{'descr': '<f8', 'fortran_order': False, 'shape': (6")) == "type_mismatch");
  CHECK(outcome(put("nothing", "")) == "type_mismatch");
  CHECK(outcome(store->get<std::vector<float>>(id_of("one"))) == "type_mismatch");
  const auto put_scalar = [&](const char* name, std::string_view header, std::size_t size) {
    const CreateOptions options{.metadata = bytes_of(header), .type_tag = detail::type_hash("numpy.scalar")};
    REQUIRE(outcome(store->put(id_of(name), std::as_bytes(std::span(numbers)).first(size), options)) == "ok");
    return store->get<double>(id_of(name));
  };
  CHECK(put_scalar("scalar", "{'descr': '<f8', 'fortran_order': False, 'shape': ()}", 8).value() == 1);
  CHECK(outcome(put_scalar("long scalar", "{'descr': '<f8', 'fortran_order': False, 'shape': ()}", 9)) ==
        "type_mismatch");
  CHECK(outcome(put_scalar("int scalar", "{'descr': '<i8', 'fortran_order': False, 'shape': ()}", 8)) ==
        "type_mismatch");
  CHECK(store->get<std::array<double, 6>>(id_of("one")).value()[5] == 6);
  const std::string ticket = Ticket{id_of("one"), "numpy.ndarray", 0}.text();
  CHECK(store->ref<Doubles>(ticket).value().get().value() == numbers);
  CHECK(outcome(store->ref<std::string>(ticket)) == "type_mismatch");
}
