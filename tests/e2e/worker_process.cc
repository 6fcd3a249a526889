// The worker's commands about itself: its memory, its system calls, its user.

#include <fcntl.h>
#include <grp.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <set>

#include "protocol/convert.h"
#include "shm/table/holder.h"
#include "tests/e2e/payload.h"
#include "tests/e2e/raw_client.h"
#include "tests/e2e/worker_commands.h"

namespace dolium::e2e {
namespace {

std::string say_nothing(WorkerState& state, Arguments&) {
  const RawClient raw(state.socket);
  state.sockets.emplace_back(::dup(raw.fd()));  // keeps the connection open
  return "ok";
}

std::string half_frame(WorkerState& state, Arguments&) {
  RawClient raw(state.socket);
  raw.hello();
  const std::vector<std::byte> frame = raw.encode(2, protocol::StatsRequestT());
  if (!raw.send(std::span(frame).first(frame.size() / 2))) return "could not send";
  state.sockets.emplace_back(::dup(raw.fd()));
  return "ok";
}

std::string misbehave(WorkerState& state, Arguments& arguments) {
  const ObjectId id = ObjectId::from_name(next_or<std::string>(arguments, ""));
  RawClient raw(state.socket);
  const std::vector<shm::UniqueFd>& welcome = raw.hello();
  const auto size = [&](std::size_t n) { return static_cast<std::uint64_t>(::lseek(welcome[n].get(), 0, SEEK_END)); };
  const auto index = shm::Mapping::map(welcome[0], size(0), shm::Mapping::Mode::read_only, "index").value();
  auto pins = shm::Mapping::map(welcome[2], size(2), shm::Mapping::Mode::read_write, "pins").value();
  const shm::IndexReader reader = shm::IndexReader::open(index.data(), index.size()).value();
  shm::Holder holder(reader, shm::PinTable(std::move(pins), reader.slot_count()));
  if (holder.hold(id).verdict != shm::Holder::Verdict::held) return "not there";
  protocol::CreateRequestT create;
  create.object = std::make_unique<protocol::NewObjectT>();
  create.object->id = protocol::to_wire_pointer(ObjectId::from_name("of the misbehaved"));
  create.object->data_size = 1000;
  raw.request(2, std::move(create));
  raw.send(std::vector<std::byte>(8, std::byte{0xff}));
  static_cast<void>(raw.last_words());
  state.sockets.emplace_back(::dup(raw.fd()));
  return "ok";
}

// ---- memory ----

/// "arena" out of ".../memfd:dolium-arena (deleted)"; "" when it is no memfd.
std::string memfd_name(const std::string& text) {
  const std::size_t begin = text.find("memfd:");
  if (begin == std::string::npos) return "";
  const std::string name = text.substr(begin + 6, text.find(' ', begin) - begin - 6);
  return name.substr(name.find('-') + 1);
}

/// What is mapped ("arena:r--s"), what is open ("open:arena"), each once and in order; and whether the kernel would
/// let this process make its read-only view of the arena writable ("mprotect:refused").
std::string memory(WorkerState&, Arguments&) {
  std::set<std::string> words;
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    const std::string name = memfd_name(line);
    if (name.empty()) continue;
    const std::string mode = line.substr(line.find(' ') + 1, 4);
    words.insert(name + ':' + mode);
    if (name != "arena" || mode != "r--s") continue;
    const std::uintptr_t begin = std::stoull(line, nullptr, 16);
    void* address = reinterpret_cast<void*>(begin);
    const bool refused = ::mprotect(address, 4096, PROT_READ | PROT_WRITE) != 0 && errno == EACCES;
    words.insert(refused ? "mprotect:refused" : "mprotect:allowed");
  }
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code gone;
    const std::string name = memfd_name(std::filesystem::read_symlink(entry.path(), gone).string());
    if (!name.empty()) words.insert("open:" + name);
  }
  std::string all = "ok";
  for (const std::string& word : words) all += ' ' + word;
  return all;
}

// ---- system calls ----

/// From here on this thread may read, write and end; any other system call is its death (SIGSYS).
bool forbid_system_calls() {
  const auto allow = [](std::uint32_t number) -> std::array<sock_filter, 2> {
    return {{BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)}};
  };
  std::vector<sock_filter> filter = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(offsetof(seccomp_data, nr)))};
  for (const long number : {SYS_read, SYS_write, SYS_exit_group})
    for (const sock_filter& step : allow(static_cast<std::uint32_t>(number))) filter.push_back(step);
  filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS));
  sock_fprog program{static_cast<unsigned short>(filter.size()), filter.data()};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

std::string use_without_system_calls(Client& client, const ObjectId& id, std::size_t count) {
  for (std::size_t n = 0; n < count; ++n) {
    const Result<Object> object = client.get_raw(id);
    if (!object || object->data().empty()) return "not there";
    const Object copy = *object;
    const Result<bool> there = client.exists(id);
    if (!there || !*there || !copy.holds()) return "not there";
    const auto many = client.get_many(std::span(&id, 1));
    if (!many || !many->front()) return "not there";
  }
  return "ok";
}

/// Whatever looks for these without waiting, and does not find them.
std::string miss_without_system_calls(Client& client, std::span<const ObjectId> ids) {
  for (const ObjectId& id : ids) {
    const Result<bool> there = client.exists(id);
    if (!there || *there) return "exists";
    const Result<Object> object = client.get_raw(id);
    if (object || object.error().code != Errc::not_found) return "get_raw";
    if (client.try_get(id)) return "try_get";
    const auto many = client.get_many(std::span(&id, 1));
    if (!many || many->front()) return "get_many";
    const auto list = client.exists_many(std::span(&id, 1));
    if (!list || list->front()) return "exists_many";
  }
  return "ok";
}

std::string zero_system_calls(WorkerState& state, Arguments& arguments) {
  const auto count = next_or<std::size_t>(arguments, 1);
  const ObjectId id = ObjectId::from_name(next_or<std::string>(arguments, ""));
  // Once before: what is bound lazily, or allocated at the first use, is no part of a get.
  if (const std::string first = use_without_system_calls(state.client(), id, 10); first != "ok") return first;
  if (!forbid_system_calls()) return "no filter";
  return use_without_system_calls(state.client(), id, count);
}

/// The first ten before the filter, as above.
std::string zero_system_calls_for_misses(WorkerState& state, Arguments& arguments) {
  std::vector<ObjectId> ids;
  for (auto n = next_or<std::size_t>(arguments, 1) + 10; n > 0; --n)
    ids.push_back(ObjectId::from_name("absent " + std::to_string(n)));
  const auto all = std::span<const ObjectId>(ids);
  if (const std::string first = miss_without_system_calls(state.client(), all.first(10)); first != "ok") return first;
  if (!forbid_system_calls()) return "no filter";
  return miss_without_system_calls(state.client(), all.subspan(10));
}

// ---- user ----

std::string become(WorkerState&, Arguments& arguments) {
  const auto uid = next_or<uid_t>(arguments, 65534);
  if (::setgroups(0, nullptr) != 0 || ::setresgid(uid, uid, uid) != 0 || ::setresuid(uid, uid, uid) != 0)
    return "not allowed";
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // was cleared with the user
  return "ok";
}

}  // namespace

void add_process_commands(Commands& commands) {
  commands["say_nothing"] = say_nothing;
  commands["half_frame"] = half_frame;
  commands["misbehave"] = misbehave;
  commands["memory"] = memory;
  commands["zero_system_calls"] = zero_system_calls;
  commands["zero_system_calls_for_misses"] = zero_system_calls_for_misses;
  commands["become"] = become;
}

}  // namespace dolium::e2e
