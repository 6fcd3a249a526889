#include "shm/os/file_limit.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include "shm/text/size_text.h"

namespace dolium::shm {

Result<void> check_file_limit(std::string_view what, std::uint64_t bytes) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY || bytes <= limit.rlim_cur) return {};
  return Error{Errc::out_of_memory,
               fmt::format("the {} needs {} bytes ({}), but the file size limit of this process is {}: "
                           "raise the limit (ulimit -f, LimitFSIZE= in a unit), or make the store smaller",
                           what, bytes, format_size(bytes), format_size(limit.rlim_cur))};
}

}  // namespace dolium::shm
