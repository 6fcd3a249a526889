#pragma once
// PagePin: keeps memory's pages as direct I/O under way does, whatever becomes of the mapping and of its process.
//
// vmsplice(2) puts references to the pages themselves into a pipe: what is read from it later is what those pages hold
// then. Where the memory consists of other pages by then, that is not what the memory holds.

#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <cstddef>
#include <span>
#include <vector>

#include "shm/os/unique_fd.h"

namespace dolium::shm::test {

class PagePin {
 public:
  /// At most 64 KiB, which is what a pipe takes.
  explicit PagePin(std::span<std::byte> memory) : bytes_(memory.size()) {
    std::array<int, 2> ends{};
    REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
    out_ = UniqueFd(ends[0]);
    in_ = UniqueFd(ends[1]);
    const iovec pages{memory.data(), memory.size()};
    REQUIRE(::vmsplice(in_.get(), &pages, 1, 0) == static_cast<ssize_t>(bytes_));
  }
  /// What the pages hold now. Once.
  [[nodiscard]] std::vector<std::byte> read() const {
    std::vector<std::byte> bytes(bytes_);
    std::size_t done = 0;
    while (done < bytes.size()) {
      const ssize_t some = ::read(out_.get(), bytes.data() + done, bytes.size() - done);
      REQUIRE(some > 0);
      done += static_cast<std::size_t>(some);
    }
    return bytes;
  }

 private:
  std::size_t bytes_;
  UniqueFd out_;
  UniqueFd in_;
};

}  // namespace dolium::shm::test
