#include "shm/os/system_error.h"

#include <fmt/format.h>

#include <system_error>

namespace dolium::shm {

Error system_error(std::string_view doing, int error_number) {
  return Error{
      Errc::system_error,
      fmt::format("cannot {}: {} (errno {})", doing, std::generic_category().message(error_number), error_number),
      RefusalCause::none, error_number};
}

}  // namespace dolium::shm
