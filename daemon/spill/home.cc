#include "daemon/spill/home.h"

#include <fmt/format.h>
#include <sys/random.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "shm/os/system_error.h"

namespace dolium::spill {
namespace {

constexpr const char* kName = "superblock";
constexpr const char* kNewName = "superblock.new";

Error refuse(std::string text) {
  return {Errc::invalid_argument, std::move(text)};
}

/// Files of ours that do not make a directory a used one, and what file systems put there.
bool is_harmless(std::string_view name) {
  return name == "lock" || name == "lost+found" || name == kNewName;
}

Result<void> check_empty(FileLayer& layer) {
  const Result<std::vector<std::string>> names = layer.list();
  if (!names) return names.error();
  for (const std::string& name : *names) {
    if (segment_number(name) != 0 || object_number(name) != 0)
      return refuse(
          fmt::format("the spill directory has objects ({}), but no superblock: it cannot be read. Restore "
                      "the file \"{}\", or move all files of the directory away",
                      name, kName));
    if (!is_harmless(name))
      return refuse(fmt::format("the spill directory has other files ({}): use an empty directory", name));
  }
  return {};
}

template <std::size_t N>
void copy_text(std::array<char, N>& to, std::string_view text) {
  to.fill(0);
  std::ranges::copy(text.substr(0, N - 1), to.begin());
}

Result<void> fill_at_random(std::span<std::byte> bytes) {
  return ::getrandom(bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size())
             ? Result<void>()
             : shm::system_error("get random bytes");
}

}  // namespace

Result<Home> Home::open(FileLayer& layer, const Machine& machine) {
  Result<Home> home = read(layer);
  if (!home && home.error().code == Errc::not_found) home = make(layer);
  if (!home) return home;
  if (auto claimed = home->claim(layer, machine); !claimed) return claimed.error();
  return home;
}

Result<Home> Home::make(FileLayer& layer) {
  if (auto empty = check_empty(layer); !empty) return empty.error();
  Home home;
  for (auto* words : {&home.block_.uuid, &home.block_.secret})
    if (auto filled = fill_at_random(std::as_writable_bytes(std::span(*words))); !filled) return filled.error();
  return home;
}

Result<Home> Home::read(FileLayer& layer) {
  const Result<std::vector<std::string>> names = layer.list();
  if (!names) return names.error();
  if (std::ranges::find(*names, kName) == names->end()) return Error{Errc::not_found, "there is no superblock"};
  const Result<FilePtr> file = layer.open(kName, OpenMode::small);
  if (!file) return file.error();
  Home home;
  const Result<std::size_t> size = layer.read_now(**file, 0, std::as_writable_bytes(std::span(&home.block_, 1)));
  if (!size) return size.error();
  if (*size < sizeof(Superblock)) return refuse("the spill directory's superblock is too short: it is damaged");
  switch (check_superblock(home.block_)) {
    case SuperblockState::good: return home;
    case SuperblockState::foreign: return refuse("the spill directory's file \"superblock\" is not one of Dolium");
    case SuperblockState::other_format:
      return refuse(
          fmt::format("the spill directory has format {}, and this version reads format {} only: use the "
                      "version that wrote it, or an empty directory",
                      home.block_.format, kFormat));
    case SuperblockState::damaged: break;
  }
  return refuse("the spill directory's superblock is damaged (wrong checksum): its objects cannot be read safely");
}

Result<void> Home::claim(FileLayer& layer, const Machine& machine) {
  const std::string owner = block_.machine.data();
  if (!owner.empty() && !machine.id.empty() && owner != machine.id && !machine.adopts)
    return refuse(
        fmt::format("the spill directory belongs to the host \"{}\" (machine id {}), and this is \"{}\" ({}). "
                    "If the disk has moved here for good, run doliumd-spill --adopt with this directory once",
                    block_.host.data(), owner, machine.host, machine.id));
  if (!machine.id.empty()) copy_text(block_.machine, machine.id);
  copy_text(block_.host, machine.host);
  const bool is_new = block_.opens == 0;
  ++block_.opens;
  Result<void> saved = save(layer);
  if (saved || is_new || saved.error().error_number != EROFS) return saved;
  read_only_ = true;
  return {};
}

Result<void> Home::adopt(FileLayer& layer, const Incarnation& incarnation) {
  if (block_.incarnation == incarnation) return {};
  const Incarnation before = std::exchange(block_.incarnation, incarnation);
  if (read_only_) return {};  // this time only
  Result<void> saved = save(layer);
  if (!saved) block_.incarnation = before;
  return saved;
}

Result<void> Home::change_secret(FileLayer& layer) {
  const Nonce before = block_.secret;
  Result<void> done = fill_at_random(std::as_writable_bytes(std::span(block_.secret)));
  if (done) done = save(layer);
  if (!done) block_.secret = before;
  return done;
}

Result<void> Home::save(FileLayer& layer) {
  seal_superblock(block_);
  if (auto removed = layer.unlink(kNewName); !removed && removed.error().error_number != ENOENT) return removed;
  const Result<FilePtr> file = layer.open(kNewName, OpenMode::small);
  if (!file) return file.error();
  if (auto written = layer.write_now(**file, 0, std::as_bytes(std::span(&block_, 1))); !written) return written;
  if (auto synced = layer.sync_now(**file); !synced) return synced;
  if (auto renamed = layer.rename(kNewName, kName); !renamed) return renamed;
  return layer.sync_directory();
}

}  // namespace dolium::spill
