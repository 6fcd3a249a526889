#include "shm/table/owner_word.h"

#include <catch2/catch.hpp>

#include "shm/table/object_index.h"

using namespace dolium;
using namespace dolium::shm;

TEST_CASE("a store that is gone: what an owner word says of its store") {
  OwnerWord word;
  CHECK_FALSE(word.gone());  // an InProcessStore
  CHECK(word.own(1234));
  CHECK_FALSE(word.gone());
  CHECK(word.owner() == 1234);
  CHECK(word.own(OwnerWord::kOwnerDied));  // as the kernel leaves it
  CHECK(word.gone());
  CHECK(word.gone_for_good());
  CHECK(word.owner() == 0);
  word.set_descriptors_stored(true);
  CHECK(word.gone());
  CHECK_FALSE(word.gone_for_good());
  CHECK(word.own(5678));  // another keeper goes on with it
  CHECK_FALSE(word.gone());
  word.end();
  CHECK(word.gone());
  CHECK(word.gone_for_good());
  CHECK_FALSE(word.own(9));
  CHECK(word.gone_for_good());
}

TEST_CASE("a store that is gone: nothing goes on with an ended store's memory, and no two stores are alike") {
  ObjectIndex index = ObjectIndex::create(16, 1 << 20).value();
  const ObjectIndex other = ObjectIndex::create(16, 1 << 20).value();
  CHECK(index.incarnation() != other.incarnation());
  const Incarnation before = index.incarnation();
  {
    const ObjectIndex successor = ObjectIndex::adopt(index.segment().duplicate().value()).value();
    CHECK(successor.incarnation() == before);
  }
  index.end();
  const Result<ObjectIndex> adopted = ObjectIndex::adopt(index.segment().duplicate().value());
  REQUIRE_FALSE(adopted);
  CHECK_THAT(adopted.error().message, Catch::Contains("orderly stop"));
}
