// Nobody reads or writes what is not theirs: the security matrix, with real users.
//
// The daemon runs as a user of its own, as under systemd; root looks after it, and processes of two other users try
// what they may and what they may not. Needs root, and says so elsewhere.

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
#include "protocol/fd_socket.h"
#include "tests/client/store_under_test.h"
#include "tests/e2e/daemon_fixture.h"
#include "tests/e2e/intrusion.h"
#include "tests/e2e/other_user.h"
#include "tests/e2e/payload.h"
#include "tests/e2e/raw_client.h"

using namespace dolium;
using namespace dolium::e2e;
using namespace dolium::test;

namespace {

namespace fs = std::filesystem;

/// A group of the daemon's owner, who can hand the socket to it.
constexpr gid_t kStaff = 61'010;
constexpr std::size_t kPayloadBytes = 10'000;
// HelloReply's order.
constexpr std::size_t kIndex = 0, kArena = 1, kPinTable = 2, kWritableArena = 4;

std::string number_of(uid_t uid) {
  return std::to_string(uid);
}

/// The command that runs doliumd as kOwner.
std::vector<std::string> owners_command(const fs::path& socket, const std::vector<std::string>& flags = {}) {
  std::vector<std::string> command = {"/usr/bin/setpriv",
                                      "--reuid=" + number_of(kOwner.uid),
                                      "--regid=" + number_of(kOwner.gid),
                                      "--groups=" + number_of(kStaff),
                                      "--pdeathsig=KILL",
                                      DOLIUM_DOLIUMD_PATH,
                                      "--socket",
                                      socket.string(),
                                      "--capacity=4MiB"};
  command.insert(command.end(), flags.begin(), flags.end());
  return command;
}

/// Whether the tests below can be done at all; says why not.
bool have_users() {
  if (!can_be_others()) return false;
  const auto finds_daemon = [] { return std::string(::access(DOLIUM_DOLIUMD_PATH, X_OK) == 0 ? "yes" : "no"); };
  if (as_user(kOwner, finds_daemon) == "yes") return true;
  WARN("skipped: other users cannot reach " DOLIUM_DOLIUMD_PATH);
  return false;
}

/// A directory that is kOwner's, and open to all.
class OwnersDirectory {
 public:
  OwnersDirectory() {
    REQUIRE(::chown(path().c_str(), kOwner.uid, kOwner.gid) == 0);
    fs::permissions(path(), fs::perms(0755));
  }
  [[nodiscard]] const fs::path& path() const { return directory_.path(); }
  [[nodiscard]] fs::path socket() const { return path() / "dolium.sock"; }

 private:
  TemporaryDirectory directory_;
};

class OwnersDaemon {
 public:
  explicit OwnersDaemon(std::vector<std::string> flags) {
    flags.push_back("--log-file=" + log().string());
    process_ = Process::start(owners_command(directory_.socket(), flags), {});
    REQUIRE(eventually([&] { return connected() || !process_.running(); }));
    REQUIRE(root_ != nullptr);
    std::ifstream(fmt::format("/proc/{0}/task/{0}/children", process_.pid())) >> server_;
    REQUIRE(server_ > 0);
    Bytes payload(kPayloadBytes);
    fill_payload(payload, id_of("kept"));
    REQUIRE(outcome(root_->put(id_of("kept"), payload)) == "ok");
  }
  OwnersDaemon(const OwnersDaemon&) = delete;
  OwnersDaemon& operator=(const OwnersDaemon&) = delete;
  ~OwnersDaemon() {
    root_.reset();
    process_.signal(SIGTERM);
    CHECK(process_.wait() == "exit 0");
  }

  [[nodiscard]] std::string socket() const { return directory_.socket().string(); }
  [[nodiscard]] fs::path log() const { return directory_.path() / "log"; }
  /// Ways into either of its processes.
  [[nodiscard]] std::string ways_in() const { return ways_into(process_.pid()) + ways_into(server_); }
  [[nodiscard]] ObjectStore& root() { return *root_; }
  /// The object that was there from the start is found, and not a byte of it has changed.
  [[nodiscard]] bool is_intact() {
    const auto kept = root_->get_raw(id_of("kept"));
    return kept && kept->data().size() == kPayloadBytes && is_payload(kept->data(), id_of("kept"));
  }

