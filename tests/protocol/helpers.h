#pragma once
// Common code of the protocol's tests: a connection without a daemon, and counts of resources that must not leak.

#include <fcntl.h>
#include <sys/socket.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <iterator>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "protocol/fd_socket.h"
#include "protocol/frame.h"
#include "tests/environment.h"

namespace dolium::protocol::test {

using Bytes = std::vector<std::byte>;

struct Connection {
  Connection() {
    auto ends = socket_pair().value();
    near = std::move(ends.first);
    far = std::move(ends.second);
  }
  void send_raw(std::span<const std::byte> bytes) const {
    REQUIRE(::send(near.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size()));
  }

  shm::UniqueFd near;
  shm::UniqueFd far;
};

// Not vector::insert(): inlined here, gcc 12 sees reads past the end in it that are not there.
inline void append(Bytes& bytes, std::span<const std::byte> more) {
  const std::size_t old_size = bytes.size();
  bytes.resize(old_size + more.size());
  std::copy(more.begin(), more.end(), bytes.begin() + static_cast<std::ptrdiff_t>(old_size));
}

inline Bytes header(std::uint32_t length) {
  Bytes bytes(kFrameHeaderBytes);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(length >> 8 * i & 0xff);
  return bytes;
}

inline Bytes framed(std::span<const std::byte> payload) {
  Bytes bytes = header(static_cast<std::uint32_t>(payload.size()));
  append(bytes, payload);
  return bytes;
}

/// A payload that can be told from its neighbours.
inline Bytes pattern(std::size_t size, std::uint32_t salt = 0) {
  Bytes bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>((i * 31 + salt * 7 + (i >> 8)) & 0xff);
  return bytes;
}

inline Bytes copy_of(std::span<const std::byte> bytes) {
  return Bytes(bytes.begin(), bytes.end());
}

inline std::ptrdiff_t open_descriptors() {
  return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), std::filesystem::directory_iterator());
}

inline bool is_close_on_exec(int fd) {
  return (::fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0;
}

/// Seed of a randomised test; DOLIUM_SEED replays one.
inline std::uint64_t seed() {
  return dolium::test::number_from_environment("DOLIUM_SEED", std::random_device()());
}

}  // namespace dolium::protocol::test
