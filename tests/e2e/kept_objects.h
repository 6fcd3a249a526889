#pragma once
// Numbered objects of retention `keep`, with payloads that can be verified.

#include <string>
#include <vector>

#include "tests/client/store_under_test.h"
#include "tests/e2e/payload.h"

namespace dolium::e2e {

inline constexpr Timeout kPatient = std::chrono::seconds(30);

[[nodiscard]] inline ObjectId kept_id(std::uint64_t number) {
  return test::id_of("kept/" + std::to_string(number));
}

[[nodiscard]] inline Result<void> keep(Client& client, std::uint64_t number, std::size_t size,
                                       Timeout timeout = kPatient) {
  std::vector<std::byte> bytes(size);
  fill_payload(bytes, kept_id(number), number + 1);
  return client.put(kept_id(number), bytes, {.timeout = timeout, .retention = Retention::keep});
}

}  // namespace dolium::e2e