 private:
  bool connected() {
    auto client = Client::connect(socket(), {.connect_timeout = no_wait, .follow_fork = false});
    if (client) root_ = *std::move(client);
    return client.has_value();
  }

  OwnersDirectory directory_;
  Process process_;  // the keeper
  pid_t server_ = 0;
  std::shared_ptr<Client> root_;
};

// ---- the matrix ----

constexpr const char* kUnreachable = "socket";  // the file system says no
constexpr const char* kUnknown = "[access]";    // the daemon says no
constexpr const char* kReads = "get exists metadata list stats clients subscribe";
constexpr const char* kWrites =
    "get exists metadata list stats clients subscribe put create pin unpin remove evict clear";

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
    protocol::PutRequestT put;
    put.object = object();
    ask(std::move(put));
    ask(protocol::PutManyRequestT());
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
  CHECK(fs::exists(daemon.log()));
}

// ---- games with the socket's path ----

TEST_CASE("security: links where the socket or its lock should be are refused, and what they point to stays") {
  if (!have_users()) return;
  const OwnersDirectory directory;
  const fs::path precious = directory.path() / "precious";
  std::ofstream(precious) << "content";
  REQUIRE(::chown(precious.c_str(), kOwner.uid, kOwner.gid) == 0);
  const auto [link, words] = GENERATE(table<const char*, const char*>(
      {{"dolium.sock", "is not a socket"}, {"dolium.sock.lock", "Too many levels of symbolic links"}}));
  CAPTURE(link);
  fs::create_symlink(precious, directory.path() / link);
  const Finished finished = run_to_end(owners_command(directory.socket()));
  CHECK(finished.how == "exit 1");
  CHECK_THAT(finished.output, Catch::Contains(words) && Catch::Contains(link));
  CHECK(fs::is_symlink(directory.path() / link));
  CHECK(fs::file_size(precious) == 7);
}

TEST_CASE("security: a stranger's socket in a directory for all is neither taken over nor removed") {
  if (!have_users()) return;
  const TemporaryDirectory directory;
  fs::permissions(directory.path(), fs::perms(01777));
  const fs::path socket = directory.path() / "dolium.sock";
  const std::string bound = as_user(kStranger, [&] {
    const auto listener = protocol::Listener::open({.path = socket.string(), .mode = 0666});
    ::_exit(listener ? 0 : 1);  // dies at once: the socket stays, and nobody listens
    return std::string();
  });
  REQUIRE(bound.empty());
  REQUIRE(fs::is_socket(socket));
  const Finished locked_out = run_to_end(owners_command(socket));
  CHECK(locked_out.how == "exit 1");
  CHECK_THAT(locked_out.output,
             Catch::Contains(socket.string() + ".lock belongs to user " + std::to_string(kStranger.uid)));
  CHECK(fs::is_socket(socket));
  fs::remove(socket.string() + ".lock");  // and without one in the way
  const Finished finished = run_to_end(owners_command(socket));
  CHECK(finished.how == "exit 1");
  CHECK_THAT(finished.output, Catch::Contains(socket.string()) && Catch::Contains("ermi"));
  CHECK(fs::is_socket(socket));
}

TEST_CASE("security: of two daemons, of whatever users, the second is refused and the first serves on") {
  if (!have_users()) return;
  OwnersDaemon daemon({});
  struct stat before {};
  struct stat after {};
  REQUIRE(::stat(daemon.socket().c_str(), &before) == 0);
  const Finished same = run_to_end(owners_command(daemon.socket()));
  CHECK(same.how == "exit 1");
  CHECK_THAT(same.output, Catch::Contains("already listening at " + daemon.socket()));
  const Finished root = run_to_end({DOLIUM_DOLIUMD_PATH, "--capacity=4MiB", "--socket", daemon.socket()});
  CHECK(root.how == "exit 1");
  // Not even asked whether somebody listens: in /tmp, root does not put its socket into another user's directory.
  CHECK_THAT(root.output, Catch::Contains("belongs to user 61000"));
  REQUIRE(::stat(daemon.socket().c_str(), &after) == 0);
  CHECK(after.st_ino == before.st_ino);
  CHECK(daemon.is_intact());
}
