// dolium, the command: reads like a parts list. See command_line.h for what a verb is.

#include <csignal>

#include "client/cli/command_line.h"
#include "client/cli/verbs.h"
#include "shm/os/standard_streams.h"

int main(int argc, char** argv) {
  dolium::shm::open_standard_streams(dolium::shm::ClosedStreams::refuse);
  // `dolium list | head` ends without a word, also where what started it ignores this signal.
  std::signal(SIGPIPE, SIG_DFL);
  // A file that may not become so large (ulimit -f) is an error that is told, not a signal that kills.
  std::signal(SIGXFSZ, SIG_IGN);
  dolium::cli::CommandLine line;
  add_store_verbs(line);
  add_look_verbs(line);
  add_object_verbs(line);
  add_keep_verbs(line);
  add_watch(line);
  add_bench(line);
  add_doctor(line);
  return line.run(argc, argv);
}
