// dolium, the command: reads like a parts list. See command_line.h for what a verb is.

#include "client/cli/command_line.h"
#include "client/cli/verbs.h"

int main(int argc, char** argv) {
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
