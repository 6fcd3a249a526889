#pragma once
// What a worker can be told. Ids are ObjectId::from_name() of the NAME, contents are payloads (payload.h), TIMEOUT is
// in milliseconds or "forever"; what stands in [] may be left out, from the end.
//
//   connect [read_only] [alone]   one more client; it is the one that all other commands use. alone: forks without it
//   disconnect                 all client handles go; what they gave stays
//   put NAME SIZE [pinned] [TIMEOUT]
//   create NAME SIZE [pinned] [TIMEOUT]     a filled builder, kept under NAME
//   seal | hold | abort | drop NAME         what becomes of it
//   get NAME [TIMEOUT]         a reference, kept under NAME; "torn" when its content is not NAME's
//   take NAME [TIMEOUT]        likewise, and the object is in the store no more
//   get_many TIMEOUT NAME...   waits for all; how many came
//   copy | check | release NAME             what becomes of the references
//   remove | pin | unpin | exists | clear | ping | evict BYTES
//   get_async NAME | create_async NAME SIZE | process N    runs callbacks until N more have come: their outcomes
//   subscribe | drain [NAME]   reads events until NAME is sealed, or events were lost; how many sealed, removed,
//                              overflow
//   churn SEED [COUNT]         does all of this at random, COUNT times or for ever
//   produce PREFIX COUNT SIZE  COUNT puts of up to SIZE bytes, waiting for room; how many succeeded
//   rewrite PREFIX COUNT N     COUNT times, puts a new generation of one of N objects
//   consume PREFIX COUNT N     COUNT times, gets one of N objects; how many were there; "torn" if one was
//   take_all NAME FILE         takes NAME again and again, until it is generation 0; each generation goes to FILE
//   create_and_abort           for ever
//   say_nothing                connects a socket, and says nothing
//   half_frame                 says hello over a socket of its own, and then half a message
//   misbehave NAME             a session of its own that holds NAME, writes something, and then talks nonsense
//   zero_system_calls COUNT NAME            gets, copies, releases, exists, under a filter that kills
//   memory                     what it maps and has open: see worker_process.cc
//   why                        what ping says in words
//   event_fd                   its number
//   run                        process_events() once: its outcome, and how many callbacks have run
//   append NAME                ObjectBuilder::write() of one byte
//   fork PATH                  a child that goes on as a worker, over the FIFOs PATH.in and PATH.out; its pid
//   fork_and_look NAME         a child looks at what it inherited without a session: see worker_process.cc
//   fork_under_load COUNT NAME one child after the other, while threads use the client: see worker_fork.cc
//   fork_in_vain               fork() fails
//   touch_in_prepare NAME      from now on a handler of fork() copies a reference to NAME. Before the first connect
//   spill_churn TABLE PREFIX SEED COUNT [OBJECTS SMALLEST LARGEST]   puts, gets and removes of kept objects: see
//                              spill_table.h; "wrong: ..." when one is not what it must be
//   spill_settle TABLE PREFIX  gets each of them once, until its outcome is known
//   record SEED COUNT START PROCESS OBJECTS PRESSURE     calls with their times: see worker_history.cc
//   die_at POINT NTH           SIGKILL when it comes to that point (points.h) for the nth time; e2e_stepper alone
//   stop_at POINT NTH          SIGSTOP likewise
//   fork_and_survive           a child that uses what it inherited, when the worker's commands end, and says "child ok"
//   fork_and_stay              a child that keeps all it inherited until the worker's commands end; its pid
//   become UID                 another user, without any group

#include <functional>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include <dolium/dolium.h>

#include "shm/os/unique_fd.h"

namespace dolium::e2e {

struct WorkerState {
  std::string socket;
  std::vector<std::shared_ptr<Client>> clients;
  std::map<std::string, ObjectBuilder> builders;
  std::map<std::string, std::vector<Object>> held;
  std::vector<Subscription> subscriptions;
  std::vector<std::string> outcomes;  // of callbacks
  std::vector<shm::UniqueFd> sockets;

  Client& client() { return *clients.back(); }
};

using Arguments = std::istringstream;
using Command = std::function<std::string(WorkerState&, Arguments&)>;
using Commands = std::map<std::string, Command>;

void add_basic_commands(Commands& commands);
void add_load_commands(Commands& commands);
void add_process_commands(Commands& commands);
void add_fork_commands(Commands& commands);
void add_history_commands(Commands& commands);
void add_spill_commands(Commands& commands);
/// None in a worker whose library knows no points.
void add_point_commands(Commands& commands);

/// "ok", or the error's code by name.
template <class T>
[[nodiscard]] std::string outcome_of(const Result<T>& result) {
  return result ? "ok" : std::string(to_string(result.error().code));
}
/// The next argument as a T, or `otherwise`.
template <class T>
[[nodiscard]] T next_or(Arguments& arguments, T otherwise) {
  T value{};
  return arguments >> value ? value : otherwise;
}
[[nodiscard]] Timeout next_timeout(Arguments& arguments, Timeout otherwise = no_wait);

}  // namespace dolium::e2e
