#include "daemon/process_title.h"

#include <sys/prctl.h>
#include <unistd.h>

#include <string_view>

namespace dolium::daemon {

std::vector<char*> with_title(std::string& title, char** argv) {
  std::vector<char*> out = {title.data()};
  for (char** word = *argv == nullptr ? argv : argv + 1; *word != nullptr; ++word) out.push_back(*word);
  out.push_back(nullptr);
  return out;
}

void name_process(const char* name) noexcept {
  ::prctl(PR_SET_NAME, name);
}

void become_keeper(char** argv) {
  std::string title = kKeeperTitle;
  if (*argv == nullptr || *argv != title) ::execv("/proc/self/exe", with_title(title, argv).data());
  name_process(kKeeperTitle);
}

}  // namespace dolium::daemon
