#pragma once
// The options of the C interface as those of C++. They view the caller's texts and bytes.

#include <dolium/c/options.h>
#include <dolium/c/report.h>

#include <dolium/metadata.h>
#include <dolium/options.h>
#include <dolium/store_config.h>

namespace dolium::c {

[[nodiscard]] ConnectOptions to_cpp(const dolium_connect_options* given);
/// Whether the caller wants a ReconnectingStore.
[[nodiscard]] bool wants_reconnection(const dolium_connect_options* given);
[[nodiscard]] StoreConfig to_cpp(const dolium_open_options* given);
[[nodiscard]] CreateOptions to_cpp(const dolium_create_options* given);
[[nodiscard]] ObjectFilter to_cpp(const dolium_filter* given);

/// Rounded up, so that a wait is not shorter than asked for; a negative one stays negative, and is refused later.
[[nodiscard]] std::chrono::milliseconds milliseconds(std::int64_t nanoseconds) noexcept;

}  // namespace dolium::c
