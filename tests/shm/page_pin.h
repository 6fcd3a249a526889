#pragma once
// PagePin: keeps pages of memory as direct I/O in flight does, whatever happens to the mapping and its process.
//
// vmsplice(2) puts references to the pages themselves into a pipe. Reading the pipe later returns the contents of those
// pages at that time. If the memory consists of other pages by then, these contents differ from the memory's.

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
