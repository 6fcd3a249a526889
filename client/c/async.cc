// Asynchronous operations, and subscriptions.

#include <dolium/c/async.h>

#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <utility>
#include <vector>

#include "client/c/binding_access.h"
#include "client/c/callback.h"
#include "client/c/handles.h"
#include "client/c/options.h"
#include "client/c/report_structs.h"
#include "client/c/sized.h"

namespace c = dolium::c;
using dolium::AsyncHandle;
using dolium::Object;
using dolium::ObjectBuilder;
using dolium::ObjectStore;
using dolium::Result;

namespace {

using Data = std::shared_ptr<c::CallbackData>;

/// Calls the caller's function, then drops its data. `value` is null after a failure.
template <class Callback, class Value>
void call_back(Callback done, const Data& data, Value* value, const dolium::Error* why) {
  if (why == nullptr) {
    done(data->user(), DOLIUM_OK, value, nullptr);
  } else {
    dolium_error error;
    const dolium_code code = c::report(*why, &error);
    done(data->user(), code, nullptr, &error);
  }
  data->drop();
}

ObjectStore::GetCallback get_callback(dolium_get_callback done, Data data) {
  return [done, data = std::move(data)](Result<Object> found) {
    if (!found) return call_back<dolium_get_callback, const dolium_object>(done, data, nullptr, &found.error());
    dolium_object object;
    c::ObjectResult(&object).fill(*std::move(found));
    call_back(done, data, const_cast<const dolium_object*>(&object), nullptr);
  };
}

/// The objects' memory is there from the beginning: nothing may fail when they have come.
ObjectStore::GetManyCallback get_many_callback(dolium_get_many_callback done, Data data, std::size_t count) {
  auto objects = std::make_shared<std::vector<dolium_object>>(count);
  return [done, data = std::move(data), objects](Result<std::vector<std::optional<Object>>> found) {
    if (found) {
      for (std::size_t i = 0; i < found->size(); ++i)
        if ((*found)[i]) c::ObjectResult(&(*objects)[i]).fill(*std::move((*found)[i]));
      done(data->user(), DOLIUM_OK, objects->data(), objects->size(), nullptr);
    } else {
      dolium_error error;
      const dolium_code code = c::report(found.error(), &error);
      done(data->user(), code, nullptr, 0, &error);
    }
    data->drop();
  };
}

ObjectStore::CreateCallback create_callback(dolium_create_callback done, Data data) {
  return [done, data = std::move(data)](Result<ObjectBuilder> made) {
    if (!made) return call_back<dolium_create_callback, dolium_builder>(done, data, nullptr, &made.error());
    const std::uint64_t size = made->data().size();
    call_back(done, data, c::new_handle(dolium_builder{*std::move(made), size}), nullptr);
  };
}

/// Owns the caller's data, or has dropped them.
Data take_charge(void* user, dolium_drop_callback drop) {
  std::unique_ptr<c::CallbackData> data(new (std::nothrow) c::CallbackData(user, drop));
  if (data == nullptr) {
    if (drop != nullptr) drop(user);
    throw std::bad_alloc();
  }
  return data;
}

struct EndOperation {
  void operator()(dolium_async* operation) const noexcept { c::end_handle("dolium_async_free", operation); }
};

/// Begins an operation: `start(store, data)` returns its AsyncHandle. The data are dropped if it cannot begin. Nothing
/// fails after it has begun.
template <class Done, class Start>
dolium_code begin(const char* function, dolium_store* store, Done done, void* user, dolium_drop_callback drop,
                  dolium_async** operation, dolium_error* error, Start&& start) {
  return c::guarded(function, error, [&]() -> Result<void> {
    const Data data = take_charge(user, drop);
    c::clear_optional(operation);
    if (done == nullptr) throw c::Misuse("the callback is NULL");
    ObjectStore& target = c::store_of(store);
    if (auto taken = dolium::detail::BindingAccess::check_takes_calls(target); !taken) return taken;
    std::unique_ptr<dolium_async, EndOperation> handle;
    if (operation != nullptr) handle.reset(c::new_handle(dolium_async{{}, data}));
    AsyncHandle begun = start(target, data);
    if (operation == nullptr) return {};
    handle->handle = std::move(begun);
    *operation = handle.release();
    return {};
  });
}

}  // namespace

