// The command dolium. command_line.h explains verbs.

#include <csignal>

#include "client/cli/command_line.h"
#include "client/cli/verbs.h"
#include "shm/os/standard_streams.h"

int main(int argc, char** argv) {
  dolium::shm::open_standard_streams(dolium::shm::ClosedStreams::refuse);
  // `dolium list | head` ends silently, even if the parent process ignores this signal.
  std::signal(SIGPIPE, SIG_DFL);
  // Exceeding the file size limit (ulimit -f) gives an error message, instead of a signal that kills the process.
  std::signal(SIGXFSZ, SIG_IGN);
  dolium::cli::CommandLine line;
  add_store_verbs(line);
  add_look_verbs(line);
  add_object_verbs(line);
  add_keep_verbs(line);
  add_spill(line);
  add_watch(line);
  add_bench(line);
  add_doctor(line);
  return line.run(argc, argv);
}
