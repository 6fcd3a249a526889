#include "daemon/process/process_title.h"

#include <sys/prctl.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <string_view>

namespace dolium::daemon {
namespace {

/// Environment variable that is set while the keeper executes itself.
constexpr const char* kTitled = "DOLIUMD_TITLED";

}  // namespace

std::vector<char*> with_title(std::string& title, char** argv) {
  std::vector<char*> out = {title.data()};
  for (char** word = *argv == nullptr ? argv : argv + 1; *word != nullptr; ++word) out.push_back(*word);
  out.push_back(nullptr);
  return out;
}

void name_process(const char* name) noexcept {
  ::prctl(PR_SET_NAME, name);
}

std::string own_program() {
  std::array<char, 4096> path;
  const ssize_t size = ::readlink(kAsItWas, path.data(), path.size());
  return size > 0 ? std::string(path.data(), static_cast<std::size_t>(size)) : kAsItWas;
}

void become_keeper(char** argv) {
  // The title is no reliable mark: valgrind and other interpreters give programs other names.
  // NOLINTBEGIN(concurrency-mt-unsafe): there is one thread
  if (std::getenv(kTitled) == nullptr && ::setenv(kTitled, "1", 1) == 0) {
    std::string title = kKeeperTitle;
    ::execv(own_program().c_str(), with_title(title, argv).data());  // by its path, as valgrind requires
    ::execv(kAsItWas, with_title(title, argv).data());
  }
  ::unsetenv(kTitled);
  // NOLINTEND(concurrency-mt-unsafe)
  name_process(kKeeperTitle);
}

}  // namespace dolium::daemon
