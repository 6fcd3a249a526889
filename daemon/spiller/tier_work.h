#pragma once
// TierWork: carries out what the server asks for (TierWorkNotice), with the engine, and queues the answers.
//
// A written object is held by a reference of this process until its answer is queued. Answers are queued as the engine
// gives them, and sent together by send_answers().
//
// One thread. It outlives no session: with the session, all unanswered work is void.

#include <deque>
#include <string>
#include <vector>

#include "daemon/spill/engine.h"
#include "daemon/spill/slab.h"
#include "daemon/spiller/tier_session.h"

namespace dolium::spill {

class TierWork {
 public:
  /// Maximum number of answers in a message: less than a millisecond of the server's time.
  static constexpr std::size_t kMaxAnswers = 1024;

  /// `directory` and `io` are only reported.
  TierWork(TierSession& session, Engine& engine, std::string directory, std::string io)
      : session_(session), engine_(engine), directory_(std::move(directory)), io_(std::move(io)) {}
  TierWork(const TierWork&) = delete;
  TierWork& operator=(const TierWork&) = delete;

  void take(const protocol::TierWorkNotice& notice);
  /// Sends what is known by now: answers, progress of orders, and the state when it has changed. `now`: monotonic.
  [[nodiscard]] Result<void> send_answers(shm::TimeNs now);
  [[nodiscard]] bool has_orders() const noexcept { return !orders_.empty(); }
  /// The directory was forgotten: this session and its engine must end.
  [[nodiscard]] bool has_forgotten() const noexcept { return has_forgotten_; }

 private:
  /// An object that the engine writes.
  struct Writing {
    std::uint64_t stamp = 0;
    shm::Held held{};
  };
  struct Order {
    std::uint64_t number = 0;
    protocol::TierOrderKind kind{};
    bool begun = false;
    std::uint64_t used_before = 0;
  };
  /// Bytes on the disk that an order has freed.
  [[nodiscard]] static std::uint64_t freed(const Order& order, const EngineReport& report) noexcept;

  void write(const protocol::TierWrite& asked, const protocol::TierWorkNotice& notice);
  void read(const protocol::TierRead& asked);
  void drop(const protocol::TierDrop& asked);
  void on_written(std::uint64_t stamp, std::uint32_t slot, int error, Sequence location);
  [[nodiscard]] Result<void> send_written();
  [[nodiscard]] protocol::TierStateRequestT state_of(const EngineReport& report) const;
  [[nodiscard]] Result<void> send_state(shm::TimeNs now);
  [[nodiscard]] Result<void> work_on_orders(shm::TimeNs now);
  void begin(Order& order, shm::TimeNs now);
  [[nodiscard]] bool is_finished(const Order& order) const noexcept;
  [[nodiscard]] protocol::TierOrderDoneRequestT progress_of(Order& order);
  [[nodiscard]] protocol::TierOrderDoneRequestT forget(const Order& order);

  TierSession& session_;
  Engine& engine_;
  const std::string directory_;
  const std::string io_;
  Slab<Writing> writing_;
  std::vector<protocol::TierWritten> written_;
  std::vector<protocol::TierReadBack> read_;
  std::deque<Order> orders_;
  EngineReport told_;
  bool has_told_ = false;
  bool has_forgotten_ = false;
  shm::TimeNs state_at_ = 0;
  shm::TimeNs progress_at_ = 0;
};

}  // namespace dolium::spill
