#pragma once
// Who may do what: the names of the configuration, resolved once, at start, to numbers.
//
// Model: root and the daemon's own user may read and write (either could take the memory anyway, through /proc);
// the lists add others. Who may write may read. An entry is a user's name or number, '@' and a group's name or
// number, or "*" for anyone. The kernel vouches for who a client is (SO_PEERCRED, SO_PEERGROUPS); a change of
// /etc/group reaches new processes only when they are started with it, and this list when the daemon is.
//
// A value.

#include <sys/types.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <dolium/result.h>

namespace dolium::daemon {

enum class Permission : std::uint8_t { none, read_only, read_write };

/// The number of a group given by name or number; invalid_argument when there is no such group.
[[nodiscard]] Result<gid_t> resolve_group(std::string_view name);

class AccessList {
 public:
  /// Lists as in Config. invalid_argument names the entry that this machine does not know.
  [[nodiscard]] static Result<AccessList> resolve(std::span<const std::string> readers,
                                                  std::span<const std::string> writers, uid_t own_uid);

  /// What a process with these credentials may do. `groups`: its supplementary groups, in any order.
  [[nodiscard]] Permission decide(uid_t uid, gid_t gid, std::span<const gid_t> groups) const;

 private:
  struct Principals {
    bool anyone = false;
    std::vector<uid_t> users;
    std::vector<gid_t> groups;

    [[nodiscard]] bool contain(uid_t uid, gid_t gid, std::span<const gid_t> supplementary) const;
  };

  AccessList() = default;
  static Result<Principals> resolve_list(std::string_view list_name, std::span<const std::string> entries);

  Principals readers_;
  Principals writers_;
};

}  // namespace dolium::daemon
