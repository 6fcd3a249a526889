#pragma once
// Linearizability: whether the observations of several processes about one object can be explained by a single order of
// their calls, in which each call takes effect at one moment between its begin and its end (Herlihy and Wing, 1990).
// Objects are checked one by one: a history is linearizable exactly if each object's part of it is.
//
// The search is that of Wing and Gong ("Testing and verifying concurrent objects", 1993), with Lowe's memoisation
// ("Testing for linearizability", 2017): the same pair of each process's progress and the object's state is never
// explored twice.
//
// The model of the object is ours. An object has a life: absent, unsealed, sealed, absent again. Its life may end
// without a call: eviction may end it at any time, or when a client requests room, but not while a client holds it or
// it is pinned. The server's death also ends it if it is unsealed: a crash is an operation of a process of its own. A
// call that was in progress at that time may have an unknown outcome: it took effect before its end, or never will. A
// call that is sent to a server and again to its successor counts as two operations, the first with an unknown outcome.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace dolium::history {

struct Operation {
  enum class Kind : std::uint8_t {
    create,
    seal,
    abort,
    put,
    put_deferred,
    get,
    release,
    remove,
    pin,
    unpin,
    exists,
    inherit,  ///< a forked child has a reference of its parent's, which the parent has all the while
    clear,    ///< it ended this object, if it was sealed
    evict,    ///< of any size: it may have ended this object, if nobody holds or has pinned it
    crash,    ///< the server's death
    take,     ///< a get and a removal in one; the reference that it gives keeps no later life
  };
  enum class Outcome : std::uint8_t {
    done,      ///< it was done; exists: yes
    absent,    ///< not_found, timed_out; remove, exists: no
    taken,     ///< already_exists
    unsealed,  ///< not_sealed
    no_room,   ///< out_of_memory: nothing was done
    unknown,   ///< disconnected: it was done, or was not; not of a get or a release. Of a take, whatever its value is
  };

  Kind kind = Kind::get;
  Outcome outcome = Outcome::done;
  std::uint64_t value = 0;  ///< which life of the object was written, got or let go of: unique to its writer's call
  std::uint64_t begin = 0;  ///< nanoseconds, on one clock for all processes
  std::uint64_t end = 0;    ///< of a deferred put: when it was known to be done; of who died: kNever
};

inline constexpr std::uint64_t kNever = UINT64_MAX;

/// What each process did with one object, in its own order. A deferred put takes effect between its beginning and its
/// end like any other call, and before whatever its process asks the daemon next. What needs no daemon (a release; a
/// get that finds something in the index) may overtake it. A release may also be made during a call of the same
/// process: then it comes before that call in the history, because it ends first.
using History = std::vector<std::vector<Operation>>;

enum class Evictions : std::uint8_t { none, possible };

/// Nothing when it is linearizable; else, for people: what happened, how far it can be explained, and where no
/// explanation goes on.
[[nodiscard]] std::optional<std::string> why_not_linearizable(const History& history, Evictions evictions);

// One operation as words, for who records in another process.
[[nodiscard]] std::string to_words(const Operation& operation);
/// Nothing when they are none.
[[nodiscard]] std::optional<Operation> from_words(std::istream& words);

}  // namespace dolium::history
