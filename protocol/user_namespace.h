#pragma once
// The user namespace of this process, and what its ids are worth.
//
// A user namespace maps some ids of the host. The kernel shows every other id as the overflow id (65534, "nobody"), in
// the credentials of a peer and in the owner of a file. So in a namespace that does not map all ids the overflow id
// is no identity: it stands for any user of the host, even where the namespace maps the number 65534 as well.
//
// Values. Thread-safe.

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <string>

namespace dolium::protocol {

/// The ids of one kind, users or groups.
class IdMap {
 public:
  IdMap() = default;  ///< of a host that maps everything
  IdMap(std::uint32_t overflow, bool is_whole) noexcept : overflow_(overflow), is_whole_(is_whole) {}
  /// Of this process. Below a `proc` that cannot be read, the map is taken for one that does not map all.
  [[nodiscard]] static IdMap of_users(const std::filesystem::path& proc = "/proc");
  [[nodiscard]] static IdMap of_groups(const std::filesystem::path& proc = "/proc");

  /// True: one user, or group, has this id. False: it stands for all that the namespace does not map.
  [[nodiscard]] bool identifies(std::uint32_t id) const noexcept { return is_whole_ || id != overflow_; }

 private:
  std::uint32_t overflow_ = 65534;
  bool is_whole_ = true;
};

/// Of users and groups.
struct IdMaps {
  IdMap users;
  IdMap groups;

  [[nodiscard]] static IdMaps of_this_process() { return {IdMap::of_users(), IdMap::of_groups()}; }
};

/// Whether `uid`, of a peer or a file, is surely the user that this process runs as.
[[nodiscard]] bool is_own_user(uid_t uid);

/// "user 1000", or what the overflow id means.
[[nodiscard]] std::string name_owner(uid_t uid);

/// Whether this user owns that file, with `uid` as its owner, as the kernel knows it: also where numbers do not tell.
/// Does not follow a link, and changes nothing.
[[nodiscard]] bool owns(const std::filesystem::path& file, uid_t uid);

}  // namespace dolium::protocol
