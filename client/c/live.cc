#include "client/c/live.h"

#include <pthread.h>

#include <cstring>
#include <map>
#include <mutex>
#include <set>

namespace dolium::c {
namespace {

struct Record {
  std::mutex mutex;
  std::map<const void*, const char*> handles;
  std::set<std::uint64_t> references;
  std::uint64_t last = 0;
};

Record& record();

// A child has the parent's handles and references, so it needs the record; another thread may have had the mutex.
void before_fork() {
  record().mutex.lock();
}
void after_fork() {
  record().mutex.unlock();
}

/// Never destroyed: handles may be ended by destructors of static objects.
Record& record() {
  static Record* const only = [] {
    auto* const made = new Record;
    static_cast<void>(::pthread_atfork(before_fork, after_fork, after_fork));
    return made;
  }();
  return *only;
}

}  // namespace

void add_handle(const void* handle, const char* kind) {
  if constexpr (!kKeepsRecord) return;
  const std::lock_guard lock(record().mutex);
  record().handles[handle] = kind;
}

bool drop_handle(const void* handle, const char* kind) noexcept {
  if constexpr (!kKeepsRecord) return true;
  const std::lock_guard lock(record().mutex);
  const auto found = record().handles.find(handle);
  if (found == record().handles.end() || std::strcmp(found->second, kind) != 0) return false;
  record().handles.erase(found);
  return true;
}

bool is_live_handle(const void* handle, const char* kind) noexcept {
  if constexpr (!kKeepsRecord) return true;
  const std::lock_guard lock(record().mutex);
  const auto found = record().handles.find(handle);
  return found != record().handles.end() && std::strcmp(found->second, kind) == 0;
}

std::uint64_t add_reference() {
  if constexpr (!kKeepsRecord) return 0;
  const std::lock_guard lock(record().mutex);
  record().references.insert(++record().last);
  return record().last;
}

bool drop_reference(std::uint64_t number) noexcept {
  if constexpr (!kKeepsRecord) return true;
  const std::lock_guard lock(record().mutex);
  return record().references.erase(number) != 0;
}

bool is_live_reference(std::uint64_t number) noexcept {
  if constexpr (!kKeepsRecord) return true;
  const std::lock_guard lock(record().mutex);
  return record().references.contains(number);
}

}  // namespace dolium::c
