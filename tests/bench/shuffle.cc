// A shuffle of four times the store's memory, as an example of a job that does not fit: each of many map tasks makes a
// block for each reduce task; then each reduce task reads its block of every map task, and sums the keys. The blocks
// are objects of retention `keep`, and for comparison files:
//
//   Dolium         put() and get_many(). No code for the disk
//   plain files    a file for each block, written and read with the page cache. So that it may use no more memory than
//                  the store, the file's pages are written and dropped when more than that has been written since
//   all memory     the same with as much page cache as the machine has
//
// --directory: where; a disk, not tmpfs.

#include <fcntl.h>
#include <unistd.h>

#include <cstring>
#include <deque>
#include <map>

#include "tests/bench/direct_file.h"
#include "tests/bench/process.h"

namespace {

using namespace dolium;
using namespace dolium::bench;

constexpr std::uint64_t kReducers = 64;
constexpr std::size_t kBlock = 128 * kKiB;
constexpr std::size_t kKeys = kBlock / sizeof(std::uint64_t);
using Block = std::vector<std::uint64_t>;

/// Where blocks are between map and reduce.
class Blocks {
 public:
  Blocks() = default;
  Blocks(const Blocks&) = delete;
  Blocks& operator=(const Blocks&) = delete;
  virtual ~Blocks() = default;

  virtual void put(std::uint64_t number, std::span<const std::byte> bytes) = 0;
  using Visit = std::function<void(std::span<const std::byte>)>;
  virtual void read(std::span<const std::uint64_t> numbers, const Visit& visit) = 0;
  virtual void remove(std::uint64_t number) = 0;
};

class Objects final : public Blocks {
 public:
  explicit Objects(const Daemon& daemon) : client_(daemon.connect()) {}

  void put(std::uint64_t number, std::span<const std::byte> bytes) override {
    must(client_->put(numbered_id(number), bytes, {.timeout = std::chrono::minutes(1), .retention = Retention::keep}));
  }
  void read(std::span<const std::uint64_t> numbers, const Visit& visit) override {
    constexpr std::size_t kAtOnce = 32;  // a part of the reducer's input: the rest is on the disk meanwhile
    for (; !numbers.empty(); numbers = numbers.subspan(std::min(kAtOnce, numbers.size()))) {
      std::vector<ObjectId> ids;
      for (const std::uint64_t number : numbers.first(std::min(kAtOnce, numbers.size())))
        ids.push_back(numbered_id(number));
      for (const auto& object : must(client_->get_many(ids, std::chrono::minutes(1)))) {
        require(object.has_value(), "a block is missing");
        visit(object->data());
      }
    }
  }
  void remove(std::uint64_t number) override { must(client_->remove(numbered_id(number))); }

 private:
  std::shared_ptr<Client> client_;
};

class Files final : public Blocks {
 public:
  Files(std::string directory, std::uint64_t memory) : directory_(std::move(directory)), memory_(memory) {}

  void put(std::uint64_t number, std::span<const std::byte> bytes) override {
    const int fd = ::open(path(number).c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    require(fd >= 0 && ::write(fd, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()),
            "cannot write a block");
    ::close(fd);
    cached_.push_back(number);
    for (; cached_.size() * kBlock > memory_; cached_.pop_front()) drop(cached_.front());
  }
  void read(std::span<const std::uint64_t> numbers, const Visit& visit) override {
    std::vector<std::byte> bytes(kBlock);
    for (const std::uint64_t number : numbers) {
      const int fd = ::open(path(number).c_str(), O_RDONLY | O_CLOEXEC);
      require(fd >= 0 && ::read(fd, bytes.data(), kBlock) == static_cast<ssize_t>(kBlock), "cannot read a block");
      visit(bytes);
      ::close(fd);
    }
  }
  void remove(std::uint64_t number) override {
    ::unlink(path(number).c_str());
    cached_.clear();
  }

 private:
  [[nodiscard]] std::string path(std::uint64_t number) const { return directory_ + "/" + std::to_string(number); }
  void drop(std::uint64_t number) const {
    const int fd = ::open(path(number).c_str(), O_RDONLY | O_CLOEXEC);
    require(fd >= 0 && ::fdatasync(fd) == 0, "cannot sync a block");
    ::posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    ::close(fd);
  }

  const std::string directory_;
  const std::uint64_t memory_;
  std::deque<std::uint64_t> cached_;  // written, and not dropped
};

/// Returns the sum of all keys, as the reducers saw them.
std::uint64_t shuffle(Blocks& blocks, std::uint64_t maps, std::uint64_t seed) {
  Block block(kKeys);
  for (std::uint64_t map = 0; map < maps; ++map)
    for (std::uint64_t reducer = 0; reducer < kReducers; ++reducer) {
      for (std::size_t i = 0; i < kKeys; ++i)
        block[i] = scramble((map * kKeys + i) ^ seed) / kReducers * kReducers + reducer;
      blocks.put(map * kReducers + reducer, std::as_bytes(std::span(block)));
    }
  std::uint64_t sum = 0;
  for (std::uint64_t reducer = 0; reducer < kReducers; ++reducer) {
    std::vector<std::uint64_t> numbers;
    for (std::uint64_t map = 0; map < maps; ++map) numbers.push_back(map * kReducers + reducer);
    blocks.read(numbers, [&](std::span<const std::byte> bytes) {
      std::memcpy(block.data(), bytes.data(), bytes.size());
      for (const std::uint64_t key : block) {
        require(key % kReducers == reducer, "a key came to another reducer than its own");
        sum += key;
      }
    });
  }
  return sum;
}

}  // namespace

int main(int argc, char** argv) {
  std::string directory;
  const Report::Option option{"--directory", "where the files are made; the default: /var/tmp", &directory};
  Report report(argc, argv, "shuffle: four times the store's memory", {&option, 1});
  const std::uint64_t capacity = report.smoke() ? 16 * kMiB : report.quick() ? 128 * kMiB : 512 * kMiB;
  const std::uint64_t maps = 4 * capacity / (kReducers * kBlock);
  const DiskDirectory disk(directory);
  const Daemon daemon({.capacity = capacity, .more = {"--spill-directory", disk.make("spill")}});
  Objects objects(daemon);
  Files files(disk.make("files"), capacity);
  Files unlimited(disk.make("cached"), UINT64_MAX);
  std::map<std::uint64_t, std::uint64_t> sums;  // of each seed: all contenders must agree
  Contest contest;
  const auto add = [&](const std::string& name, Blocks& blocks) {
    contest.add(name, [&, seed = std::uint64_t{0}](Samples& samples) mutable {
      std::uint64_t sum = 0;
      samples.add(time_ns([&] { sum = shuffle(blocks, maps, seed); }));
      require(sums.try_emplace(seed++, sum).first->second == sum, "the sums of two shuffles differ");
      for (std::uint64_t number = 0; number < maps * kReducers; ++number) blocks.remove(number);
    });
  };
  add("Dolium", objects);
  add("plain files", files);
  add("all memory", unlimited);
  contest.run(report.rounds(5, 2));
  const auto beside = [&](const std::string& name, const std::string& reference) {
    report.add({name, "", contest.of("Dolium").median() / 1e9, "s", reference, contest.of(reference).median() / 1e9,
                contest.ratio("Dolium", reference)});
  };
  const std::string size = std::to_string(4 * capacity / kMiB) + " MiB in blocks of 128 KiB";
  beside(size, "plain files");
  beside(size + ", files may use all memory", "all memory");
}
