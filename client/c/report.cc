// Metadata, listings and statistics: each C++ struct becomes a C struct of the caller.

#include <dolium/c/report.h>

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "client/c/handles.h"
#include "client/c/options.h"
#include "client/c/report_structs.h"
#include "client/c/sized.h"

namespace c = dolium::c;
using dolium::Errc;
using dolium::Error;
using dolium::Result;

namespace {

/// Fills the caller's struct with the next row of a listing.
template <class List, class Report, class Convert>
dolium_code next_row(const char* function, List* list, Report* report, const char* name, dolium_error* error,
                     Convert convert) {
  return c::guarded(function, error, [&]() -> Result<void> {
    Report& out = c::sized(report, name);
    List& mine = c::live(list);
    if (mine.next == mine.rows.size())
      return Error{Errc::not_found, fmt::format("the listing is at its end, after {} rows", mine.rows.size())};
    c::fill(out, convert(mine.rows[mine.next++]));
    return {};
  });
}

template <class List>
std::size_t row_count(const char* function, const List* list) noexcept {
  const List* const mine = c::live_or_null(function, list);
  return mine == nullptr ? 0 : mine->rows.size();
}

void add_uses(dolium_use_list& list, const std::vector<dolium::ClientUse>& uses, std::int32_t role) {
  for (const dolium::ClientUse& each : uses) list.rows.push_back({each, role});
}

}  // namespace

std::size_t dolium_use_list_count(const dolium_use_list* list) {
  return row_count(__func__, list);
}

dolium_code dolium_use_list_next(dolium_use_list* list, dolium_use* use, dolium_error* error) {
  return next_row(__func__, list, use, "use", error,
                  [](const dolium_use_list::Each& each) { return c::to_c(each.use, each.role); });
}

void dolium_use_list_free(dolium_use_list* list) {
  c::end_handle(__func__, list);
}

dolium_code dolium_metadata(dolium_store* store, const dolium_id* id, dolium_object_info* info, dolium_use_list** uses,
                            dolium_error* error) {
  return c::guarded(__func__, error, [&]() -> Result<void> {
    c::clear_optional(uses);
    dolium_object_info& out = c::sized(info, "info");
    const Result<dolium::ObjectMetadata> found = c::store_of(store).metadata(c::id_of(id));
    if (!found) return found.error();
    if (uses != nullptr) {
      dolium_use_list list;
      add_uses(list, found->holders, DOLIUM_HOLDER);
      add_uses(list, found->waiters, DOLIUM_WAITER);
      *uses = c::new_handle(std::move(list));
    }
    c::fill(out, c::to_c(*found));
    return {};
  });
}

dolium_code dolium_list(dolium_store* store, const dolium_filter* filter, dolium_object_list** list,
                        dolium_error* error) {
  return c::guarded(__func__, error, [&]() -> Result<void> {
    dolium_object_list*& out = c::cleared(list, "list");
    auto found = c::store_of(store).list(c::to_cpp(filter));
    if (!found) return std::move(found).error();
    out = c::new_handle(dolium_object_list{*std::move(found)});
    return {};
  });
}

std::size_t dolium_object_list_count(const dolium_object_list* list) {
  return row_count(__func__, list);
}

dolium_code dolium_object_list_next(dolium_object_list* list, dolium_object_info* info, dolium_error* error) {
  return next_row(__func__, list, info, "info", error,
                  [](const dolium::ObjectMetadata& each) { return c::to_c(each); });
}

void dolium_object_list_free(dolium_object_list* list) {
  c::end_handle(__func__, list);
}

dolium_code dolium_remove_described(dolium_store* store, const dolium_object_info* object, bool* removed,
                                    dolium_error* error) {
  return c::guarded(__func__, error, [&]() -> Result<void> {
    c::clear_optional(removed);
    const dolium_object_info described = c::options_of(&c::required(object, "object"));
    dolium::ObjectMetadata wanted;
    wanted.id = c::id_of(&described.id);
    wanted.seal_stamp = described.seal_stamp;
    const Result<bool> done = c::store_of(store).remove(wanted);
    if (!done) return done.error();
    if (removed != nullptr) *removed = *done;
    return {};
  });
}

dolium_code dolium_clients(dolium_store* store, dolium_client_list** list, dolium_error* error) {
  return c::guarded(__func__, error, [&]() -> Result<void> {
    dolium_client_list*& out = c::cleared(list, "list");
    auto found = c::store_of(store).clients();
    if (!found) return std::move(found).error();
    out = c::new_handle(dolium_client_list{*std::move(found)});
    return {};
  });
}

std::size_t dolium_client_list_count(const dolium_client_list* list) {
  return row_count(__func__, list);
}

dolium_code dolium_client_list_next(dolium_client_list* list, dolium_client_info* info, dolium_error* error) {
  return next_row(__func__, list, info, "info", error, [](const dolium::ClientInfo& each) { return c::to_c(each); });
}

void dolium_client_list_free(dolium_client_list* list) {
  c::end_handle(__func__, list);
}

dolium_code dolium_stats(dolium_store* store, dolium_store_stats* stats, dolium_error* error) {
  return c::guarded(__func__, error, [&]() -> Result<void> {
    dolium_store_stats& out = c::sized(stats, "stats");
    const Result<dolium::StoreStats> found = c::store_of(store).stats();
    if (!found) return found.error();
    c::fill(out, c::to_c(*found));
    return {};
  });
}

dolium_code dolium_last_refusal(dolium_store* store, dolium_refusal* refusal, dolium_use_list** holders,
                                dolium_error* error) {
  return c::guarded(__func__, error, [&]() -> Result<void> {
    c::clear_optional(holders);
    dolium_refusal& out = c::sized(refusal, "refusal");
    const Result<dolium::StoreStats> found = c::store_of(store).stats();
    if (!found) return found.error();
    if (!found->last_refusal)
      return Error{Errc::not_found, "no create or put was refused since the start of the server"};
    if (holders != nullptr) {
      dolium_use_list list;
      add_uses(list, found->last_refusal->holders, DOLIUM_HOLDER);
      *holders = c::new_handle(std::move(list));
    }
    c::fill(out, c::to_c(*found->last_refusal));
    return {};
  });
}
