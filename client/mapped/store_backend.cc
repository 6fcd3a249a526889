#include "client/mapped/store_backend.h"

#include <fmt/format.h>

namespace dolium::detail {

Result<void> StoreBackend::check_may_write() const {
  if (refuses()) return refusal();
  if (attachment_ == nullptr || attachment_->can_write()) return {};
  return Error{Errc::permission_denied,
               "this client is connected for reading only: connect with ConnectOptions::access read_write"};
}

Result<Object> StoreBackend::look_first(const ObjectId& id, Timeout timeout) {
  const Attachment::Seen seen = first_look_->hold_row(id);
  if (seen.verdict == Attachment::Verdict::held) [[likely]]
    return Object(first_look_->view(id, seen.attempt.object));
  return get_after(seen.verdict, id, timeout);
}

Result<Object> put_with_builder(StoreBackend& backend, const ObjectId& id, std::span<const std::byte> data,
                                const CreateOptions& options, bool hold) {
  Result<ObjectBuilder> builder = backend.create(id, data.size(), options);
  if (!builder) return std::move(builder).error();
  if (auto written = builder->write(data, options.copy_threads); !written) return std::move(written).error();
  if (hold) return builder->seal_and_hold();
  const Result<ObjectId> sealed = builder->seal();
  return sealed ? Result<Object>(Object()) : Result<Object>(sealed.error());
}

Result<void> put_at_once(StoreBackend& backend, const PutItem& item) {
  CreateOptions options = item.options;
  options.timeout = no_wait;
  const Result<Object> done = put_with_builder(backend, item.id, item.data, options, false);
  return done ? Result<void>() : Result<void>(done.error());
}

Error too_many_put_failures() {
  return {Errc::out_of_memory,
          fmt::format("{} deferred puts have failed: take their errors with flush() first", kMaxPutFailures)};
}

}  // namespace dolium::detail
