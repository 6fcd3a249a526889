#pragma once
// The user namespace of this process, and which user and group ids can be trusted in it.
//
// A user namespace maps some ids of the host. The kernel shows every other id as the overflow id (65534, "nobody"), for
// example in a peer's credentials or as a file's owner. So in a namespace that does not map all ids, the overflow id
// identifies no user: it stands for any user of the host, even if the namespace maps the number 65534 as well.
//
// Values. Thread-safe.

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <string>

namespace dolium::protocol {

/// The mapping of user ids, or of group ids.
class IdMap {
 public:
  IdMap() = default;  ///< a map of all ids, as on a host
  IdMap(std::uint32_t overflow, bool is_whole) noexcept : overflow_(overflow), is_whole_(is_whole) {}
  /// The map of this process. If `proc` cannot be read, it counts as one that does not map all ids.
  [[nodiscard]] static IdMap of_users(const std::filesystem::path& proc = "/proc");
  [[nodiscard]] static IdMap of_groups(const std::filesystem::path& proc = "/proc");

  /// True if the id belongs to exactly one user (or group). False if it stands for all ids that the namespace does not
  /// map.
  [[nodiscard]] bool identifies(std::uint32_t id) const noexcept { return is_whole_ || id != overflow_; }

 private:
  std::uint32_t overflow_ = 65534;
  bool is_whole_ = true;
};

/// The maps of users and of groups.
struct IdMaps {
  IdMap users;
  IdMap groups;

  [[nodiscard]] static IdMaps of_this_process() { return {IdMap::of_users(), IdMap::of_groups()}; }
};

/// Whether `uid`, of a peer or a file, is certainly the user that this process runs as.
[[nodiscard]] bool is_own_user(uid_t uid);

/// "user 1000", or an explanation of the overflow id.
[[nodiscard]] std::string name_owner(uid_t uid);

/// Whether this user owns that file, whose owner is shown as `uid`, according to the kernel: works even if the number
/// does not identify the owner. Does not follow a link, and changes nothing.
[[nodiscard]] bool owns(const std::filesystem::path& file, uid_t uid);

}  // namespace dolium::protocol
