#include "daemon/spiller/machine.h"

#include <unistd.h>

#include <array>
#include <fstream>
#include <string>

namespace dolium::spill {

Machine this_machine() {
  Machine out;
  std::ifstream("/etc/machine-id") >> out.id;
  std::array<char, 256> host{};
  if (::gethostname(host.data(), host.size() - 1) == 0) out.host = host.data();
  return out;
}

}  // namespace dolium::spill
