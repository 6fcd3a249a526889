// Result and Error: what converts, what throws, what moves. The types named here need no default constructor, no
// copy, and no comparison.

#include <dolium/result.h>

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>

namespace dolium {
namespace {

const Error kError{Errc::not_found, "no object 3f2a"};

struct NoDefault {
  explicit NoDefault(int v) : value(v) {}
  int value;
};

Result<std::unique_ptr<int>> make(int value) {
  return std::make_unique<int>(value);
}

}  // namespace

TEST_CASE("a result is a value or an error") {
  const Result<int> value = 5;
  const Result<int> error = kError;
  CHECK(value.has_value());
  CHECK(static_cast<bool>(value));
  CHECK(*value == 5);
  CHECK(value.value() == 5);
  CHECK_FALSE(error.has_value());
  CHECK_FALSE(static_cast<bool>(error));
  CHECK(error.error() == kError);
  CHECK(value.value_or(7) == 5);
  CHECK(error.value_or(7) == 7);
  static_assert(!std::is_convertible_v<Result<int>, bool>);
}

TEST_CASE("a result converts from whatever its value converts from") {
  const Result<std::string> text = "literal";
  CHECK(*text == "literal");
  CHECK(text->size() == 7);
  const Result<std::unique_ptr<const int>> pointer = std::make_unique<int>(3);
  CHECK(**pointer == 3);
  const Result<NoDefault> no_default = NoDefault(4);
  CHECK(no_default->value == 4);
}

TEST_CASE("value() without a value throws the error, and nothing else does") {
  const Result<int> error = kError;
  try {
    (void)error.value();
    FAIL("nothing was thrown");
  } catch (const BadResultAccess& thrown) {
    CHECK(thrown.error() == kError);
    CHECK(std::string(thrown.what()) == "not_found: no object 3f2a");
  }
  const Result<void> nothing = kError;
  CHECK_THROWS_AS(nothing.value(), BadResultAccess);
  CHECK_THROWS_AS(Result<int>(kError).value(), BadResultAccess);
}

TEST_CASE("what only moves moves out of a result") {
  Result<std::unique_ptr<int>> result = make(5);
  const std::unique_ptr<int> taken = *std::move(result);
  CHECK(*taken == 5);
  CHECK(*make(6).value() == 6);
  CHECK(*make(7).value_or(nullptr) == 7);
}

TEST_CASE("and_then goes on with a value and stops at an error") {
  const auto half = [](int n) -> Result<int> { return n % 2 == 0 ? Result<int>(n / 2) : Result<int>(kError); };
  CHECK(Result<int>(8).and_then(half).and_then(half).value() == 2);
  CHECK(Result<int>(6).and_then(half).and_then(half).error() == kError);
  bool called = false;
  const auto call = [&](int) -> Result<void> { return called = true, Result<void>(); };
  CHECK_FALSE(Result<int>(kError).and_then(call));
  CHECK_FALSE(called);
  CHECK(Result<int>(1).and_then(call));
  CHECK(called);
}

TEST_CASE("transform maps values, to nothing too") {
  const auto text = [](int n) { return std::to_string(n); };
  CHECK(Result<int>(8).transform(text).value() == "8");
  CHECK(Result<int>(kError).transform(text).error() == kError);
  int seen = 0;
  const Result<void> done = Result<int>(8).transform([&](int n) { seen = n; });
  CHECK(done.has_value());
  CHECK(seen == 8);
}

TEST_CASE("or_else turns an error into something else") {
  CHECK(Result<int>(kError).or_else([](const Error&) -> Result<int> { return 1; }).value() == 1);
  CHECK(Result<int>(2).or_else([](const Error&) -> Result<int> { return 1; }).value() == 2);
}

TEST_CASE("a result of nothing says whether it worked") {
  const Result<void> done;
  const Result<void> failed = kError;
  CHECK(done.has_value());
  CHECK_NOTHROW(done.value());
  CHECK_FALSE(failed);
  CHECK(failed.error() == kError);
  CHECK(Result<void>().and_then([] { return Result<int>(3); }).value() == 3);
  CHECK(Result<void>(kError).and_then([] { return Result<int>(3); }).error() == kError);
}

TEST_CASE("results are values: a copy does not change with its origin") {
  Result<std::string> origin = std::string("a");
  const Result<std::string> copy = origin;
  *origin += "b";
  CHECK(*copy == "a");
  origin = kError;
  CHECK(copy.has_value());
  CHECK_FALSE(origin.has_value());
}

TEST_CASE("every code of Errc has its own name") {
  constexpr Errc kAll[] = {Errc::not_found,        Errc::already_exists,    Errc::not_sealed,   Errc::already_sealed,
                           Errc::out_of_memory,    Errc::too_large,         Errc::timed_out,    Errc::type_mismatch,
                           Errc::invalid_argument, Errc::permission_denied, Errc::disconnected, Errc::protocol_error,
                           Errc::system_error};
  for (const Errc code : kAll) {
    CHECK(to_string(code) != "unknown");
    for (const Errc other : kAll) CHECK((to_string(code) == to_string(other)) == (code == other));
  }
  CHECK(to_string(static_cast<Errc>(200)) == "unknown");
}

TEST_CASE("an error without a message prints as its code") {
  CHECK(to_string(Error{Errc::timed_out, ""}) == "timed_out");
  CHECK(to_string(kError) == "not_found: no object 3f2a");
}

}  // namespace dolium
