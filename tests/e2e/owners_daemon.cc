#include "tests/e2e/owners_daemon.h"

#include <fmt/format.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>

#include "tests/client/store_under_test.h"
#include "tests/e2e/intrusion.h"
#include "tests/e2e/other_user.h"
#include "tests/e2e/payload.h"

namespace dolium::e2e {
namespace {

using namespace test;
namespace fs = std::filesystem;

constexpr std::size_t kPayloadBytes = 10'000;

std::string number_of(uid_t uid) {
  return std::to_string(uid);
}

}  // namespace

bool have_users() {
  if (!can_be_others()) return false;
  const auto finds_daemon = [] { return std::string(::access(DOLIUM_DOLIUMD_PATH, X_OK) == 0 ? "yes" : "no"); };
  if (as_user(kOwner, finds_daemon) == "yes") return true;
  WARN("skipped: other users cannot reach " DOLIUM_DOLIUMD_PATH);
  return false;
}

std::vector<std::string> owners_command(const fs::path& socket, const std::vector<std::string>& flags) {
  std::vector<std::string> command = {"/usr/bin/setpriv",
                                      "--reuid=" + number_of(kOwner.uid),
                                      "--regid=" + number_of(kOwner.gid),
                                      "--groups=" + number_of(kStaff),
                                      "--pdeathsig=KILL",
                                      DOLIUM_DOLIUMD_PATH,
                                      "--socket",
                                      socket.string(),
                                      "--capacity=4MiB"};
  command.insert(command.end(), flags.begin(), flags.end());
  return command;
}

OwnersDirectory::OwnersDirectory() {
  REQUIRE(::chown(path().c_str(), kOwner.uid, kOwner.gid) == 0);
  fs::permissions(path(), fs::perms(0755));
}

OwnersDaemon::OwnersDaemon(std::vector<std::string> flags) {
  flags.push_back("--log-file=" + log().string());
  process_ = Process::start(owners_command(directory_.socket(), flags), {});
  REQUIRE(eventually([&] { return connected() || !process_.running(); }));
  REQUIRE(root_ != nullptr);
  server_ = first_child(process_.pid());
  REQUIRE(server_ > 0);
  Bytes payload(kPayloadBytes);
  fill_payload(payload, id_of("kept"));
  REQUIRE(outcome(root_->put(id_of("kept"), payload)) == "ok");
}

OwnersDaemon::~OwnersDaemon() {
  root_.reset();
  process_.signal(SIGTERM);
  CHECK(process_.wait() == "exit 0");
}

std::string OwnersDaemon::ways_in() const {
  return ways_into(process_.pid()) + ways_into(server_);
}

bool OwnersDaemon::is_intact() {
  const auto kept = root_->get_raw(id_of("kept"));
  return kept && kept->data().size() == kPayloadBytes && is_payload(kept->data(), id_of("kept"));
}

bool OwnersDaemon::connected() {
  auto client = Client::connect(socket(), {.connect_timeout = no_wait, .follow_fork = false});
  if (client) root_ = *std::move(client);
  return client.has_value();
}

}  // namespace dolium::e2e
