#pragma once
// The reports of C++ as those of C, without struct_size: sized.h's fill() sets it.

#include <dolium/c/async.h>
#include <dolium/c/report.h>

#include <dolium/event.h>
#include <dolium/metadata.h>
#include <dolium/stats.h>

namespace dolium::c {

[[nodiscard]] dolium_use to_c(const ClientUse& use, std::int32_t role) noexcept;
[[nodiscard]] dolium_object_info to_c(const ObjectMetadata& metadata) noexcept;
[[nodiscard]] dolium_client_info to_c(const ClientInfo& client) noexcept;
[[nodiscard]] dolium_store_stats to_c(const StoreStats& stats) noexcept;
[[nodiscard]] dolium_refusal to_c(const Refusal& refusal) noexcept;
[[nodiscard]] dolium_event to_c(const Event& event) noexcept;

}  // namespace dolium::c
