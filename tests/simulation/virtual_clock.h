#pragma once
// The time of a simulation: it passes when it is told to. In an executable that links virtual_clock.cc every clock of
// the process is this one, whoever asks: ours, libuv's, the standard library's.

#include "shm/os/basic_types.h"

namespace dolium::simulation {

[[nodiscard]] shm::TimeNs now() noexcept;
void set_time(shm::TimeNs time) noexcept;
void let_pass(shm::TimeNs time) noexcept;

}  // namespace dolium::simulation
