#include "tests/spill/memory_files.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "shm/os/system_error.h"

namespace dolium::test {

using shm::system_error;
using spill::FilePtr;
using spill::FileSize;
using spill::Io;
using spill::IoKind;
using spill::IoResult;
using spill::OpenMode;

namespace {

constexpr std::uint64_t kSector = 512;

void put(std::vector<std::byte>& into, std::uint64_t offset, std::span<const std::byte> bytes) {
  if (into.size() < offset + bytes.size()) into.resize(offset + bytes.size());
  if (!bytes.empty()) std::memcpy(into.data() + offset, bytes.data(), bytes.size());
}

}  // namespace

MemoryFiles::MemoryFiles(std::uint64_t seed, std::uint64_t disk_bytes) : random_(seed), disk_bytes_(disk_bytes) {}

bool MemoryFiles::chance(double probability) {
  return probability > 0 && std::uniform_real_distribution<>(0, 1)(random_) < probability;
}

std::uint64_t MemoryFiles::allocated() const {
  std::uint64_t sum = 0;
  for (const auto& [name, inode] : names_) sum += inode->now.size();
  return sum;
}

std::vector<std::string> MemoryFiles::names() const {
  std::vector<std::string> out;
  for (const auto& [name, inode] : names_) out.push_back(name);
  return out;
}

Result<std::vector<std::string>> MemoryFiles::list() {
  return faults.dead ? Result<std::vector<std::string>>(system_error("list the directory", EIO)) : names();
}

Result<FilePtr> MemoryFiles::open(const std::string& name, OpenMode mode) {
  const std::string doing = "open " + name;
  if (faults.dead) return system_error(doing, EIO);
  const auto found = names_.find(name);
  if (found != names_.end())
    return mode == OpenMode::create ? Result<FilePtr>(system_error(doing, EEXIST))
                                    : FilePtr(std::make_shared<OpenInode>(found->second));
  if (mode == OpenMode::existing) return system_error(doing, ENOENT);
  if (broken() != 0) return system_error(doing, broken());
  const auto inode = std::make_shared<Inode>();
  names_[name] = inode;
  changes_.push_back({name, inode, {}});
  return FilePtr(std::make_shared<OpenInode>(inode));
}

Result<void> MemoryFiles::allocate(spill::File& file, std::uint64_t bytes) {
  if (broken() != 0) return system_error("reserve", broken());
  Inode& inode = of(file);
  const std::uint64_t more = bytes > inode.now.size() ? bytes - inode.now.size() : 0;
  if (is_due(faults.allocate_error_in) || allocated() + more > disk_bytes_) return system_error("reserve", ENOSPC);
  inode.now.resize(inode.now.size() + more);
  return {};
}

Result<void> MemoryFiles::truncate(spill::File& file, std::uint64_t bytes) {
  if (broken() != 0) return system_error("truncate", broken());
  of(file).now.resize(bytes);
  return {};
}

Result<FileSize> MemoryFiles::size(spill::File& file) {
  if (faults.dead) return system_error("examine", EIO);
  const std::uint64_t bytes = of(file).now.size();
  return FileSize{bytes, (bytes + 4095) / 4096 * 4096};
}

Result<void> MemoryFiles::rename(const std::string& from, const std::string& to) {
  if (broken() != 0) return system_error("rename " + from, broken());
  const auto found = names_.find(from);
  if (found == names_.end()) return system_error("rename " + from, ENOENT);
  const InodePtr inode = found->second;
  names_.erase(found);
  names_[to] = inode;
  changes_.push_back({to, inode, from});
  return {};
}

Result<void> MemoryFiles::unlink(const std::string& name) {
  if (broken() != 0) return system_error("unlink " + name, broken());
  if (is_due(faults.unlink_error_in)) return system_error("unlink " + name, EIO);
  if (names_.erase(name) == 0) return system_error("unlink " + name, ENOENT);
  changes_.push_back({name, nullptr, {}});
  return {};
}

Result<void> MemoryFiles::sync_directory() {
  if (broken() != 0) return system_error("sync the directory", broken());
  if (is_due(faults.directory_error_in)) return system_error("sync the directory", EIO);
  if (lie == Lie::directory_syncs) return {};
  safe_names_ = names_;
  changes_.clear();
  return {};
}

Result<std::uint64_t> MemoryFiles::free_bytes() {
  return disk_bytes_ > allocated() ? disk_bytes_ - allocated() : 0;
}

Result<std::string> MemoryFiles::check_place() {
  return faults.moved ? Result<std::string>(system_error("find the directory", ESTALE))
                      : Result<std::string>(std::string());
}

Result<std::size_t> MemoryFiles::read_now(spill::File& file, std::uint64_t offset, std::span<std::byte> into) {
  const Inode& inode = of(file);
  const std::uint64_t end = std::min<std::uint64_t>(inode.now.size(), offset + into.size());
  if (faults.dead) return system_error("read", EIO);
  for (const auto& [from, to] : inode.spoilt)
    if (offset < to && from < end) return system_error("read", EIO);
  if (offset >= end) return std::size_t{0};
  std::memcpy(into.data(), inode.now.data() + offset, end - offset);
  return static_cast<std::size_t>(end - offset);
}

Result<void> MemoryFiles::write_now(spill::File& file, std::uint64_t offset, std::span<const std::byte> bytes) {
  if (broken() != 0) return system_error("write", broken());
  Inode& inode = of(file);
  const std::uint64_t end = offset + bytes.size();
  if (end > inode.now.size() && allocated() + end - inode.now.size() > disk_bytes_)
    return system_error("write", ENOSPC);
  put(inode.now, offset, bytes);
  inode.unsafe.push_back({offset, {bytes.begin(), bytes.end()}, ++time_});
  return {};
}

Result<void> MemoryFiles::sync_now(spill::File& file) {
  if (broken() != 0) return system_error("sync", broken());
  sync(of(file), ++time_, true);
  return {};
}

void MemoryFiles::submit(Io io) {
  queue_.push_back({std::move(io), ++time_, false});
}

void MemoryFiles::reap(std::vector<IoResult>& ended, bool wait) {
  std::size_t count = queue_.empty() ? 0 : random_() % (queue_.size() + 1);
  if (wait && count == 0) count = 1;
  for (; count != 0 && !queue_.empty(); --count) {
    const auto at = queue_.begin() + static_cast<std::ptrdiff_t>(random_() % queue_.size());
    const Waiting next = std::move(*at);
    queue_.erase(at);
    ended.push_back({next.io.token, next.killed ? -EIO : carry_out(next)});
  }
}

std::int64_t MemoryFiles::carry_out(const Waiting& waiting) {
  if (waiting.io.kind == IoKind::read) return faults.dead ? -EIO : read(waiting.io);
  if (broken() != 0) return -broken();
  if (waiting.io.kind == IoKind::write) return write(waiting);
  if (lie == Lie::syncs) return 0;
  const bool succeeds = !is_due(faults.sync_error_in);
  sync(of(*waiting.io.file), waiting.begun, succeeds);
  return succeeds ? 0 : -EIO;
}

std::int64_t MemoryFiles::write(const Waiting& waiting) {
  const Io& io = waiting.io;
  ++writes_;
  Inode& inode = of(*io.file);
  const std::size_t size = chance(faults.short_write) ? io.size / 2 / kSector * kSector : io.size;
  const bool fails = is_due(faults.write_error_in);
  const std::span<const std::byte> bytes(io.bytes, size);
  put(inode.now, io.offset, bytes);  // of a failed write, too: it may have reached the disk
  inode.unsafe.push_back({io.offset, {bytes.begin(), bytes.end()}, ++time_, fails});
  return fails ? -faults.write_error : static_cast<std::int64_t>(size);
}

std::int64_t MemoryFiles::read(const Io& io) {
  const std::size_t half = std::max<std::size_t>(io.size / 2, kSector);
  const std::size_t size = chance(faults.short_read) ? std::min(half, io.size) : io.size;
  const Result<std::size_t> count = read_now(*io.file, io.offset, {io.bytes, size});
  return count ? static_cast<std::int64_t>(*count) : -count.error().error_number;
}

void MemoryFiles::sync(Inode& inode, std::uint64_t begun, bool succeeds) {
  std::vector<Unsafe> left;
  if (succeeds) inode.safe.resize(inode.now.size());
  for (Unsafe& each : inode.unsafe) {
    const bool covered = each.ended <= begun && !each.doubtful;
    if (covered && succeeds) {
      put(inode.safe, each.offset, each.bytes);
      continue;
    }
    each.doubtful = each.doubtful || covered;
    left.push_back(std::move(each));
  }
  inode.unsafe = std::move(left);
}

MemoryFiles::InodePtr MemoryFiles::survivor(const Inode& inode, std::mt19937_64& random) {
  auto out = std::make_shared<Inode>();
  out->safe = inode.safe;
  if (random() % 2 == 0) out->safe.resize(inode.now.size());
  for (const Unsafe& each : inode.unsafe) {
    const std::uint64_t mode = random() % 4;  // none, all, or torn
    for (std::uint64_t at = 0; at < each.bytes.size() && mode != 0; at += kSector) {
      const std::uint64_t size = std::min<std::uint64_t>(kSector, each.bytes.size() - at);
      const bool survives = mode == 1 || random() % 2 == 0;
      if (survives && each.offset + at + size <= out->safe.size())
        put(out->safe, each.offset + at, std::span(each.bytes).subspan(at, size));
    }
  }
  out->now = out->safe;
  out->spoilt = inode.spoilt;
  return out;
}

std::unique_ptr<MemoryFiles> MemoryFiles::crash(std::uint64_t seed) const {
  auto out = std::make_unique<MemoryFiles>(seed, disk_bytes_);
  out->lie = lie;
  std::mt19937_64 random(seed);
  std::map<std::string, InodePtr> names = safe_names_;
  for (const NameChange& each : changes_) {
    if (random() % 2 == 0) continue;
    if (!each.from.empty() && names.contains(each.from) && names.at(each.from) == each.inode) names.erase(each.from);
    if (each.inode)
      names[each.name] = each.inode;
    else
      names.erase(each.name);
  }
  for (auto& [name, inode] : names) {
    Inode copy = *inode;
    for (const Waiting& each : queue_)  // writes under way may have reached the disk, in part
      if (each.io.kind == IoKind::write && &of(*each.io.file) == inode.get())
        copy.unsafe.push_back({each.io.offset, {each.io.bytes, each.io.bytes + each.io.size}});
    out->names_[name] = survivor(copy, random);
  }
  out->safe_names_ = out->names_;
  return out;
}

void MemoryFiles::kill() {
  for (Waiting& each : queue_) {
    if (each.io.kind == IoKind::write && random_() % 2 == 0) static_cast<void>(carry_out(each));
    each.killed = true;
  }
}

void MemoryFiles::corrupt(const std::string& name, std::uint64_t offset) {
  Inode& inode = *names_.at(name);
  inode.now.at(offset) ^= std::byte{1};
  if (offset < inode.safe.size()) inode.safe[offset] = inode.now[offset];
}

void MemoryFiles::cut(const std::string& name, std::uint64_t bytes) {
  Inode& inode = *names_.at(name);
  inode.now.resize(bytes);
  inode.safe.resize(bytes);
}

void MemoryFiles::lose(const std::string& name) {
  names_.erase(name);
  safe_names_.erase(name);
}

void MemoryFiles::spoil(const std::string& name, std::uint64_t begin, std::uint64_t end) {
  names_.at(name)->spoilt.emplace_back(begin, end);
}

}  // namespace dolium::test
