#include "daemon/keeper/check_output.h"

#include <sys/mman.h>
#include <unistd.h>

#include <sstream>
#include <string_view>

namespace dolium::daemon {

void CheckOutput::clear() {
  file_ = shm::UniqueFd(::memfd_create("doliumd check", MFD_CLOEXEC));
}

void CheckOutput::become_standard_error() const {
  if (file_.valid()) ::dup2(file_.get(), STDERR_FILENO);
}

std::vector<std::string> CheckOutput::lines() const {
  constexpr std::string_view kProgram = "doliumd: ";
  std::string text(kMost, '\0');
  const ssize_t size = file_.valid() ? ::pread(file_.get(), text.data(), text.size(), 0) : 0;
  text.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
  std::vector<std::string> lines;
  std::istringstream all(text);
  for (std::string line; std::getline(all, line);)
    lines.push_back(line.starts_with(kProgram) ? line.substr(kProgram.size()) : line);
  return lines;
}

}  // namespace dolium::daemon
