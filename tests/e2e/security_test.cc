// The security matrix: no process reads or writes objects without permission, with real users and all known ways of
// access.
//
// The daemon runs as its own user, as under systemd. Root starts and stops it, and processes of two other users try
// permitted and forbidden operations. Needs root, and says so otherwise. The socket's path: security_socket_test.cc.

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <filesystem>
#include <fstream>

#include "protocol/convert.h"
#include "tests/client/store_under_test.h"
#include "tests/e2e/intrusion.h"
#include "tests/e2e/other_user.h"
#include "tests/e2e/owners_daemon.h"
#include "tests/e2e/raw_client.h"

using namespace dolium;
using namespace dolium::e2e;
using namespace dolium::test;

namespace {

namespace fs = std::filesystem;

// HelloReply's order.
constexpr std::size_t kIndex = 0, kArena = 1, kPinTable = 2, kWritableArena = 4;

// ---- the matrix ----

constexpr const char* kUnreachable = "socket";  // the file system says no
constexpr const char* kUnknown = "[access]";    // the daemon says no
constexpr const char* kReads = "get exists metadata list stats clients subscribe";
constexpr const char* kWrites =
    "get exists metadata list stats clients subscribe put create pin unpin extend_grace remove evict clear";

/// What this client may do, by name. What is refused must be refused as permission_denied.
std::string allowed_verbs(ObjectStore& store) {
  const ObjectId kept = id_of("kept");
  const std::pair<const char*, std::string> outcomes[] = {
      {"get", outcome(store.get_raw(kept))},
      {"exists", outcome(store.exists(kept))},
      {"metadata", outcome(store.metadata(kept))},
      {"list", outcome(store.list())},
      {"stats", outcome(store.stats())},
      {"clients", outcome(store.clients())},
      {"subscribe", outcome(store.subscribe())},
      {"put", outcome(store.put(id_of("put"), pattern(100)))},
      {"create", outcome(store.create(id_of("created"), 100))},
      {"pin", outcome(store.pin(kept))},
      {"unpin", outcome(store.unpin(kept))},
      {"extend_grace", outcome(store.extend_grace(kept, std::chrono::milliseconds(1)))},
      {"remove", outcome(store.remove(kept))},
      {"evict", outcome(store.evict(1))},
      {"clear", outcome(store.clear())},
  };
  std::string allowed;
  for (const auto& [verb, how] : outcomes) {
    if (how == "ok") allowed += (allowed.empty() ? "" : " ") + std::string(verb);
    if (how != "ok" && how != "permission_denied") allowed += fmt::format(" ({}: {})", verb, how);
  }
  return allowed;
}

/// The most that the daemon at `socket` gives this process.
std::string rights_at(const std::string& socket) {
  const auto connect = [&](Access access) {
    return Client::connect(socket, {.access = access, .connect_timeout = no_wait, .follow_fork = false});
  };
  if (const auto writer = connect(Access::read_write)) return allowed_verbs(**writer);
  const auto reader = connect(Access::read_only);
  if (reader) return allowed_verbs(**reader);
  const Error& error = reader.error();
  if (error.code != Errc::permission_denied) return to_string(error);
  const bool by_daemon = error.message.find(kUnknown) != std::string::npos;
  return by_daemon ? kUnknown : kUnreachable;
}

struct Row {
  const char* mode;
  const char* group;
  std::vector<std::string> access;
  User user;
  const char* rights;
};

}  // namespace

TEST_CASE("security: who may connect, read, write, pin and remove is what the configuration says") {
  if (!have_users()) return;
  const User member{kReader.uid, kReader.gid, {kStaff}};
  const User by_group{kStranger.uid, kStaff};
  const auto row = GENERATE_COPY(values<Row>({
      {"0600", "", {"--readers=*", "--writers=*"}, kReader, kUnreachable},
      {"0666", "", {}, kReader, kUnknown},
      {"0666", "", {"--readers=61001"}, kReader, kReads},
      {"0666", "", {"--readers=61001"}, kStranger, kUnknown},
      {"0666", "", {"--writers=61001"}, kReader, kWrites},
      {"0666", "", {"--writers=61001"}, kStranger, kUnknown},
      {"0666", "", {"--readers=61001", "--writers=61001"}, kReader, kWrites},
      {"0666", "", {"--readers=*", "--writers=61001"}, kStranger, kReads},
      {"0666", "", {"--readers=*", "--writers=@61010"}, member, kWrites},
      {"0666", "", {"--readers=@61010"}, by_group, kReads},
      {"0660", "61010", {"--readers=*"}, member, kReads},
      {"0660", "61010", {"--readers=*"}, by_group, kReads},
      {"0660", "61010", {"--readers=*", "--writers=*"}, kStranger, kUnreachable},
      {"0660", "61010", {}, member, kUnknown},
      {"0600", "", {}, kOwner, kWrites},
      {"0600", "", {}, User{}, kWrites},
  }));
  CAPTURE(row.mode, row.group, row.access, row.user.uid);
  std::vector<std::string> flags = row.access;
  flags.push_back(fmt::format("--socket-mode={}", row.mode));
  if (*row.group != '\0') flags.push_back(fmt::format("--socket-group={}", row.group));
  OwnersDaemon daemon(flags);
  CHECK(as_user(row.user, [&] { return rights_at(daemon.socket()); }) == row.rights);
  if (row.rights != std::string(kWrites)) CHECK(daemon.is_intact());
}

