#include "client/cli/file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

namespace dolium::cli {
namespace {

Error system_error(std::string_view what) {
  return {Errc::system_error, fmt::format("{}: {}", what, std::generic_category().message(errno))};
}

}  // namespace

Result<File> File::open(const std::string& path, int flags) {
  const int fd = ::open(path.c_str(), flags | O_CLOEXEC, 0666);
  if (fd < 0) return system_error(fmt::format("cannot open {}", path));
  return File(fd, path, true);
}

File::File(File&& other) noexcept
    : fd_(other.fd_), name_(std::move(other.name_)), owned_(std::exchange(other.owned_, false)) {}

File::~File() {
  if (owned_) ::close(fd_);
}

Result<std::size_t> File::read(std::span<std::byte> into) const {
  for (;;) {
    const ssize_t count = ::read(fd_, into.data(), std::min(into.size(), kChunk));
    if (count >= 0) return static_cast<std::size_t>(count);
    if (errno != EINTR) return system_error(fmt::format("cannot read {}", name_));
  }
}

Result<void> File::write(std::span<const std::byte> bytes) const {
  while (!bytes.empty()) {
    const ssize_t count = ::write(fd_, bytes.data(), std::min(bytes.size(), kChunk));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return system_error(fmt::format("cannot write {}", name_));
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
  return {};
}

Result<void> File::truncate() const {
  if (!owned_ || ::ftruncate(fd_, 0) == 0 || errno == EINVAL) return {};
  return system_error(fmt::format("cannot empty {}", name_));
}

Result<void> File::close() {
  if (!std::exchange(owned_, false) || ::close(fd_) == 0) return {};
  return system_error(fmt::format("cannot write {}", name_));
}

}  // namespace dolium::cli
