#pragma once
// Conductor: starts the other processes, accepts their results in order, and kills one of them on the way. See roles.h.

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include <dolium/client.h>

#include "tests/demo/digest.h"
#include "tests/demo/pieces.h"
#include "tests/demo/staff.h"
#include "tests/demo/watcher.h"

namespace dolium::demo {

/// The worker that was killed, and what the store said of it just before, when it was stopped and could not move.
struct Victim {
  std::size_t worker = 0;
  pid_t pid = 0;
  std::uint64_t objects_held = 0;
  std::uint64_t bytes_held = 0;
  std::chrono::microseconds forgotten_after{0};  ///< until the store had taken everything back
  std::size_t taken_over_at = 0;                 ///< the first piece of its successor
};

/// Another process that was killed on the way.
struct Killed {
  std::string name;
  std::size_t at = 0;  ///< so many pieces were accepted
};

struct Outcome {
  std::size_t equal = 0;
  std::vector<std::string> different;  ///< why, for the first few
  std::vector<std::size_t> by_worker = std::vector<std::size_t>(kWorkers, 0);
  Victim victim;
  bool killed = false;
  std::vector<Killed> others;
  std::chrono::nanoseconds took{0};
};

class Conductor {
 public:
  /// How many differences are told of.
  static constexpr std::size_t kMaxTold = 10;

  /// `killing`: the daemon whose server and spill process are killed, too; nullptr: they are not.
  Conductor(Client& client, Staff& staff, Watcher& watcher, const Names& names, const Input& input,
            const OwnDaemon* killing)
      : client_(client), staff_(staff), watcher_(watcher), names_(names), input_(input), killing_(killing) {}

  [[nodiscard]] Result<Outcome> run();

 private:
  Result<void> put_manifest();
  Result<void> accept(std::size_t number);
  [[nodiscard]] Result<Digested> result_of(std::size_t number);
  Result<void> compare(std::size_t number, const PieceDigest& digest);
  Result<void> kill_when_due(std::size_t accepted);
  Result<void> kill_others_when_due(std::size_t accepted);
  Result<void> kill(const ClientInfo& session, std::size_t accepted);
  [[nodiscard]] Result<std::size_t> first_without_result(std::size_t worker, std::size_t accepted);
  Result<void> finish();
  Result<void> show_progress(std::size_t accepted);

  Client& client_;
  Staff& staff_;
  Watcher& watcher_;
  const Names& names_;
  const Input& input_;
  const OwnDaemon* killing_;
  Outcome outcome_;
  std::vector<std::byte> on_disk_;
  std::uint64_t bytes_accepted_ = 0;
  std::chrono::steady_clock::time_point begun_{};
  std::chrono::steady_clock::time_point shown_{};
};

}  // namespace dolium::demo
