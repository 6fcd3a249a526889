// faults_visitor SOCKET: a client under the interposer. Each line of standard input is one visit, and its answer on
// standard output says what was refused, in one line:
//
//   new      of a client that is connected for it
//   stay     of a client that stays connected from one to the next, if it can
//   beside   of one that has another thread which reads
//   threads  of one with several threads that do the same
//   fork     of one that forks, and of its child
//   own      of a store in this process, which stays from one to the next
//   ... +    and the plan is armed for as long as that takes

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>
#include <new>
#include <numeric>
#include <sstream>

#include "shm/os/unique_fd.h"
#include "tests/faults/plan.h"
#include "tests/faults/visit.h"

namespace {

using dolium::faults::Arming;
using dolium::faults::Plan;
using dolium::faults::Refusals;

/// The page that the interposer has mapped, too.
Plan& plan() {
  const char* path = std::getenv(dolium::faults::kPlanVariable);  // NOLINT(concurrency-mt-unsafe): one thread
  const dolium::shm::UniqueFd file(path == nullptr ? -1 : ::open(path, O_RDWR | O_CLOEXEC));
  void* page = ::mmap(nullptr, sizeof(Plan), PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
  if (page == MAP_FAILED) std::exit(EXIT_FAILURE);  // NOLINT(concurrency-mt-unsafe): one thread
  return *static_cast<Plan*>(page);
}

class Visitor {
 public:
  Visitor(std::string socket, Plan& plan) : socket_(std::move(socket)), plan_(plan) {}

  Refusals come(const std::string& how, bool armed) {
    const Arming arming = armed ? Arming{[this] { arm(0); }, [this] { arm(::gettid()); }, [this] { disarm(); }}
                                : Arming{[] {}, [] {}, [] {}};
    if (how == "beside") return dolium::faults::visit_beside_a_leader(socket_, arming);
    if (how == "threads") return dolium::faults::visit_in_threads(socket_, arming);
    if (how == "fork") return dolium::faults::visit_and_fork(socket_, arming);
    arming.in_all();
    if (how == "stay") return stay();
    if (how == "own") return use_own();
    return dolium::faults::visit(socket_);
  }
  void disarm() const { plan_.armed.store(0); }

 private:
  void arm(pid_t thread) const {
    plan_.thread.store(thread);
    plan_.armed.store(1);
  }
  Refusals stay() {
    Refusals refusals;
    if (!stays_ || !stays_->ping()) {
      auto client = dolium::Client::connect(socket_, {.follow_fork = false});
      if (!client) return {"connect: " + to_string(client.error())};
      stays_ = *std::move(client);
    }
    dolium::faults::try_all_verbs(*stays_, refusals);
    return refusals;
  }
  Refusals use_own() {
    Refusals refusals;
    if (!own_ || !own_->stats()) {  // one that is given up says so, and is followed by another
      auto store = dolium::InProcessStore::open({.capacity = kOwnBytes});
      if (!store) return {"open: " + to_string(store.error())};
      own_ = *std::move(store);
    }
    dolium::faults::clean_up(*own_);  // what an earlier one has left
    dolium::faults::try_common_verbs(*own_, refusals);
    return refusals;
  }

  static constexpr std::uint64_t kOwnBytes = std::uint64_t{8} << 20;
  const std::string socket_;
  Plan& plan_;
  std::shared_ptr<dolium::Client> stays_;
  std::shared_ptr<dolium::InProcessStore> own_;
};

std::string in_one_line(const Refusals& refusals) {
  return std::accumulate(refusals.begin(), refusals.end(), std::string(),
                         [](std::string text, const std::string& each) { return std::move(text) + each + " | "; });
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  Visitor visitor(argv[1], plan());
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::string how;
    std::string arm;
    words >> how >> arm;
    std::string answer;
    try {
      const Refusals refusals = visitor.come(how, arm == "+");
      visitor.disarm();
      answer = in_one_line(refusals);
    } catch (const std::bad_alloc&) {  // which the library may throw, and nothing else
      visitor.disarm();
      answer = "std::bad_alloc: Cannot allocate memory";
    }
    std::cout << answer << std::endl;
  }
  return 0;
}
