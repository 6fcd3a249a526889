#pragma once
// Spiller: the life of doliumd-spill. It locks the directory once, and waits for it if what is in the way may pass.
// Then, again and again: it opens the engine, connects, tells the server its catalogue, and works until the session
// ends. The engine is closed with the session: so unanswered work is void on both sides, and the catalogue is read from
// the disk again.
//
// One thread. A disk that hangs may hang it, and nothing else.

#include <spdlog/logger.h>

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "daemon/process/limited_log.h"
#include "daemon/process/signals.h"
#include "daemon/spill/disk_files.h"
#include "daemon/spill/engine.h"
#include "daemon/spiller/options.h"
#include "daemon/spiller/tier_session.h"

namespace dolium::spill {

class TierWork;

class Spiller {
 public:
  /// Records in one message of the catalogue; and messages that are sent before the first of them is answered: so the
  /// server need not wait for the next one. A message takes the server less than a millisecond.
  static constexpr std::size_t kBatch = 1024;
  static constexpr std::size_t kBatchesAhead = 4;
  static constexpr std::chrono::seconds kPatience{300};   ///< for the directory, and for an answer about the catalogue
  static constexpr std::chrono::milliseconds kRetry{50};  ///< between two attempts to connect
  static constexpr std::chrono::seconds kOpenRetry{1};    ///< between two attempts to open the directory
  static constexpr std::chrono::seconds kFarewell{5};     ///< for the answer to an order to forget
  static constexpr std::chrono::seconds kLastWork{3};     ///< for what is under way when the process is to end
  static constexpr std::uint64_t kErrorLines = 20;        ///< maximum number of log lines a minute about the disk

  Spiller(Options options, std::shared_ptr<spdlog::logger> log, daemon::SignalQueue signals)
      : options_(std::move(options)),
        log_(std::move(log)),
        disk_errors_(log_, kErrorLines),
        signals_(std::move(signals)) {}
  Spiller(const Spiller&) = delete;
  Spiller& operator=(const Spiller&) = delete;

  /// Until a signal asks to stop. An error: the directory or the server refuses.
  [[nodiscard]] Result<void> run();
  /// After an error of run(): the directory could never be used.
  [[nodiscard]] bool is_unusable() const noexcept { return !was_opened_; }

 private:
  enum class Wait : std::uint8_t { briefly, until_something };

  [[nodiscard]] Result<void> open_files();
  [[nodiscard]] Result<std::unique_ptr<Engine>> open_engine();
  template <class Attempt>
  [[nodiscard]] auto persist(Attempt attempt) -> decltype(attempt());
  [[nodiscard]] Result<void> serve_once();
  [[nodiscard]] Result<std::unique_ptr<TierSession>> connect();
  [[nodiscard]] Result<void> introduce(TierSession& session, Engine& engine);
  [[nodiscard]] Result<void> compare_capacity(std::uint64_t configured);
  using Records = std::span<const LiveRecord>;
  [[nodiscard]] Result<void> tell_catalogue(TierSession& session, Engine& engine, Records all);
  [[nodiscard]] static Result<std::uint64_t> send_batch(TierSession& session, Records batch, bool is_last);
  [[nodiscard]] Result<void> take_reply(TierSession& session, Engine& engine, std::uint64_t request, Records batch);
  [[nodiscard]] Result<void> work(TierSession& session, Engine& engine, TierWork& work);
  [[nodiscard]] static Result<void> end_forgotten(TierSession& session);
  [[nodiscard]] Result<void> take_messages(TierSession& session, TierWork& work);
  void wait(const TierSession& session, bool is_idle);
  void log_errors(const std::vector<std::string>& lines, shm::TimeNs now);
  void finish(Engine& engine);
  void take_signals();

  Options options_;
  std::shared_ptr<spdlog::logger> log_;
  daemon::LimitedLog disk_errors_;
  daemon::SignalQueue signals_;
  std::unique_ptr<DiskFiles> files_;
  bool was_opened_ = false;
  bool stopping_ = false;
};

}  // namespace dolium::spill
