#pragma once
// The verbs of the command line. Each function adds the verbs of one source file, with their options.

#include "client/cli/command_line.h"

namespace dolium::cli {

void add_store_verbs(CommandLine& line);   ///< stats, clients, ping
void add_look_verbs(CommandLine& line);    ///< list, inspect
void add_object_verbs(CommandLine& line);  ///< put, get, take, wait
void add_keep_verbs(CommandLine& line);    ///< pin, unpin, extend-grace, remove, evict, trim, clear
void add_spill(CommandLine& line);         ///< spill
void add_watch(CommandLine& line);         ///< watch
void add_bench(CommandLine& line);         ///< bench
void add_doctor(CommandLine& line);        ///< doctor

}  // namespace dolium::cli
