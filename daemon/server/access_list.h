#pragma once
// AccessList: which users may read and write: the names of the configuration, resolved to numbers once, at start.
//
// root and the daemon's own user may read and write (both can reach the memory through /proc anyway); the lists add
// others. A writer may also read. An entry is a user's name or number, '@' and a group's name or number, or "*" for
// any user. The kernel says which user a client is (SO_PEERCRED, SO_PEERGROUPS). A change of /etc/group reaches
// processes when they are started anew, and this list when the server is.
// In a user namespace that does not map all users, the overflow id stands for every unmapped user
// (protocol/user_namespace.h). It is on no list but "*", and never counts as the daemon's own user.
//
// A value.

#include <sys/types.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <dolium/result.h>

#include "protocol/user_namespace.h"

namespace dolium::daemon {

enum class Permission : std::uint8_t { none, read_only, read_write };

/// The number of a group given by name or number; invalid_argument when there is no such group.
[[nodiscard]] Result<gid_t> resolve_group(std::string_view name);

class AccessList {
 public:
  /// Lists as in Config. invalid_argument names an entry that this machine does not know, or that is the overflow id.
  [[nodiscard]] static Result<AccessList> resolve(std::span<const std::string> readers,
                                                  std::span<const std::string> writers, uid_t own_uid,
                                                  protocol::IdMaps ids = protocol::IdMaps::of_this_process());

  /// Permission of a process with these credentials. `groups`: its supplementary groups, in any order.
  [[nodiscard]] Permission decide(uid_t uid, gid_t gid, std::span<const gid_t> groups) const;

  /// True for root and the daemon's own user; false for the overflow id.
  [[nodiscard]] bool is_owner(uid_t uid) const;
  /// False for the overflow id, which stands for every user that the daemon's namespace does not map.
  [[nodiscard]] bool identifies(uid_t uid) const { return ids_.users.identifies(uid); }

 private:
  struct Principals {
    bool anyone = false;
    std::vector<uid_t> users;   // never the overflow id
    std::vector<gid_t> groups;  // likewise

    [[nodiscard]] bool contain(uid_t uid, gid_t gid, std::span<const gid_t> supplementary) const;
  };

  AccessList(uid_t own_uid, protocol::IdMaps ids) : ids_(ids), own_uid_(own_uid) {}
  [[nodiscard]] Result<Principals> resolve_list(std::string_view list_name, std::span<const std::string> entries) const;

  protocol::IdMaps ids_;
  uid_t own_uid_;
  Principals readers_;
  Principals writers_;
};

}  // namespace dolium::daemon
