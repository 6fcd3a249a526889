#pragma once
// SpillingDaemon: a SpillDaemon whose disk can hang. It keeps all objects, and writes none of them before it must,
// unless a test says otherwise.

#include <algorithm>
#include <catch2/catch.hpp>
#include <csignal>
#include <string>
#include <utility>
#include <vector>

#include "tests/client/store_under_test.h"
#include "tests/e2e/spill_daemon.h"

namespace dolium::e2e {

class SpillingDaemon {
 public:
  explicit SpillingDaemon(std::vector<std::string> flags = {}) : daemon_(keeping(std::move(flags))) {
    daemon_.await_all();
  }
  SpillingDaemon(const SpillingDaemon&) = delete;
  SpillingDaemon& operator=(const SpillingDaemon&) = delete;
  ~SpillingDaemon() {
    if (frozen_ != 0) ::kill(frozen_, SIGKILL);
  }

  [[nodiscard]] Daemon* operator->() noexcept { return &daemon_.daemon(); }
  [[nodiscard]] SpillDaemon& tier() noexcept { return daemon_; }
  void hang_disk() {
    frozen_ = daemon_.spiller();
    REQUIRE(frozen_ != 0);
    REQUIRE(::kill(frozen_, SIGSTOP) == 0);
  }
  void mend_disk() { REQUIRE(::kill(std::exchange(frozen_, 0), SIGCONT) == 0); }
  [[nodiscard]] bool says(const std::string& text) {
    return test::eventually([&] { return daemon_.daemon().log().find(text) != std::string::npos; });
  }

 private:
  static std::vector<std::string> keeping(std::vector<std::string> flags) {
    flags.emplace_back("--spill-retention=keep");
    const auto writes = [](const std::string& flag) { return flag.starts_with("--spill-write-after"); };
    if (std::ranges::none_of(flags, writes)) flags.emplace_back("--spill-write-after=1h");
    return flags;
  }

  SpillDaemon daemon_;
  pid_t frozen_ = 0;
};

}  // namespace dolium::e2e
