#include <dolium/socket_path.h>

#include <unistd.h>

#include <cstdlib>

namespace dolium {
namespace {

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

std::string default_socket_path() {
  if (std::string chosen = environment("DOLIUM_SOCKET"); !chosen.empty()) return chosen;
  if (const std::string runtime = environment("XDG_RUNTIME_DIR"); !runtime.empty()) return runtime + "/dolium.sock";
  if (::geteuid() == 0) return "/run/dolium/dolium.sock";
  return "/tmp/dolium-" + std::to_string(::geteuid()) + "/dolium.sock";
}

}  // namespace dolium
