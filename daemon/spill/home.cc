#include "daemon/spill/home.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "shm/os/random_bytes.h"
#include "shm/os/system_error.h"

namespace dolium::spill {
namespace {

/// The superblock that is there stays, and the directory can be read.
bool can_wait(const Error& error) {
  return error.error_number == EROFS || error.error_number == ENOSPC || error.error_number == EDQUOT;
}

template <std::size_t N>
void copy_text(std::array<char, N>& to, std::string_view text) {
  to.fill(0);
  std::ranges::copy(text.substr(0, N - 1), to.begin());
}

Result<void> fill_at_random(std::span<std::byte> bytes) {
  return shm::random_bytes(bytes) ? Result<void>() : shm::system_error("get random bytes");
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
  const Result<std::vector<std::string>> names = layer.list();
  if (!names) return names.error();
  if (auto admitted = admit_new_directory(*names); !admitted) return admitted.error();
  Home home;
  for (auto* words : {&home.block_.uuid, &home.block_.secret})
    if (auto filled = fill_at_random(std::as_writable_bytes(std::span(*words))); !filled) return filled.error();
  return home;
}

Result<Home> Home::read(FileLayer& layer) {
  const Result<std::vector<std::string>> names = layer.list();
  if (!names) return names.error();
  if (std::ranges::find(*names, kSuperblockName) == names->end())
    return Error{Errc::not_found, "there is no superblock"};
  const Result<FilePtr> file = layer.open(kSuperblockName, OpenMode::small);
  if (!file) return file.error();
  Home home;
  const Result<std::size_t> size = layer.read_now(**file, 0, std::as_writable_bytes(std::span(&home.block_, 1)));
  if (!size) return size.error();
  if (auto admitted = admit_superblock(home.block_, *size); !admitted) return admitted.error();
  return home;
}

Result<void> Home::claim(FileLayer& layer, const Machine& machine) {
  if (auto admitted = admit_machine(block_, machine); !admitted) return admitted;
  if (!machine.id.empty()) copy_text(block_.machine, machine.id);
  copy_text(block_.host, machine.host);
  const bool is_new = block_.opens == 0;
  ++block_.opens;
  Result<void> saved = save(layer);
  if (saved || is_new || !can_wait(saved.error())) return saved;
  why_not_ = saved.error();
  return {};
}

void Home::settle(FileLayer& layer) {
  Result<void> saved = save(layer);
  why_not_ = saved ? Error{Errc::system_error, {}} : saved.error();
}

Result<void> Home::adopt(FileLayer& layer, const Incarnation& incarnation) {
  if (block_.incarnation == incarnation) return {};
  const Incarnation before = std::exchange(block_.incarnation, incarnation);
  if (!is_saved()) return {};  // later, with the rest
  Result<void> saved = save(layer);
  if (saved) return saved;
  if (!can_wait(saved.error())) {
    block_.incarnation = before;
    return saved;
  }
  why_not_ = saved.error();
  return {};
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
  if (auto removed = layer.unlink(kNewSuperblockName); !removed && removed.error().error_number != ENOENT)
    return removed;
  const Result<FilePtr> file = layer.open(kNewSuperblockName, OpenMode::small);
  if (!file) return file.error();
  if (auto written = layer.write_now(**file, 0, std::as_bytes(std::span(&block_, 1))); !written) return written;
  if (auto synced = layer.sync_now(**file); !synced) return synced;
  if (auto renamed = layer.rename(kNewSuperblockName, kSuperblockName); !renamed) return renamed;
  return layer.sync_directory();
}

}  // namespace dolium::spill
