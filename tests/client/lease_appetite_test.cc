#include "client/remote/lease_appetite.h"

#include <catch2/catch.hpp>

using dolium::detail::LeaseAppetite;

namespace {

/// Until it rests.
void refuse_all(LeaseAppetite& appetite) {
  while (appetite.may_ask(0)) appetite.refused();
}

}  // namespace

TEST_CASE("after a refusal the next lease is for half as many puts, and asked for at once") {
  LeaseAppetite appetite;
  for (std::uint64_t puts = LeaseAppetite::kMostPuts; puts >= LeaseAppetite::kLeastPuts; puts /= 2) {
    REQUIRE(appetite.may_ask(1));
    REQUIRE(appetite.puts() == puts);
    appetite.refused();
  }
  CHECK(appetite.puts() == LeaseAppetite::kLeastPuts);
  CHECK_FALSE(appetite.may_ask(1));
}

TEST_CASE("where the smallest lease is refused, none is asked for until so much was put, twice as much each time") {
  LeaseAppetite appetite;
  refuse_all(appetite);
  for (std::uint64_t rest = LeaseAppetite::kFirstRest; rest < 4 * LeaseAppetite::kLongestRest; rest *= 2) {
    const std::uint64_t bounded = std::min(rest, LeaseAppetite::kLongestRest);
    CHECK_FALSE(appetite.may_ask(bounded - 1));
    CHECK_FALSE(appetite.may_ask(1));
    CHECK(appetite.may_ask(1));
    appetite.refused();
  }
}

TEST_CASE("who is given a lease asks for larger ones again, and its rests are short") {
  LeaseAppetite appetite;
  refuse_all(appetite);
  static_cast<void>(appetite.may_ask(LeaseAppetite::kFirstRest));
  for (std::uint64_t puts = LeaseAppetite::kLeastPuts; puts < 4 * LeaseAppetite::kMostPuts; puts *= 2) {
    CHECK(appetite.puts() == std::min(puts, LeaseAppetite::kMostPuts));
    appetite.satisfied();
  }
  refuse_all(appetite);
  CHECK_FALSE(appetite.may_ask(LeaseAppetite::kFirstRest));
  CHECK(appetite.may_ask(1));
}
