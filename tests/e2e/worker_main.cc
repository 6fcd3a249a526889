// e2e_worker SOCKET: executes the commands on standard input, one per line, and answers each on standard output. Ends,
// with all destructors, at the end of standard input.

#include <iostream>

#include "tests/e2e/worker_commands.h"

int main(int argc, char** argv) {
  using namespace dolium::e2e;
  if (argc != 2) return 2;
  Commands commands;
  add_basic_commands(commands);
  add_load_commands(commands);
  add_process_commands(commands);
  add_fork_commands(commands);
  add_history_commands(commands);
  add_spill_commands(commands);
  add_point_commands(commands);
  WorkerState state;
  state.socket = argv[1];
  for (std::string line; std::getline(std::cin, line);) {
    Arguments arguments(line);
    const auto command = commands.find(next_or<std::string>(arguments, ""));
    std::cout << (command == commands.end() ? "no such command" : command->second(state, arguments)) << std::endl;
  }
  return 0;
}
