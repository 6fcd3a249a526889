#pragma once
// The time of a simulation: it only passes on command. In an executable that links virtual_clock.cc, every clock of the
// process is this one: ours, libuv's and the standard library's.

#include "shm/os/basic_types.h"

namespace dolium::simulation {

[[nodiscard]] shm::TimeNs now() noexcept;
void set_time(shm::TimeNs time) noexcept;
void let_pass(shm::TimeNs time) noexcept;

}  // namespace dolium::simulation
