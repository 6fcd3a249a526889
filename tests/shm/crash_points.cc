#include "tests/shm/crash_points.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/ucontext.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <csignal>
#include <cstring>
#include <fstream>
#include <sstream>

namespace dolium::shm::test {
namespace {

constexpr std::size_t kMaxPoints = 4096;
constexpr greg_t kTrapFlag = 0x100;

struct WritableRange {
  std::byte* begin;
  std::size_t bytes;
};

/// What the handlers need: all of it made before, because they may not allocate.
struct Recording {
  std::vector<WritableRange> ranges;    // the writable mappings, in the order of segments()
  std::unique_ptr<std::byte[]> images;  // of memory that is not there before it is used
  std::size_t image_bytes = 0;
  std::size_t points = 0;
};
Recording* recording = nullptr;

void protect(int protection) {
  for (const WritableRange& range : recording->ranges) ::mprotect(range.begin, range.bytes, protection);
}

void copy_image() {
  if (recording->points == kMaxPoints) std::abort();
  std::byte* out = recording->images.get() + recording->points++ * recording->image_bytes;
  for (const WritableRange& range : recording->ranges) {
    std::memcpy(out, range.begin, range.bytes);
    out += range.bytes;
  }
}

void on_fault(int signal, siginfo_t* info, void* context) {
  const auto* at = static_cast<const std::byte*>(info->si_addr);
  const bool ours = std::ranges::any_of(recording->ranges, [at](const WritableRange& range) {
    return at >= range.begin && at < range.begin + range.bytes;
  });
  if (!ours) {  // a real one: it comes again, and ends the test
    ::signal(signal, SIG_DFL);
    return;
  }
  copy_image();
  protect(PROT_READ | PROT_WRITE);
  static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_EFL] |= kTrapFlag;
}

void on_trap(int, siginfo_t*, void* context) {
  static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_EFL] &= ~kTrapFlag;
  protect(PROT_READ);
}

/// Where this process has mapped the segment for writing.
WritableRange writable_mapping(const Segment& segment) {
  struct stat wanted {};
  REQUIRE(::fstat(segment.fd().get(), &wanted) == 0);
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    std::istringstream words(line);
    std::string addresses, mode, offset, device;
    ino_t inode = 0;
    words >> addresses >> mode >> offset >> device >> inode;
    if (inode != wanted.st_ino || mode != "rw-s") continue;
    return {reinterpret_cast<std::byte*>(std::stoull(addresses, nullptr, 16)), segment.size()};
  }
  FAIL("a segment is not mapped for writing");
  return {};
}

std::vector<WritableRange> ranges_of(const Store& store) {
  std::vector<WritableRange> ranges;
  const std::vector<const Segment*> segments = store.rows().segments();
  for (std::size_t i = 1; i < segments.size(); ++i) ranges.push_back(writable_mapping(*segments[i]));
  return ranges;
}

class Handlers {
 public:
  Handlers() {
    struct sigaction action {};
    action.sa_flags = SA_SIGINFO;
    action.sa_sigaction = on_fault;
    ::sigaction(SIGSEGV, &action, &fault_);
    action.sa_sigaction = on_trap;
    ::sigaction(SIGTRAP, &action, &trap_);
  }
  Handlers(const Handlers&) = delete;
  Handlers& operator=(const Handlers&) = delete;
  ~Handlers() {
    ::sigaction(SIGSEGV, &fault_, nullptr);
    ::sigaction(SIGTRAP, &trap_, nullptr);
  }

 private:
  struct sigaction fault_ {};
  struct sigaction trap_ {};
};

UniqueFd copy_of(const Segment& original, const std::byte* bytes) {
  const Segment copy = Segment::create("copy", original.size()).value();
  const Mapping mapping = copy.map(Mapping::Mode::read_write).value();
  std::memcpy(mapping.data(), bytes, original.size());
  return copy.duplicate().value();
}

UniqueFd copy_of(const Segment& original) {
  return copy_of(original, original.map(Mapping::Mode::read_only).value().data());
}

}  // namespace

Image image_of(const Store& store) {
  Image image;
  for (const WritableRange& range : ranges_of(store)) image.insert(image.end(), range.begin, range.begin + range.bytes);
  return image;
}

std::vector<Image> images_during(const Store& store, const std::function<void()>& operation) {
  Recording here;
  here.ranges = ranges_of(store);
  for (const WritableRange& range : here.ranges) here.image_bytes += range.bytes;
  here.images = std::make_unique_for_overwrite<std::byte[]>(kMaxPoints * here.image_bytes);
  recording = &here;
  {
    const Handlers handlers;
    protect(PROT_READ);
    operation();
    protect(PROT_READ | PROT_WRITE);
  }
  copy_image();
  recording = nullptr;
  std::vector<Image> images;
  for (std::size_t i = 0; i < here.points; ++i) {
    const std::byte* image = here.images.get() + i * here.image_bytes;
    images.emplace_back(image, image + here.image_bytes);
  }
  return images;
}

std::unique_ptr<Store> recovered(Store& store, const Image& image, const std::vector<ClientId>& clients, TimeNs now,
                                 const StoreConfig* config) {
  const std::vector<const Segment*> segments = store.rows().segments();
  std::vector<UniqueFd> memory;
  memory.push_back(copy_of(*segments.front()));
  std::size_t at = 0;
  for (std::size_t i = 1; i < segments.size(); at += segments[i++]->size())
    memory.push_back(copy_of(*segments[i], image.data() + at));
  std::vector<SurvivingClient> survivors;
  for (const ClientId client : clients) {
    const ClientInfo info = store.report().client_info(client, now);
    survivors.push_back({client, {info.pid, info.uid}, 0, copy_of(store.clients().pin_table_segment(client))});
  }
  return Store::recover(config == nullptr ? store.rows().config : *config, std::move(memory), std::move(survivors), now)
      .value();
}

}  // namespace dolium::shm::test
