// The worker's commands about its children.

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <thread>
#include <utility>

#include "tests/e2e/payload.h"
#include "tests/e2e/worker_commands.h"

namespace dolium::e2e {
namespace {

std::string fork_worker(WorkerState&, Arguments& arguments) {
  const auto path = next_or<std::string>(arguments, "");
  const pid_t child = ::fork();
  if (child < 0) return "no child";
  if (child > 0) {
    ::signal(SIGCHLD, SIG_IGN);
    return "ok " + std::to_string(child);
  }
  const shm::UniqueFd commands(::open((path + ".in").c_str(), O_RDONLY));
  const shm::UniqueFd replies(::open((path + ".out").c_str(), O_WRONLY));
  if (::dup2(commands.get(), STDIN_FILENO) < 0 || ::dup2(replies.get(), STDOUT_FILENO) < 0) ::_exit(1);
  return "ok";  // the first reply of the child
}

/// How the child ended: "ok", or what was wrong with it.
std::string outcome_of_child(pid_t child) {
  int status = 0;
  if (child < 0 || ::waitpid(child, &status, 0) != child) return "no child";
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return "ok";
  return WIFEXITED(status) ? "check " + std::to_string(WEXITSTATUS(status)) : "the child was killed";
}

// ---- without a session ----

/// Everything in a child of fork() that must be refused; the number of the first that was not, 0 when all were.
int first_not_refused(Client& client, const ObjectId& held) {
  const auto refused = [](const auto& result) { return !result && result.error().code == Errc::disconnected; };
  const ObjectId other = ObjectId::from_name("of the child");
  const std::vector<std::byte> bytes(100);
  const std::array all = {refused(client.put(other, bytes)),
                          refused(client.put_many({})),
                          refused(client.create(other, 100)),
                          refused(client.get_raw(held)),
                          refused(client.get_raw(other, wait_forever)),
                          refused(client.get_many(std::span(&held, 1))),
                          refused(client.exists(held)),
                          refused(client.wait(std::span(&held, 1), 1)),
                          refused(client.metadata(held)),
                          refused(client.pin(held)),
                          refused(client.unpin(held)),
                          refused(client.extend_grace(held, std::chrono::seconds(1))),
                          refused(client.remove(held)),
                          refused(client.take_raw(held)),
                          refused(client.evict(1)),
                          refused(client.clear()),
                          refused(client.trim()),
                          refused(client.begin_spill_order(SpillOrderKind::verify)),
                          refused(client.forget_spilled()),
                          refused(client.stats()),
                          refused(client.list()),
                          refused(client.clients()),
                          refused(client.subscribe()),
                          refused(client.process_events()),
                          refused(client.ping())};
  for (std::size_t i = 0; i < all.size(); ++i)
    if (!all[i]) return static_cast<int>(i) + 1;
  return 0;
}

constexpr int kBuilderSealed = 101;
constexpr int kTorn = 102;
constexpr int kNoClientOfItsOwn = 103;

int look_at_inheritance(WorkerState& state, const std::string& name) {
  const ObjectId id = ObjectId::from_name(name);
  if (const int number = first_not_refused(state.client(), id); number != 0) return number;
  for (auto& [unused, builder] : state.builders)
    if (const auto sealed = builder.seal(); sealed || sealed.error().code != Errc::disconnected) return kBuilderSealed;
  {
    const Object copy = state.held.at(name).front();
    if (!is_payload(copy.data(), id)) return kTorn;
  }
  const auto own = Client::connect(state.socket);
  if (!own) return kNoClientOfItsOwn;
  const Result<Object> object = (*own)->get_raw(id);
  if (!object || !is_payload(object->data(), id)) return kNoClientOfItsOwn;
  state.subscriptions.clear();
  state.held.clear();
  state.builders.clear();
  state.clients.clear();
  return 0;
}

/// A child looks at what it inherited, drops it all, and ends.
std::string fork_and_look(WorkerState& state, Arguments& arguments) {
  const auto name = next_or<std::string>(arguments, "");
  const pid_t child = ::fork();
  if (child == 0) ::_exit(look_at_inheritance(state, name));
  return outcome_of_child(child);
}

std::string fork_and_stay(WorkerState&, Arguments&) {
  const pid_t child = ::fork();
  if (child == 0) {
    pollfd commands{STDIN_FILENO, 0, 0};  // only the hang-up: what is said there is for the parent
    ::poll(&commands, 1, -1);
    ::_exit(0);
  }
  ::signal(SIGCHLD, SIG_IGN);
  return "ok " + std::to_string(child);
}

/// "child ok", or what of its inheritance a child could not use.
std::string use_inheritance(WorkerState& state) {
  for (auto& [name, objects] : state.held) {
    const ObjectId id = ObjectId::from_name(name);
    for (const Object& object : objects)
      if (!is_payload(object.data(), id)) return "child torn";
    const Result<Object> again = state.client().get_raw(id);  // its parent may have removed it
    if (again && !is_payload(again->data(), id)) return "child torn";
    if (!again && again.error().code != Errc::not_found) return "child: " + to_string(again.error());
  }
  const Result<void> alive = state.client().ping();
  return alive ? "child ok" : "child: " + to_string(alive.error());
}

std::string fork_and_survive(WorkerState& state, Arguments&) {
  const pid_t child = ::fork();
  if (child == 0) {
    pollfd commands{STDIN_FILENO, 0, 0};
    ::poll(&commands, 1, -1);
    const std::string words = use_inheritance(state) + '\n';
    ::_exit(::write(STDOUT_FILENO, words.data(), words.size()) > 0 ? 0 : 1);
  }
  ::signal(SIGCHLD, SIG_IGN);
  return "ok " + std::to_string(child);
}

// ---- under load ----

/// What a thread can be seen to hold: a child may find it, and then it must be counted there. More and more, so that
/// what came between the copy and the fork would be missed.
struct Node {
  Object object;
  Node* next;
};
using Published = std::atomic<Node*>;
constexpr int kMostPublished = 2000;

std::uint64_t count(const Node* node) {
  std::uint64_t nodes = 0;
  for (; node != nullptr; node = node->next) ++nodes;
  return nodes;
}

void drop(Node* node) {
  while (node != nullptr) delete std::exchange(node, node->next);
}

/// Takes and drops references, and asks the daemon, until it is told to end. False when something was refused.
void use(Client& client, const ObjectId& id, const Object& held, Published& published, const std::atomic<bool>& end,
         std::atomic<bool>& refused) {
  for (int n = 0; !end; ++n) {
    Result<Object> got = client.get_raw(id);
    if (!got) {
      refused = true;
      break;
    }
    published = new Node{n % 2 == 0 ? *std::move(got) : held, published};
    if (n % kMostPublished == 0) drop(published.exchange(nullptr));
    if (n % 256 == 0 && (!client.ping() || !client.get_raw(id, std::chrono::seconds(60)))) refused = true;
  }
  drop(published.exchange(nullptr));
}

constexpr std::uint64_t kNotListed = UINT64_MAX;

std::uint64_t references_of_this_process(Client& client) {
  const auto clients = client.clients();
  if (!clients) return kNotListed;
  for (const ClientInfo& each : *clients)
    if (each.session_id == client.session_id() && each.pid == ::getpid()) return each.references;
  return kNotListed;
}

/// Everything that a child must find; the number of the first that it did not, 0 when it found all.
int look_at_inheritance_under_load(WorkerState& state, const ObjectId& id, std::span<Published> published) {
  std::uint64_t mine = 0;
  for (const auto& [name, objects] : state.held) mine += objects.size();
  for (const Published& each : published) mine += count(each);
  const std::uint64_t counted = references_of_this_process(state.client());
  if (counted == kNotListed) return 1;
  if (counted < mine) return 2;
  for (Published& each : published) {
    if (const Node* newest = each; newest != nullptr && !is_payload(newest->object.data(), id)) return 3;
    drop(each);
  }
  const Result<Object> again = state.client().get_raw(id);
  if (!again || !is_payload(again->data(), id)) return 4;
  state.held.clear();
  return references_of_this_process(state.client()) == counted - mine + 1 ? 0 : 5;
}

std::string fork_under_load(WorkerState& state, Arguments& arguments) {
  const auto count = next_or<int>(arguments, 1);
  const auto name = next_or<std::string>(arguments, "");
  const ObjectId id = ObjectId::from_name(name);
  const Object held = state.held.at(name).front();
  std::atomic<bool> end = false;
  std::atomic<bool> refused = false;
  std::array<Published, 3> published{};
  std::vector<std::thread> threads;
  for (Published& each : published)
    threads.emplace_back([&, &mine = each] { use(state.client(), id, held, mine, end, refused); });
  std::string outcome = "ok";
  for (int n = 0; n < count && outcome == "ok"; ++n) {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(look_at_inheritance_under_load(state, id, published));
    outcome = outcome_of_child(child);
  }
  end = true;
  for (std::thread& thread : threads) thread.join();
  return refused ? "refused" : outcome;
}

// ---- odd forks ----

/// In this thread fork() fails from now on, as it does for who has too many processes.
std::string fail_to_fork() {
  std::vector<sock_filter> filter = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(offsetof(seccomp_data, nr)))};
  for (const long number : {SYS_clone, SYS_clone3, SYS_fork}) {
    filter.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(number), 0, 1));
    filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EAGAIN));
  }
  filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  sock_fprog program{static_cast<unsigned short>(filter.size()), filter.data()};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
    return "no filter";
  return ::fork() == -1 && errno == EAGAIN ? "ok" : "it did not fail";
}

std::string fork_in_vain(WorkerState&, Arguments&) {
  std::string outcome;
  std::thread([&] { outcome = fail_to_fork(); }).join();
  return outcome;
}

std::vector<Object>* touched_in_prepare = nullptr;

std::string touch_in_prepare(WorkerState& state, Arguments& arguments) {
  touched_in_prepare = &state.held[next_or<std::string>(arguments, "")];
  const auto copy = [] { static_cast<void>(Object(touched_in_prepare->front())); };
  return ::pthread_atfork(copy, nullptr, nullptr) == 0 ? "ok" : "no handler";
}

}  // namespace

void add_fork_commands(Commands& commands) {
  commands["fork"] = fork_worker;
  commands["fork_and_look"] = fork_and_look;
  commands["fork_and_stay"] = fork_and_stay;
  commands["fork_and_survive"] = fork_and_survive;
  commands["fork_under_load"] = fork_under_load;
  commands["fork_in_vain"] = fork_in_vain;
  commands["touch_in_prepare"] = touch_in_prepare;
}

}  // namespace dolium::e2e
