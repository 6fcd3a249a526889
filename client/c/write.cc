// Builders, puts, and the puts that failed.

#include <dolium/c/write.h>

#include <fmt/format.h>

#include <vector>

#include "client/c/handles.h"
#include "client/c/options.h"
#include "client/c/sized.h"

namespace c = dolium::c;
using dolium::Object;
using dolium::ObjectBuilder;
using dolium::ObjectId;
using dolium::Result;

dolium_code dolium_create(dolium_store* store, const dolium_id* id, std::uint64_t size,
                          const dolium_create_options* options, dolium_builder** builder, dolium_error* error) {
  return c::guarded(__func__, error, [&]() -> Result<void> {
    dolium_builder*& out = c::cleared(builder, "builder");
    Result<ObjectBuilder> made = c::store_of(store).create(c::id_of(id), size, c::to_cpp(options));
    if (!made) return std::move(made).error();
    out = c::new_handle(dolium_builder{*std::move(made), size});
    return {};
  });
}

void* dolium_builder_data(const dolium_builder* builder) {
  const auto* const mine = c::live_or_null(__func__, builder);
  // data() of a builder that is not finished changes nothing.
  return mine == nullptr ? nullptr : const_cast<dolium_builder*>(mine)->builder.data().data();
}

std::uint64_t dolium_builder_size(const dolium_builder* builder) {
  const auto* const mine = c::live_or_null(__func__, builder);
  return mine == nullptr ? 0 : mine->size;
}

dolium_code dolium_builder_write(dolium_builder* builder, const void* data, std::size_t size, dolium_error* error) {
  return c::guarded(__func__, error, [&] { return c::live(builder).builder.write(c::bytes_of(data, size, "data")); });
}

std::uint64_t dolium_builder_written(const dolium_builder* builder) {
  const auto* const mine = c::live_or_null(__func__, builder);
  return mine == nullptr ? 0 : mine->builder.written();
}

dolium_code dolium_builder_seal(dolium_builder* builder, dolium_object* held, dolium_error* error) {
  return c::guarded(__func__, error, [&]() -> dolium_code {
    c::clear_optional(held);
    const auto mine = c::taken(builder);
    if (held != nullptr) return c::ObjectResult(held).fill(mine->builder.seal_and_hold(), error);
    const Result<ObjectId> sealed = mine->builder.seal();
    return sealed ? DOLIUM_OK : c::report(sealed.error(), error);
  });
}

dolium_code dolium_builder_abort(dolium_builder* builder, dolium_error* error) {
  if (builder == nullptr) return DOLIUM_OK;
  return c::guarded(__func__, error, [&] {
    const auto mine = c::taken(builder);
    return mine->kept ? Result<void>() : mine->builder.abort();
  });
}

dolium_code dolium_builder_abort_and_keep(dolium_builder* builder, dolium_error* error) {
  return c::guarded(__func__, error, [&] {
    dolium_builder& mine = c::live(builder);
    mine.kept = true;
    return mine.builder.abort_and_keep();
  });
}

dolium_code dolium_put(dolium_store* store, const dolium_id* id, const void* data, std::size_t size,
                       const dolium_create_options* options, dolium_object* held, dolium_error* error) {
  return c::guarded(__func__, error, [&]() -> dolium_code {
    c::clear_optional(held);
    dolium::ObjectStore& target = c::store_of(store);
    const auto bytes = c::bytes_of(data, size, "data");
    if (held != nullptr)
      return c::ObjectResult(held).fill(target.put_and_hold(c::id_of(id), bytes, c::to_cpp(options)), error);
    const Result<void> done = target.put(c::id_of(id), bytes, c::to_cpp(options));
    return done ? DOLIUM_OK : c::report(done.error(), error);
  });
}

dolium_code dolium_put_many(dolium_store* store, const dolium_put_item* items, std::size_t count,
                            dolium_failures** failures, dolium_error* error) {
  return c::guarded(__func__, error, [&]() -> Result<void> {
    dolium_failures*& out = c::cleared(failures, "failures");
    if (count != 0) c::required(items, "items");
    std::vector<dolium::PutItem> puts;
    puts.reserve(count);
    for (std::size_t i = 0; i < count; ++i)
      puts.push_back(
          {c::id_of(items[i].id), c::bytes_of(items[i].data, items[i].size, "data"), c::to_cpp(items[i].options)});
    auto outcomes = c::store_of(store).put_many(puts);
    if (!outcomes) return std::move(outcomes).error();
    dolium_failures failed;
    for (std::size_t i = 0; i < count; ++i)
      if (!(*outcomes)[i]) failed.failures.push_back({puts[i].id, std::move((*outcomes)[i]).error(), i});
    if (!failed.failures.empty()) out = c::new_handle(std::move(failed));
    return {};
  });
}

dolium_code dolium_put_deferred(dolium_store* store, const dolium_id* id, const void* data, std::size_t size,
                                const dolium_create_options* options, dolium_error* error) {
  return c::guarded(__func__, error, [&] {
    return c::store_of(store).put_deferred(c::id_of(id), c::bytes_of(data, size, "data"), c::to_cpp(options));
  });
}

dolium_code dolium_flush(dolium_store* store, dolium_failures** failures, dolium_error* error) {
  return c::guarded(__func__, error, [&]() -> Result<void> {
    dolium_failures*& out = c::cleared(failures, "failures");
    auto done = c::store_of(store).flush();
    if (!done) return std::move(done).error();
    dolium_failures failed;
    for (dolium::PutFailure& each : *done) failed.failures.push_back({each.id, std::move(each.error)});
    if (!failed.failures.empty()) out = c::new_handle(std::move(failed));
    return {};
  });
}

std::size_t dolium_failures_count(const dolium_failures* failures) {
  const auto* const mine = c::live_or_null(__func__, failures);
  return mine == nullptr ? 0 : mine->failures.size();
}

dolium_code dolium_failures_at(const dolium_failures* failures, std::size_t at, dolium_failure* failure,
                               dolium_error* error) {
  return c::guarded(__func__, error, [&]() -> Result<void> {
    dolium_failure& out = c::sized(failure, "failure");
    const auto& all = c::live(failures).failures;
    if (at >= all.size())
      return dolium::Error{dolium::Errc::not_found, fmt::format("there are {} failures: no number {}", all.size(), at)};
    const dolium_failures::Each& each = all[at];
    dolium_error as_c;
    c::report(each.error, &as_c);
    dolium_failure filled{};
    filled.id = c::to_c(each.id);
    filled.code = as_c.code;
    filled.cause = as_c.cause;
    filled.error_number = as_c.error_number;
    filled.index = each.index;
    filled.message = each.error.message.c_str();
    c::fill(out, filled);
    return {};
  });
}

void dolium_failures_free(dolium_failures* failures) {
  c::end_handle(__func__, failures);
}
