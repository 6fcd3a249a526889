#include "tests/bench/direct_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <new>

namespace dolium::bench {
namespace {

constexpr std::size_t kAlignment = 4096;

}  // namespace

void DirectFile::Free::operator()(std::byte* memory) const noexcept {
  ::operator delete(memory, std::align_val_t(kAlignment));
}

DirectFile::DirectFile(const std::string& path)
    : path_(path), block_(static_cast<std::byte*>(::operator new(kBlock, std::align_val_t(kAlignment)))) {
  fd_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_DIRECT, 0600);
  if (fd_ < 0) fd_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  require(fd_ >= 0, "cannot make a file beside the spill directory");
  for (std::size_t i = 0; i < kBlock / sizeof(std::uint64_t); ++i) {
    const std::uint64_t word = scramble(i + 1);
    std::memcpy(block_.get() + i * sizeof(word), &word, sizeof(word));
  }
}

DirectFile::~DirectFile() {
  ::close(fd_);
  ::unlink(path_.c_str());
}

void DirectFile::write(std::uint64_t bytes) {
  next_ = 0;
  require(::ftruncate(fd_, 0) == 0, "cannot empty a file beside the spill directory");
  while (next_ < bytes) write_block(bytes, next_ + kBlock == bytes);
}

void DirectFile::write_block(std::uint64_t limit, bool sync) {
  if (next_ >= limit) next_ = 0;
  require(::pwrite(fd_, block_.get(), kBlock, static_cast<off_t>(next_)) == static_cast<ssize_t>(kBlock),
          "cannot write beside the spill directory");
  next_ += kBlock;
  require(!sync || ::fdatasync(fd_) == 0, "cannot sync beside the spill directory");
}

void DirectFile::read(std::uint64_t bytes) {
  for (std::uint64_t at = 0; at < bytes; at += kBlock)
    require(::pread(fd_, block_.get(), kBlock, static_cast<off_t>(at)) == static_cast<ssize_t>(kBlock),
            "cannot read beside the spill directory");
}

DiskDirectory::DiskDirectory(const std::string& parent)
    : path_((parent.empty() ? "/var/tmp" : parent) + "/dolium-bench-XXXXXX") {
  require(::mkdtemp(path_.data()) != nullptr, "no directory for the disk");
}

DiskDirectory::~DiskDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string DiskDirectory::make(const std::string& name) const {
  std::string made = path_ + "/" + name;
  require(::mkdir(made.c_str(), 0700) == 0, "no directory on the disk");
  return made;
}

}  // namespace dolium::bench
