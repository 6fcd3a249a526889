// faults_visitor SOCKET: a client under the interposer. Each line of standard input is one visit, and its answer on
// standard output says what was refused, in one line:
//
//   new      of a client that is connected for it
//   stay     of a client that stays connected from one to the next, if it can
//   ... +    and the plan is armed for as long as the visit takes

#include <fcntl.h>
#include <sys/mman.h>

#include <cstdlib>
#include <iostream>
#include <new>
#include <numeric>
#include <sstream>

#include "shm/unique_fd.h"
#include "tests/faults/plan.h"
#include "tests/faults/visit.h"

namespace {

using dolium::faults::Plan;
using dolium::faults::Refusals;

/// The page that the interposer has mapped, too.
Plan& plan() {
  const char* path = std::getenv(dolium::faults::kPlanVariable);  // NOLINT(concurrency-mt-unsafe): one thread
  const dolium::shm::UniqueFd file(path == nullptr ? -1 : ::open(path, O_RDWR | O_CLOEXEC));
  void* page = ::mmap(nullptr, sizeof(Plan), PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
  if (page == MAP_FAILED) std::exit(EXIT_FAILURE);  // NOLINT(concurrency-mt-unsafe)
  return *static_cast<Plan*>(page);
}

class Visitor {
 public:
  explicit Visitor(std::string socket) : socket_(std::move(socket)) {}

  Refusals come(const std::string& how) {
    if (how == "new") return dolium::faults::visit(socket_);
    Refusals refusals;
    if (!stays_ || !stays_->ping()) {
      auto client = dolium::Client::connect(socket_, {.follow_fork = false});
      if (!client) return {"connect: " + to_string(client.error())};
      stays_ = *std::move(client);
    }
    dolium::faults::try_all_verbs(*stays_, refusals);
    return refusals;
  }

 private:
  const std::string socket_;
  std::shared_ptr<dolium::Client> stays_;
};

std::string in_one_line(const Refusals& refusals) {
  return std::accumulate(refusals.begin(), refusals.end(), std::string(),
                         [](std::string text, const std::string& each) { return std::move(text) + each + " | "; });
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  Plan& shared = plan();
  Visitor visitor(argv[1]);
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::string how;
    std::string arm;
    words >> how >> arm;
    std::string answer;
    try {
      shared.armed.store(arm == "+" ? 1 : 0);
      const Refusals refusals = visitor.come(how);
      shared.armed.store(0);
      answer = in_one_line(refusals);
    } catch (const std::bad_alloc&) {  // which the library may throw, and nothing else
      shared.armed.store(0);
      answer = "std::bad_alloc: Cannot allocate memory";
    }
    std::cout << answer << std::endl;
  }
  return 0;
}
