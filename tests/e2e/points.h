#pragma once
// The named points of the protocol. For clients: positions between two steps that the daemon or another client can
// distinguish. For the server: positions in the middle of a change that its successor must finish or undo. e2e_stepper
// is e2e_worker, and e2e_doliumd is doliumd, each with a stop at every such point. They contain the unchanged
// production code: the linker redirects the calls between its files to here (led.h).

#include <string_view>

namespace dolium::e2e {

/// What a worker must be busy with to come by.
enum class Course : char {
  life,     ///< churn: puts, gets, grants, releases, deferred puts, rings filled and emptied
  connect,  ///< a handshake
  fork,     ///< a fork with a client, seen by parent or child
  resume,   ///< the server's death
};

struct Point {
  std::string_view name;
  Course course;
};

inline constexpr Point kPoints[] = {
    // a get: attachment.cc, holder.cc
    {"looked-up", Course::life},         // the row is known, nothing is counted
    {"counted", Course::life},           // the reference is counted, the row not looked at again
    {"held", Course::life},              // held, and no hit recorded
    {"hit-recorded", Course::life},      // the Object is not made yet
    {"releasing", Course::life},         // the Object is gone, its reference counted
    {"released", Course::life},          // and not; who waits for room has not been told
    {"place-told", Course::life},        // the server keeps an object for this client, which has counted nothing
    {"place-held", Course::life},        // the reference is counted
    {"grant-used", Course::life},        // a reference of a grant is taken, the grant not given back
    {"grant-given-back", Course::life},  //
    // messages: channel.cc, ring.cc
    {"ring-writing", Course::life},     // a request, or the rest of one, is not in the ring
    {"ring-written", Course::life},     // it is; the daemon may be asleep
    {"ring-bell-taken", Course::life},  // the daemon is to be woken, and was not
    {"ring-full", Course::life},        // no room, and the daemon was asked to say when there is
    {"ring-read", Course::life},        // an answer is copied out, perhaps half of one
    {"ring-asleep", Course::life},      // the daemon shall ring
    // puts: remote_puts.cc, lease.cc
    {"lease-written", Course::life},      // an object's bytes are in their place, and the daemon knows nothing of them
    {"deferred-put-sent", Course::life},  // its failure is still to come
    {"flushing", Course::life},           // deferred puts are under way, and are about to be waited for
    // the handshake: connection.cc
    {"mapping", Course::connect},    // descriptors are here, not all mapped
    {"attaching", Course::connect},  // all mapped
    {"attached", Course::connect},
    // fork(): session_link.cc, heir.cc
    {"gate-shut", Course::fork},      // other threads' gets wait
    {"heir-asked", Course::fork},     // parent: the daemon has made the child's session, or is about to
    {"adopting", Course::fork},       // child: it has its descriptors, and the daemon takes them for its parent's
    {"adopted", Course::fork},        // child: it has said who it is
    {"starting-over", Course::fork},  // child: its connection is still its parent's
    {"taking-over", Course::fork},    // child: all but its pin table is its own
    {"taken-over", Course::fork},
    // after the server's death: resume.cc, handshake.cc
    {"resuming", Course::resume},       // nothing of it is known to the new server but what the keeper kept
    {"resumed", Course::resume},        // the new server has answered, nothing has been asked again
    {"rings-renewed", Course::resume},  // messages go the new way
};

inline constexpr std::string_view kServerPoints[] = {
    "publishing",    // the bytes are there, the row is not in the index
    "published",     // it is, and the books do not say so
    "retiring",      // a row is odd: it goes, or moves, or stays because it is held
    "relocating",    // the copy is made, nobody holds the object, the row says the old place
    "relocated",     // the new one, and is odd
    "restored",      // it is even again: moved, or held after all; the arena does not know
    "extent-moved",  // it does
    "lease-shrunk",  // an object's bytes are not the lease's any more, and not yet the object's
    "lease-split",   // to the arena they are
    "removing",      // an object is found for who removes or takes it, and is still in the index
    "removed",       // it is not; if it is taken, the server alone holds it
    "unlinking",     // nobody finds it any more, in a moment
    "unlinked",      //
    "given-back",    // slot and extent are free
    "answering",     // what was done is not yet told
    "answered",      //
};
/// The file that says, a line for each server that starts and comes by, at which point and at the how manieth time it
/// shall kill itself: "relocated 3".
inline constexpr const char* kServerPointsVariable = "DOLIUM_E2E_SERVER_POINTS";

/// From now on: at the nth time that this process, or a child of it, comes to the point, it sends itself the signal.
void arm(std::string_view point, int nth, int signal);

/// Here is the point. Costs a comparison when nothing is armed.
void pass(std::string_view point) noexcept;

}  // namespace dolium::e2e
