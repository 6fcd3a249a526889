#include "daemon/server/access_list.h"

#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>

#include "shm/os/system_error.h"

namespace dolium::daemon {
namespace {

// Maximum size of an entry: room for a group of many thousand members.
constexpr std::size_t kMaxEntryBytes = std::size_t{16} << 20;

std::optional<std::uint32_t> as_number(std::string_view name) {
  std::uint32_t number = 0;
  const auto [stop, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  // The largest number is chown(2)'s "leave it alone", and no id.
  if (error != std::errc() || stop != name.data() + name.size() || number == std::numeric_limits<std::uint32_t>::max())
    return std::nullopt;
  return number;
}

/// getpwnam_r and getgrnam_r are one function over two record types. The number is read by `id_of` while the
/// buffer that the record points into is alive.
template <class Record, class IdOf>
Result<std::uint32_t> look_up(std::string_view kind, std::string_view name,
                              int (*find)(const char*, Record*, char*, std::size_t, Record**), IdOf id_of) {
  if (const std::optional<std::uint32_t> number = as_number(name)) return *number;
  const std::string text(name);
  for (std::size_t size = 1024; size <= kMaxEntryBytes; size *= 4) {
    std::vector<char> buffer(size);
    Record record{};
    Record* found = nullptr;
    const int error = find(text.c_str(), &record, buffer.data(), buffer.size(), &found);
    if (error == ERANGE) continue;
    if (found != nullptr) return id_of(*found);
    // The manual pages list these as ways to say "no such name".
    if (error == 0 || error == ENOENT || error == ESRCH || error == EBADF || error == EPERM)
      return Error{Errc::invalid_argument, fmt::format("this machine has no {} \"{}\"", kind, name)};
    return shm::system_error(fmt::format("look up {} \"{}\"", kind, name), error);
  }
  return shm::system_error(fmt::format("look up {} \"{}\"", kind, name), ERANGE);
}

Result<uid_t> resolve_user(std::string_view name) {
  return look_up<passwd>("user", name, &::getpwnam_r, [](const passwd& record) { return record.pw_uid; });
}

}  // namespace

Result<gid_t> resolve_group(std::string_view name) {
  return look_up<group>("group", name, &::getgrnam_r, [](const group& record) { return record.gr_gid; });
}

Result<AccessList::Principals> AccessList::resolve_list(std::string_view list_name,
                                                        std::span<const std::string> entries) const {
  Principals result;
  for (const std::string& entry : entries) {
    if (entry == "*") {
      result.anyone = true;
      continue;
    }
    const bool is_group = entry.starts_with('@');
    const Result<std::uint32_t> id = is_group ? resolve_group(std::string_view(entry).substr(1)) : resolve_user(entry);
    if (!id) return Error{id.error().code, fmt::format("{}: {}", list_name, id.error().message)};
    if (!(is_group ? ids_.groups : ids_.users).identifies(*id))
      return Error{Errc::invalid_argument,
                   fmt::format("{}: {} is number {}, which stands for every {} that this user namespace does not map; "
                               "map those that are meant, or list \"*\" if any may",
                               list_name, entry, *id, is_group ? "group" : "user")};
    (is_group ? result.groups : result.users).push_back(*id);
  }
  return result;
}

Result<AccessList> AccessList::resolve(std::span<const std::string> readers, std::span<const std::string> writers,
                                       uid_t own_uid, protocol::IdMaps ids) {
  AccessList list(own_uid, ids);
  Result<Principals> may_read = list.resolve_list("readers", readers);
  if (!may_read) return may_read.error();
  Result<Principals> may_write = list.resolve_list("writers", writers);
  if (!may_write) return may_write.error();
  list.readers_ = *std::move(may_read);
  list.writers_ = *std::move(may_write);
  return list;
}

bool AccessList::Principals::contain(uid_t uid, gid_t gid, std::span<const gid_t> supplementary) const {
  const auto is_listed = [this](gid_t one) { return std::ranges::count(groups, one) > 0; };
  return anyone || std::ranges::count(users, uid) > 0 || is_listed(gid) ||
         std::ranges::any_of(supplementary, is_listed);
}

bool AccessList::is_owner(uid_t uid) const {
  return identifies(uid) && (uid == 0 || uid == own_uid_);
}

// Overflow ids need no check here: no list has them.
Permission AccessList::decide(uid_t uid, gid_t gid, std::span<const gid_t> groups) const {
  if (is_owner(uid)) return Permission::read_write;
  if (writers_.contain(uid, gid, groups)) return Permission::read_write;
  return readers_.contain(uid, gid, groups) ? Permission::read_only : Permission::none;
}

}  // namespace dolium::daemon
