#pragma once
// MemoryFiles: a disk in memory that fails, tears and forgets, for tests of the spill tier. What survives a crash is
// what the kernel promises, and of everything else a part at random:
//
//   bytes   safe when a sync, begun after the write had ended, has succeeded. Of other writes each sector of 512 bytes
//           survives or not, so they are torn and reordered
//   sizes   safe after a sync of the file
//   names   safe after a sync of the directory. Of later changes each one survives or not
//
// After a failed sync, what it should have covered is never safe, whatever a later sync says.

#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "daemon/spill/file_layer.h"

namespace dolium::test {

class MemoryFiles final : public spill::FileLayer {
 public:
  /// What goes wrong. Counters count down; 0 does nothing.
  struct Faults {
    double short_write = 0;  ///< probability
    double short_read = 0;
    int write_error_in = 0;  ///< the n-th write from now fails
    int write_error = 5;     ///< EIO
    int sync_error_in = 0;
    int allocate_error_in = 0;
    int unlink_error_in = 0;
    int directory_error_in = 0;
    bool dead = false;       ///< everything fails with EIO
    bool read_only = false;  ///< every change fails with EROFS
    bool moved = false;      ///< the directory was moved away
  };

  explicit MemoryFiles(std::uint64_t seed, std::uint64_t disk_bytes = UINT64_MAX);
  Faults faults;
  /// A disk that lies, or an engine that forgets a step: with one of these, the crash model must find a lost object.
  enum class Lie : std::uint8_t { none, syncs, directory_syncs };
  Lie lie = Lie::none;
  void set_disk_bytes(std::uint64_t bytes) { disk_bytes_ = bytes; }

  /// The disk after a crash of the host at this moment.
  [[nodiscard]] std::unique_ptr<MemoryFiles> crash(std::uint64_t seed) const;
  /// The process is killed: of what is under way, a part has happened. What has ended stays, and is no safer than
  /// before.
  void kill();
  /// Changes a byte on the disk.
  void corrupt(const std::string& name, std::uint64_t offset);
  /// Another process cuts the file, or removes it. Open ones can still be read.
  void cut(const std::string& name, std::uint64_t bytes);
  void lose(const std::string& name);
  /// Reads of this range fail with EIO.
  void spoil(const std::string& name, std::uint64_t begin, std::uint64_t end);
  void heal(const std::string& name) { names_.at(name)->spoilt.clear(); }
  [[nodiscard]] std::vector<std::byte> content(const std::string& name) const { return names_.at(name)->now; }
  [[nodiscard]] std::vector<std::string> names() const;
  [[nodiscard]] std::size_t under_way() const { return queue_.size(); }
  [[nodiscard]] std::uint64_t allocated() const;
  [[nodiscard]] std::uint64_t writes() const { return writes_; }

  Result<std::vector<std::string>> list() override;
  Result<spill::FilePtr> open(const std::string& name, spill::OpenMode mode) override;
  Result<void> allocate(spill::File& file, std::uint64_t bytes) override;
  Result<void> truncate(spill::File& file, std::uint64_t bytes) override;
  Result<spill::FileSize> size(spill::File& file) override;
  Result<void> rename(const std::string& from, const std::string& to) override;
  Result<void> unlink(const std::string& name) override;
  Result<void> sync_directory() override;
  Result<std::uint64_t> free_bytes() override;
  Result<std::string> check_place() override;
  bool is_there(const std::string& name) override { return names_.contains(name); }
  Result<std::size_t> read_now(spill::File& file, std::uint64_t offset, std::span<std::byte> into) override;
  Result<void> write_now(spill::File& file, std::uint64_t offset, std::span<const std::byte> bytes) override;
  Result<void> sync_now(spill::File& file) override;
  void submit(spill::Io io) override;
  void reap(std::vector<spill::IoResult>& ended, bool wait) override;
  [[nodiscard]] int event_fd() const noexcept override { return -1; }

 private:
  struct Unsafe {
    std::uint64_t offset = 0;
    std::vector<std::byte> bytes;
    std::uint64_t ended = 0;  // when
    bool doubtful = false;    // a sync of it has failed, or it has failed itself
  };
  struct Inode {
    std::vector<std::byte> now;   // what reads see
    std::vector<std::byte> safe;  // what a crash leaves, before `unsafe`
    std::vector<Unsafe> unsafe;
    std::vector<std::pair<std::uint64_t, std::uint64_t>> spoilt;
  };
  using InodePtr = std::shared_ptr<Inode>;
  struct OpenInode final : spill::File {
    explicit OpenInode(InodePtr own) : inode(std::move(own)) {}
    InodePtr inode;
  };
  struct NameChange {
    std::string name;
    InodePtr inode;    // none: unlinked
    std::string from;  // of a rename
  };
  struct Waiting {
    spill::Io io;
    std::uint64_t begun = 0;
    bool killed = false;
  };

  static Inode& of(spill::File& file) { return *static_cast<OpenInode&>(file).inode; }
  [[nodiscard]] bool chance(double probability);
  [[nodiscard]] static bool is_due(int& counter) { return counter > 0 && --counter == 0; }
  [[nodiscard]] int broken() const { return faults.dead ? EIO : faults.read_only ? EROFS : 0; }
  std::int64_t carry_out(const Waiting& waiting);
  std::int64_t write(const Waiting& waiting);
  std::int64_t read(const spill::Io& io);
  static void sync(Inode& inode, std::uint64_t begun, bool succeeds);
  [[nodiscard]] static InodePtr survivor(const Inode& inode, std::mt19937_64& random);

  std::mt19937_64 random_;
  std::uint64_t disk_bytes_;
  std::uint64_t time_ = 1;
  std::uint64_t writes_ = 0;
  std::map<std::string, InodePtr> names_;
  std::map<std::string, InodePtr> safe_names_;
  std::vector<NameChange> changes_;
  std::vector<Waiting> queue_;
};

}  // namespace dolium::test