TEST_CASE("security: every way to write, to resize and into a process leads somewhere that is not protected") {
  if (!can_be_others()) return;
  const shm::UniqueFd open(::memfd_create("unprotected", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  REQUIRE(::fchmod(open.get(), 0666) == 0);
  REQUIRE(::ftruncate(open.get(), 4096) == 0);
  const shm::UniqueFd read_only(::open(fmt::format("/proc/self/fd/{}", open.get()).c_str(), O_RDONLY | O_CLOEXEC));
  // As another user with a descriptor for reading, only those that get around the descriptor. (map_files is for root.)
  const std::string around = as_user(kReader, [&] { return ways_to_write(read_only.get()); });
  CHECK_THAT(around, Catch::StartsWith("reopen, reopen by number, reopen O_PATH"));
  CHECK_THAT(around, Catch::EndsWith("reopen and truncate"));
  REQUIRE(::ftruncate(open.get(), 4096) == 0);
  CHECK_THAT(as_user(kReader, [&] { return ways_to_write(open.get()); }),
             Catch::StartsWith("write, sendfile, map for writing, mprotect, mremap, /proc/self/mem, reopen") &&
                 Catch::Contains("punch a hole, remove pages"));
  CHECK_THAT(as_user(User{}, [&] { return ways_to_resize(open.get()); }),
             Catch::Equals("shrink, grow, allocate behind the end, truncate by name, seal future writes, change the "
                           "mode, change the owner") ||
                 Catch::Contains("truncate by name, seal, "));
  const auto into_own_child = [] {
    const pid_t child = ::fork();
    if (child == 0) ::pause();
    std::string ways = ways_into(child);
    ::kill(child, SIGKILL);
    return ways;
  };
  CHECK(as_user(kReader, into_own_child) ==
        "memory by call, descriptors by call, ptrace, descriptors, mapped files, mem, maps, environ");
}

TEST_CASE("security: a reader of another user can neither write nor resize anything by any way") {
  if (!have_users()) return;
  OwnersDaemon daemon({"--socket-mode=0666", "--readers=61001"});
  const std::string ways = as_user(kReader, [&] {
    RawClient raw(daemon.socket());
    const std::vector<shm::UniqueFd>& fds = raw.hello(Access::read_only);
    return fmt::format("{} descriptors; index:{}{} arena:{}{} pins:{} daemon:{}", fds.size(),
                       ways_to_write(fds[kIndex].get()), ways_to_resize(fds[kIndex].get()),
                       ways_to_write(fds[kArena].get()), ways_to_resize(fds[kArena].get()),
                       ways_to_resize(fds[kPinTable].get()), daemon.ways_in());
  });
  CHECK(ways == "4 descriptors; index: arena: pins: daemon:");
  CHECK(daemon.is_intact());
}

TEST_CASE("security: a writer of another user can neither write the index nor resize anything") {
  if (!have_users()) return;
  OwnersDaemon daemon({"--socket-mode=0666", "--writers=61001"});
  const std::string ways = as_user(kReader, [&] {
    RawClient raw(daemon.socket());
    const std::vector<shm::UniqueFd>& fds = raw.hello(Access::read_write);
    return fmt::format("{} descriptors; index:{}{} arena:{}{} pins:{} daemon:{}", fds.size(),
                       ways_to_write(fds[kIndex].get()), ways_to_resize(fds[kIndex].get()),
                       ways_to_write(fds[kArena].get()), ways_to_resize(fds[kWritableArena].get()),
                       ways_to_resize(fds[kPinTable].get()), daemon.ways_in());
  });
  CHECK(ways == "5 descriptors; index: arena: pins: daemon:");
  CHECK(daemon.is_intact());
}

TEST_CASE("security: a reader that asks by hand is refused everything that writes") {
  if (!have_users()) return;
  OwnersDaemon daemon({"--socket-mode=0666", "--readers=61001"});
  const std::string answers = as_user(kReader, [&] {
    RawClient raw(daemon.socket());
    raw.hello(Access::read_only);
    std::string codes;
    const auto ask = [&]<class Request>(Request request) {
      raw.request(2, std::move(request));
      const protocol::ReplyFrame* frame = raw.receive();
      const protocol::ErrorReply* error = frame == nullptr ? nullptr : frame->body_as_ErrorReply();
      codes += error == nullptr ? "?" : error->code() == protocol::ErrorCode::permission_denied ? "-" : "+";
    };
    const auto about_kept = [&]<class Request>(Request request) {
      request.id = protocol::to_wire_pointer(id_of("kept"));
      ask(std::move(request));
    };
    const auto object = [] {
      auto made = std::make_unique<protocol::NewObjectT>();
      made->id = protocol::to_wire_pointer(id_of("new"));
      return made;
    };
    protocol::CreateRequestT create;
    create.object = object();
    ask(std::move(create));
    ask(protocol::PutRequestT());
    protocol::LeaseRequestT lease;
    lease.id = protocol::to_wire_pointer(id_of("lease"));
    ask(std::move(lease));
    about_kept(protocol::SealRequestT());
    about_kept(protocol::AbortRequestT());
    about_kept(protocol::PinRequestT());
    about_kept(protocol::UnpinRequestT());
    about_kept(protocol::RemoveRequestT());
    ask(protocol::EvictRequestT());
    ask(protocol::ClearRequestT());
    return codes;
  });
  CHECK(answers == "----------");
  CHECK(daemon.is_intact());
  CHECK(daemon.root().stats().value().total_objects == 1);
}

TEST_CASE("security: a writer's session is not copied for another user, even one who knows its token") {
  if (!have_users()) return;
  OwnersDaemon daemon({"--socket-mode=0666", "--readers=61001"});
  RawClient writer(daemon.socket());
  writer.hello();
  const std::string answer = as_user(kReader, [&] {
    RawClient thief(daemon.socket());
    const protocol::ReplyFrame* frame = thief.hello_of(writer.session_id(), writer.fork_token());
    const protocol::ErrorReply* error = frame == nullptr ? nullptr : frame->body_as_ErrorReply();
    return std::string(error == nullptr ? "no refusal" : protocol::EnumNameErrorCode(error->code())) + ", " +
           std::to_string(thief.take_descriptors().size()) + " descriptors";
  });
  CHECK(answer == "permission_denied, 0 descriptors");
}

TEST_CASE("exit statuses: a user who may not connect is told what to do, by a code of its own") {
  if (!have_users()) return;
  const OwnersDaemon daemon({"--socket-mode=0600"});
  const std::string said = as_user(kStranger, [&] {
    const auto client = Client::connect(daemon.socket());
    return client ? std::string("connected") : to_string(client.error());
  });
  CHECK_THAT(said, Catch::StartsWith("permission_denied: this user may not connect") &&
                       Catch::Contains("run this as the user that doliumd runs as") &&
                       Catch::Contains("[socket] mode"));
}

TEST_CASE("security: who may not connect learns nothing about the store") {
  if (!have_users()) return;
  const std::string mode = GENERATE("0600", "0666");
  CAPTURE(mode);
  OwnersDaemon daemon({"--socket-mode=" + mode});
  const fs::path files = fs::path(daemon.socket()).parent_path();
  const std::string learnt = as_user(kStranger, [&] {
    std::string what = daemon.ways_in();
    for (const auto& file : fs::directory_iterator(files))
      if (std::ifstream(file.path()).is_open()) what += " " + file.path().filename().string();
    if (mode == "0600") return what;
    RawClient raw(daemon.socket());
    raw.request(1, RawClient::hello_request(Access::read_only));
    const protocol::ReplyFrame* frame = raw.receive();
    if (frame == nullptr || frame->body_as_ErrorReply() == nullptr) what += " no refusal";
    if (!raw.take_descriptors().empty()) what += " descriptors";
    RawClient rude(daemon.socket());  // does not even ask
    rude.request(1, protocol::ListRequestT());
    frame = rude.receive();
    if (frame == nullptr || frame->body_as_GoodbyeNotice() == nullptr) what += " an answer without a hello";
    return what;
  });
  CHECK(learnt.empty());
  REQUIRE(fs::exists(daemon.log()));
  std::ifstream log(daemon.log());
  bool told = false;
  for (std::string line; std::getline(log, line);) {
    const std::size_t refused = line.find("warning a client is refused ");
    told = told || (refused != std::string::npos && line.find("may not read this store", refused) != std::string::npos);
  }
  CHECK(told == (mode == "0666"));
}