int dolium_event_fd(const dolium_store* store) {
  const auto* const mine = c::live_or_null(__func__, store);
  return mine == nullptr ? -1 : mine->shared->event_fd();
}

dolium_code dolium_process_events(dolium_store* store, dolium_error* error) {
  return c::guarded(__func__, error, [&] {
    const std::shared_ptr<ObjectStore> kept = c::live(store).shared;  // a callback may close the store
    return kept->process_events();
  });
}

dolium_code dolium_get_async(dolium_store* store, const dolium_id* id, std::int64_t timeout_ns,
                             dolium_get_callback done, void* user, dolium_drop_callback drop, dolium_async** operation,
                             dolium_error* error) {
  return begin(__func__, store, done, user, drop, operation, error, [&](ObjectStore& target, Data data) {
    return target.get_async(c::id_of(id), c::timeout_of(timeout_ns), get_callback(done, std::move(data)));
  });
}

dolium_code dolium_get_many_async(dolium_store* store, const dolium_id* ids, std::size_t count, std::size_t enough,
                                  std::int64_t timeout_ns, dolium_get_many_callback done, void* user,
                                  dolium_drop_callback drop, dolium_async** operation, dolium_error* error) {
  return begin(__func__, store, done, user, drop, operation, error, [&](ObjectStore& target, Data data) {
    return target.get_many_async(c::ids_of(ids, count), enough == 0 ? count : enough, c::timeout_of(timeout_ns),
                                 get_many_callback(done, std::move(data), count));
  });
}

dolium_code dolium_take_async(dolium_store* store, const dolium_id* id, std::int64_t timeout_ns,
                              dolium_get_callback done, void* user, dolium_drop_callback drop, dolium_async** operation,
                              dolium_error* error) {
  return begin(__func__, store, done, user, drop, operation, error, [&](ObjectStore& target, Data data) {
    return target.take_async(c::id_of(id), c::timeout_of(timeout_ns), get_callback(done, std::move(data)));
  });
}

dolium_code dolium_create_async(dolium_store* store, const dolium_id* id, std::uint64_t size,
                                const dolium_create_options* options, dolium_create_callback done, void* user,
                                dolium_drop_callback drop, dolium_async** operation, dolium_error* error) {
  return begin(__func__, store, done, user, drop, operation, error, [&](ObjectStore& target, Data data) {
    return target.create_async(c::id_of(id), size, c::to_cpp(options), create_callback(done, std::move(data)));
  });
}

bool dolium_async_cancel(dolium_async* operation) {
  auto* const mine = c::live_or_null(__func__, operation);
  if (mine == nullptr || !mine->handle.cancel()) return false;
  mine->data->drop();
  return true;
}

void dolium_async_free(dolium_async* operation) {
  c::end_handle(__func__, operation);
}

dolium_code dolium_subscribe(dolium_store* store, dolium_subscription** subscription, dolium_error* error) {
  return c::guarded(__func__, error, [&]() -> Result<void> {
    dolium_subscription*& out = c::cleared(subscription, "subscription");
    auto made = c::store_of(store).subscribe();
    if (!made) return std::move(made).error();
    out = c::new_handle(dolium_subscription{*std::move(made)});
    return {};
  });
}

dolium_code dolium_subscription_next(dolium_subscription* subscription, std::int64_t timeout_ns, dolium_event* event,
                                     dolium_error* error) {
  return c::guarded(__func__, error, [&]() -> Result<void> {
    dolium_event& out = c::sized(event, "event");
    const Result<dolium::Event> next = c::live(subscription).subscription.next(c::timeout_of(timeout_ns));
    if (!next) return next.error();
    c::fill(out, c::to_c(*next));
    return {};
  });
}

void dolium_subscription_free(dolium_subscription* subscription) {
  c::end_handle(__func__, subscription);
}
