// Tests the linearizability checker: histories that it must accept, and others that it must reject.

#include <catch2/catch.hpp>
#include <sstream>

#include "tests/model/linearizability.h"

namespace dolium::history {
namespace {

using Kind = Operation::Kind;
using Outcome = Operation::Outcome;
using enum Operation::Kind;
using enum Operation::Outcome;

Operation op(std::uint64_t begin, std::uint64_t end, Kind kind, std::uint64_t value = 0, Outcome outcome = done) {
  return {kind, outcome, value, begin, end};
}

bool accepted(const History& history, Evictions evictions = Evictions::none) {
  return !why_not_linearizable(history, evictions);
}

}  // namespace

TEST_CASE("histories that have an explanation are accepted") {
  CHECK(accepted({}));
  CHECK(accepted({{op(0, 1, create, 7), op(2, 3, seal, 7)}, {op(4, 5, get, 7), op(6, 7, release, 7)}}));
  SECTION("calls that overlap may take effect in either order") {
    CHECK(accepted({{op(0, 10, put, 7)}, {op(0, 10, get, 0, absent)}}));
    CHECK(accepted({{op(0, 10, put, 7)}, {op(0, 10, get, 7)}}));
    CHECK(accepted({{op(0, 10, put, 7)}, {op(1, 2, get, 7), op(3, 4, exists)}}));
    CHECK(accepted({{op(0, 10, put, 7)}, {op(0, 10, put, 8, taken)}, {op(5, 6, get, 7)}}));
  }
  SECTION("what is unsealed is visible to nobody, and in the way") {
    CHECK(accepted(
        {{op(0, 1, create, 7)}, {op(2, 3, get, 0, absent), op(4, 5, remove, 0, unsealed), op(6, 7, put, 8, taken)}}));
    CHECK(accepted({{op(0, 1, create, 7), op(2, 3, abort, 7)}, {op(4, 5, put, 8), op(6, 7, get, 8)}}));
  }
  SECTION("what is held goes on for its holder, and its id has another life") {
    CHECK(accepted({{op(0, 1, put, 7), op(2, 3, get, 7)},
                    {op(4, 5, remove), op(6, 7, put, 8), op(8, 9, get, 8)},
                    {op(10, 11, get, 8)}}));
  }
  SECTION("a deferred put takes effect before its process's next request, and after others' many") {
    CHECK(accepted({{op(0, 100, put_deferred, 7), op(2, 3, get, 7)}, {op(4, 5, get, 7)}}));
    CHECK(
        accepted({{op(0, 100, put_deferred, 7), op(60, 61, get, 7)}, {op(4, 5, get, 0, absent), op(50, 51, get, 7)}}));
    CHECK(accepted({{op(1, 100, put_deferred, 8), op(2, 3, get, 7)}, {op(0, 1, put, 7), op(4, 5, remove)}}));
    CHECK(accepted({{op(0, 100, put_deferred, 7, taken)}, {op(4, 5, put, 8)}}));
    // The client refuses by itself to seal what a dead server dropped: the put may come after.
    CHECK(accepted({{op(0, 100, put_deferred, 8), op(2, 3, seal, 7, unknown)}, {op(4, 5, get, 0, absent)}}));
  }
}

TEST_CASE("a release that is made during a call may take effect after it") {
  // The put finds 7 before the removal; the release comes after the removal, but ends before the put does.
  const History during = {{op(2, 3, get, 7), op(20, 21, release, 7), op(4, 30, put, 8, taken)},
                          {op(0, 1, put, 7), op(5, 10, remove)}};
  CHECK(accepted(during));
  // The put is made after the release: 7 is gone then.
  CHECK_FALSE(accepted(
      {{op(2, 3, get, 7), op(20, 21, release, 7), op(22, 30, put, 8, taken)}, {op(0, 1, put, 7), op(5, 10, remove)}}));
  // What is released during a call may be evicted for it.
  CHECK(accepted({{op(2, 3, get, 7), op(20, 21, release, 7), op(4, 30, put, 8)}, {op(0, 1, put, 7)}},
                 Evictions::possible));
  CHECK_FALSE(accepted({{op(2, 3, get, 7), op(4, 30, put, 8), op(40, 41, release, 7)}, {op(0, 1, put, 7)}},
                       Evictions::possible));
}

TEST_CASE("histories that have no explanation are rejected") {
  SECTION("a value that nobody wrote") {
    CHECK_FALSE(accepted({{op(0, 1, put, 7)}, {op(2, 3, get, 8)}}));
    CHECK_FALSE(accepted({{op(0, 1, put, 7)}, {op(2, 3, get, 8)}}, Evictions::possible));
  }
  SECTION("a value from the future") {
    CHECK_FALSE(accepted({{op(5, 6, put, 7)}, {op(2, 3, get, 7)}}));
  }
  SECTION("what was sealed is not there") {
    CHECK_FALSE(accepted({{op(0, 1, put, 7)}, {op(2, 3, get, 0, absent)}}));
    CHECK_FALSE(accepted({{op(0, 1, put, 7)}, {op(2, 3, exists, 0, absent)}}));
  }
  SECTION("seen, then not, then again, while one put overlaps all of it") {
    CHECK_FALSE(accepted({{op(0, 10, put, 7)}, {op(1, 2, get, 7), op(3, 4, get, 0, absent)}}));
  }
  SECTION("two processes see two writes in different orders") {
    const std::vector<Operation> first = {op(0, 1, put, 7), op(2, 20, remove), op(21, 40, put, 8)};
    CHECK(accepted({first, {op(5, 6, get, 7), op(30, 31, get, 8)}}));
    CHECK_FALSE(accepted({first, {op(25, 26, get, 8), op(30, 31, get, 7)}}));
    CHECK_FALSE(accepted({first, {op(50, 51, get, 7)}}));
  }
  SECTION("two puts of one id both succeed") {
    CHECK_FALSE(accepted({{op(0, 10, put, 7)}, {op(0, 10, put, 8)}}));
    CHECK_FALSE(accepted({{op(0, 10, create, 7)}, {op(0, 10, create, 8)}}, Evictions::possible));
  }
  SECTION("a put is refused by an object that was never there") {
    CHECK_FALSE(accepted({{op(0, 1, put, 7, taken)}}));
    CHECK_FALSE(accepted({{op(0, 1, put, 7, taken)}, {op(2, 3, put, 8)}}, Evictions::possible));
  }
  SECTION("an object is removed twice") {
    CHECK_FALSE(accepted({{op(0, 1, put, 7), op(2, 30, remove)}, {op(2, 30, remove)}}));
  }
  SECTION("an unsealed object is got, removed or evicted") {
    CHECK_FALSE(accepted({{op(0, 1, create, 7)}, {op(2, 3, get, 7)}}));
    CHECK_FALSE(accepted({{op(0, 1, create, 7)}, {op(2, 3, remove)}}));
    CHECK_FALSE(accepted({{op(0, 1, create, 7)}, {op(2, 3, put, 8)}}, Evictions::possible));
  }
  SECTION("a removed object is got") {
    CHECK_FALSE(accepted({{op(0, 1, put, 7), op(2, 3, remove)}, {op(4, 5, get, 7)}}));
  }
  SECTION("a request overtakes its process's deferred put") {
    CHECK_FALSE(accepted({{op(1, 100, put_deferred, 8), op(2, 3, pin)}, {op(0, 1, put, 7), op(4, 5, remove)}}));
  }
  SECTION("a deferred put that its own writer does not see, or sees too late") {
    CHECK_FALSE(accepted({{op(0, 100, put_deferred, 7), op(2, 3, get, 0, absent)}}));
    CHECK_FALSE(accepted({{op(0, 100, put_deferred, 7)}, {op(101, 102, get, 0, absent)}}));
  }
}

TEST_CASE("evictions explain what is gone, but not of what is held, pinned or unsealed") {
  const auto possible = Evictions::possible;
  const std::vector<Operation> written = {op(0, 1, put, 7)};
  CHECK(accepted({written, {op(2, 3, get, 0, absent)}}, possible));
  CHECK(accepted({written, {op(2, 3, put, 8), op(4, 5, get, 8)}}, possible));
  CHECK(accepted({written, {op(2, 3, get, 7), op(4, 5, release, 7)}, {op(6, 7, get, 0, absent)}}, possible));
  CHECK(accepted({written, {op(2, 3, get, 7), op(4, 9, release, 7)}, {op(6, 7, get, 0, absent)}}, possible));
  CHECK_FALSE(accepted({written, {op(2, 3, get, 0, absent), op(4, 5, get, 7)}}, possible));
  CHECK_FALSE(accepted({written, {op(2, 3, get, 7), op(8, 9, release, 7)}, {op(6, 7, get, 0, absent)}}, possible));
  CHECK_FALSE(accepted({written, {op(2, 3, pin)}, {op(6, 7, get, 0, absent)}}, possible));
  CHECK(accepted({written, {op(2, 3, pin), op(4, 5, unpin)}, {op(6, 7, get, 0, absent)}}, possible));
  CHECK_FALSE(accepted({{op(0, 1, create, 7)}, {op(6, 7, remove, 0, absent)}}, possible));
  SECTION("a reference of an earlier life keeps no later one") {
    CHECK(
        accepted({{op(0, 1, put, 7), op(2, 3, get, 7)}, {op(4, 5, remove), op(6, 7, put, 8), op(8, 9, get, 0, absent)}},
                 possible));
  }
}

TEST_CASE("room that is asked for explains what is gone, while it is asked for") {
  const std::vector<Operation> written = {op(0, 1, put, 7)};
  CHECK(accepted({written, {op(2, 9, evict)}, {op(3, 4, get, 7), op(5, 6, release, 7), op(7, 8, get, 0, absent)}}));
  CHECK(accepted({written, {op(2, 3, evict)}, {op(4, 5, get, 7)}}));
  CHECK_FALSE(accepted({written, {op(2, 3, evict)}, {op(4, 5, get, 7), op(6, 7, get, 0, absent)}}));
  CHECK_FALSE(accepted({written, {op(4, 5, evict)}, {op(2, 3, get, 7), op(6, 7, get, 0, absent)}}));
  CHECK_FALSE(accepted({written, {op(2, 3, pin), op(4, 5, evict), op(6, 7, get, 0, absent)}}));
  CHECK_FALSE(accepted({{op(0, 1, create, 7)}, {op(2, 3, evict), op(4, 5, put, 8)}}));
}

TEST_CASE("a server's death drops what is unsealed, and nothing else") {
  CHECK(accepted({{op(0, 1, create, 7)}, {op(2, 3, crash)}, {op(4, 5, put, 8), op(6, 7, get, 8)}}));
  CHECK(accepted({{op(0, 1, create, 7), op(8, 9, abort, 7)}, {op(2, 3, crash)}, {op(4, 5, put, 8)}}));
  CHECK(accepted({{op(0, 1, create, 7), op(2, 9, seal, 7)}, {op(3, 8, crash)}, {op(10, 11, get, 7)}}));
  CHECK_FALSE(accepted({{op(0, 1, create, 7), op(8, 9, seal, 7)}, {op(2, 3, crash)}}));
  CHECK_FALSE(accepted({{op(0, 1, create, 7)}, {op(6, 7, crash)}, {op(4, 5, put, 8)}}));
  CHECK_FALSE(accepted({{op(0, 1, put, 7)}, {op(2, 3, crash)}, {op(4, 5, get, 0, absent)}}));
  CHECK_FALSE(accepted({{op(0, 1, put, 7), op(2, 3, get, 7)}, {op(4, 5, crash)}, {op(6, 7, evict), op(8, 9, put, 8)}}));
}

TEST_CASE("what has no known outcome was done before its end, or never will be") {
  const std::vector<Operation> unknown_put = {op(0, 5, put, 7, unknown)};
  CHECK(accepted({unknown_put, {op(2, 3, get, 7)}}));
  CHECK(accepted({unknown_put, {op(6, 7, get, 0, absent)}}));
  CHECK(accepted({unknown_put, {op(2, 3, get, 0, absent), op(6, 7, get, 7)}}));
  CHECK_FALSE(accepted({unknown_put, {op(6, 7, get, 0, absent), op(8, 9, get, 7)}}));
  CHECK_FALSE(accepted({unknown_put, {op(2, 3, get, 7), op(6, 7, get, 0, absent)}}));
  CHECK(accepted({{op(0, 1, put, 7), op(2, 5, remove, 0, unknown)}, {op(6, 7, get, 7)}}));
  CHECK(accepted({{op(0, 1, put, 7), op(2, 5, remove, 0, unknown)}, {op(6, 7, get, 0, absent)}}));
  CHECK_FALSE(accepted({{op(0, 1, put, 7)}, {op(2, 5, pin, 0, unknown)}, {op(6, 7, get, 0, absent)}}));
  SECTION("of who died, it may be done later") {
    CHECK(accepted({{op(0, kNever, put, 7, unknown)}, {op(2, 3, get, 0, absent), op(4, 5, get, 7)}}));
    CHECK(accepted({{op(0, 1, put, 7), op(2, 3, get, 7), op(4, kNever, release, 7)}, {op(6, 7, get, 0, absent)}},
                   Evictions::possible));
  }
}

TEST_CASE("a forked child keeps what it inherits") {
  const std::vector<Operation> parent = {op(0, 1, put, 7), op(2, 3, get, 7), op(6, 7, release, 7)};
  CHECK_FALSE(accepted({parent, {op(4, 5, inherit, 7)}, {op(8, 9, get, 0, absent)}}, Evictions::possible));
  CHECK(accepted({parent, {op(4, 5, inherit, 7), op(8, 9, release, 7)}, {op(10, 11, get, 0, absent)}},
                 Evictions::possible));
  CHECK(accepted({{op(0, 1, put, 7), op(2, 3, get, 7), op(4, 5, remove), op(6, 7, put, 8)},
                  {op(8, 9, inherit, 7), op(10, 11, get, 8)}}));
}

TEST_CASE("a take is a get and a removal at one moment: of several takes one succeeds") {
  const std::vector<Operation> written = {op(0, 1, put, 7)};
  CHECK(accepted({written, {op(2, 3, take, 7)}, {op(4, 5, get, 0, absent)}, {op(6, 7, take, 0, absent)}}));
  CHECK(accepted({written, {op(2, 9, take, 7)}, {op(2, 9, take, 0, absent)}, {op(2, 9, get, 7)}}));
  CHECK(accepted({written, {op(2, 3, take, 7), op(4, 5, put, 8)}, {op(6, 7, take, 8)}}));
  CHECK(accepted({{op(4, 5, put, 7)}, {op(0, 9, take, 7)}, {op(0, 9, get, 7), op(10, 11, release, 7)}}));
  CHECK(accepted({{op(0, 1, create, 7)}, {op(2, 3, take, 0, absent)}}));
  CHECK(accepted({written, {op(2, 3, get, 7)}, {op(4, 5, take, 7)}, {op(6, 7, put, 8), op(8, 9, get, 8)}}));
  SECTION("two takers of one object") {
    CHECK_FALSE(accepted({written, {op(2, 9, take, 7)}, {op(2, 9, take, 7)}}));
    CHECK_FALSE(accepted({written, {op(2, 3, take, 7)}, {op(4, 5, take, 7)}}, Evictions::possible));
    CHECK_FALSE(accepted({{op(0, 9, put, 7)}, {op(0, 9, take, 7)}, {op(0, 9, take, 7)}, {op(10, 11, get, 0, absent)}}));
  }
  SECTION("a taken object is got, or was taken before it was put, or is another") {
    CHECK_FALSE(accepted({written, {op(2, 3, take, 7)}, {op(4, 5, get, 7)}}));
    CHECK_FALSE(accepted({{op(4, 5, put, 7)}, {op(2, 3, take, 7)}}));
    CHECK_FALSE(accepted({written, {op(2, 3, take, 8)}}));
    CHECK_FALSE(accepted({written, {op(2, 3, take, 7)}, {op(4, 5, remove)}}));
  }
  SECTION("a take of what is there finds nothing") {
    CHECK_FALSE(accepted({written, {op(2, 3, take, 0, absent)}}));
    CHECK(accepted({written, {op(2, 3, take, 0, absent)}}, Evictions::possible));
    CHECK_FALSE(accepted({written, {op(2, 3, get, 7)}, {op(4, 5, take, 0, absent)}}, Evictions::possible));
  }
  SECTION("a take of unknown outcome removed something, or did nothing") {
    const std::vector<Operation> lost = {op(2, 5, take, 0, unknown)};
    CHECK(accepted({written, lost, {op(6, 7, get, 7)}}));
    CHECK(accepted({written, lost, {op(6, 7, get, 0, absent)}}));
    CHECK(accepted({written, lost, {op(3, 4, get, 7), op(6, 7, get, 0, absent)}}));
    CHECK_FALSE(accepted({written, lost, {op(3, 4, get, 0, absent), op(6, 7, get, 7)}}));
    CHECK_FALSE(accepted({written, lost, {op(6, 7, get, 7), op(8, 9, get, 0, absent)}}));
  }
}

TEST_CASE("a history that is rejected can be read") {
  const auto why = why_not_linearizable({{op(1000, 2000, put, 7)}, {op(3000, 4500, get, 8)}}, Evictions::none);
  REQUIRE(why.has_value());
  CHECK_THAT(*why, Catch::Contains("process 1       2.000 ..      3.500 us  get"));
  CHECK_THAT(*why, Catch::Contains("7 sealed, 0 holders"));
}

TEST_CASE("operations go through words") {
  const Operation operation = op(123456789012, 123456789999, put_deferred, 1234567, no_room);
  std::istringstream words(to_words(operation) + " nonsense done 1 2 3");
  const std::optional<Operation> again = from_words(words);
  REQUIRE(again.has_value());
  CHECK(to_words(*again) == to_words(operation));
  CHECK_FALSE(from_words(words).has_value());
}

}  // namespace dolium::history
