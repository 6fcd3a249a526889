// The rule for the default socket path, one variable after the other.

#include <dolium/socket_path.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <optional>

namespace dolium {
namespace {

/// Sets or removes a variable of the environment; puts back what was there.
class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name) {
    if (const char* old = std::getenv(name)) old_ = old;
    set(value);
  }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;
  ~Variable() { set(old_ ? old_->c_str() : nullptr); }

 private:
  // No other thread runs in these tests. NOLINTNEXTLINE(concurrency-mt-unsafe)
  void set(const char* value) { value == nullptr ? ::unsetenv(name_) : ::setenv(name_, value, 1); }

  const char* name_;
  std::optional<std::string> old_;
};

}  // namespace

TEST_CASE("DOLIUM_SOCKET decides when it is set") {
  const Variable chosen("DOLIUM_SOCKET", "/somewhere/else.sock");
  const Variable runtime("XDG_RUNTIME_DIR", "/run/user/1000");
  CHECK(default_socket_path() == "/somewhere/else.sock");
}

TEST_CASE("then the user's runtime directory") {
  const Variable chosen("DOLIUM_SOCKET", "");
  const Variable runtime("XDG_RUNTIME_DIR", "/run/user/1000");
  CHECK(default_socket_path() == "/run/user/1000/dolium.sock");
}

TEST_CASE("then a place that depends on the user") {
  const Variable chosen("DOLIUM_SOCKET", nullptr);
  const Variable runtime("XDG_RUNTIME_DIR", "");
  const uid_t uid = ::geteuid();
  CHECK(default_socket_path() ==
        (uid == 0 ? "/run/dolium/dolium.sock" : "/tmp/dolium-" + std::to_string(uid) + "/dolium.sock"));
}

}  // namespace dolium
