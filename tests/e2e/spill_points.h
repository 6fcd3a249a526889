#pragma once
// The named points of doliumd-spill: before and after each system call that changes its directory. A library that is
// loaded before all others (LD_PRELOAD; spill_points.cc) kills the process there. The program is the unchanged one.

#include <string_view>

namespace dolium::e2e {

inline constexpr std::string_view kSpillPoints[] = {
    "opening",    "opened",     // a file: a new segment, an object's own file, the superblock
    "reserving",  "reserved",   // its blocks are allocated
    "writing",    "written",    // a chunk, a footer, a head; not synced
    "syncing",    "synced",     // and nothing is told yet
    "truncating", "truncated",  // a segment's unused end
    "unlinking",  "unlinked",   // a segment whose records are dead or copied
    "naming",     "named",      // the directory is synced
    "reading",    "read",       // a head at the start, or an object that is read back
};
/// The file that says, a line for each spill process that starts, at which point and at the how manieth time it shall
/// kill itself: "written 3".
inline constexpr const char* kSpillPointsVariable = "DOLIUM_E2E_SPILL_POINTS";

}  // namespace dolium::e2e
