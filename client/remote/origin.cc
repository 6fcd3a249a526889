#include "client/remote/origin.h"

#include <unistd.h>

#include <array>
#include <cstdlib>

namespace dolium::detail {

std::unique_ptr<protocol::OriginT> own_origin() {
  auto origin = std::make_unique<protocol::OriginT>();
  origin->pid = ::getpid();
  std::array<char, 256> host{};
  if (::gethostname(host.data(), host.size() - 1) == 0) origin->host = host.data();
  if (const char* pod = std::getenv("POD_NAME")) origin->pod = pod;  // NOLINT(concurrency-mt-unsafe): read only
  return origin;
}

}  // namespace dolium::detail
