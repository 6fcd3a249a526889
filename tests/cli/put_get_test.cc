// put and get: bytes into the store and out of it, through the command.

#include <fcntl.h>
#include <unistd.h>

#include "tests/cli/command.h"

namespace dolium::test {
namespace {

std::string text_pattern(std::size_t size) {
  return text_of(pattern(size, 5));
}

}  // namespace

TEST_CASE("what was put from a file comes back byte for byte") {
  const e2e::Daemon daemon;
  const Command dolium(daemon);
  const std::size_t size = GENERATE(0U, 1U, 4096U, 5'000'001U);
  const std::string bytes = text_pattern(size);
  spill(dolium.file("in"), bytes);

  const Ran put = dolium.run({"put", dolium.file("in")});
  REQUIRE(put.ok());
  CHECK(put.line().size() == 40);
  const Ran got = dolium.run({"get", put.line()});
  CHECK(got.ok());
  CHECK(got.out == bytes);
  CHECK(dolium.run({"get", put.line(), "-o", dolium.file("out")}).ok());
  CHECK(slurp(dolium.file("out")) == bytes);
}

TEST_CASE("what was put from standard input comes back byte for byte") {
  const e2e::Daemon daemon;
  const Command dolium(daemon);
  const std::string bytes = text_pattern(50'000);

  const Ran piped = dolium.run_with_pipe({"put", "-"}, bytes);
  REQUIRE(piped.ok());
  CHECK(dolium.run({"get", piped.line()}).out == bytes);

  spill(dolium.file("in"), bytes);
  const shm::UniqueFd file(::open(dolium.file("in").c_str(), O_RDONLY | O_CLOEXEC));
  REQUIRE(::lseek(file.get(), 1000, SEEK_SET) == 1000);
  const Ran redirected = dolium.run({"put"}, file.get());
  REQUIRE(redirected.ok());
  CHECK(dolium.run({"get", redirected.line()}).out == bytes.substr(1000));
}

TEST_CASE("a file that does not tell its size is put whole") {
  const e2e::Daemon daemon;
  const Command dolium(daemon);
  const Ran put = dolium.run({"put", "/proc/self/cmdline"});
  REQUIRE(put.ok());
  CHECK(dolium.run({"get", put.line()}).out.find("put") != std::string::npos);
}

TEST_CASE("put's options arrive in the store") {
  const e2e::Daemon daemon;
  const Command dolium(daemon);
  const ObjectId id = id_of("options");
  const Ran put = dolium.run_with_pipe({"put", "--id", id.hex(), "--pin", "--ttl", "1h", "--tti", "90s", "--type",
                                        "string", "--grace", "5min", "--grace-readers", "3", "--timeout", "1s"},
                                       "abc");
  REQUIRE(put.ok());
  CHECK(put.line() == id.hex());
  const ObjectMetadata object = daemon.watcher()->metadata(id).value();
  CHECK(object.is_pinned);
  CHECK(object.time_to_live == std::chrono::hours(1));
  CHECK(object.time_to_idle == std::chrono::seconds(90));
  CHECK(object.grace_left > std::chrono::minutes(4));
  CHECK(object.grace_readers_left == 3);
  CHECK(object.type_name == "utf8");
  CHECK(daemon.watcher()->get<std::string>(id).value() == "abc");
}

TEST_CASE("labels: a name is the label too, if it can be one, and --label is another") {
  const e2e::Daemon daemon;
  const Command dolium(daemon);
  const auto label_of = [&](const std::string& name) { return daemon.watcher()->metadata(id_of(name)).value().label; };
  REQUIRE(dolium.run_with_pipe({"put", "--name", "readme"}, "abc").ok());
  CHECK(label_of("readme") == "readme");
  REQUIRE(dolium.run_with_pipe({"put", "--name", "other", "--label", "a label"}, "abc").ok());
  CHECK(label_of("other") == "a label");
  const std::string long_name(300, 'n');
  REQUIRE(dolium.run_with_pipe({"put", "--name", long_name}, "abc").ok());
  CHECK(label_of(long_name).empty());
  REQUIRE(dolium.run_with_pipe({"put", "--name", "\xff"}, "abc").ok());
  CHECK(label_of("\xff").empty());
  const Ran refused = dolium.run_with_pipe({"put", "--label", long_name}, "abc");
  CHECK(refused.failed(2));
  CHECK(refused.error.find("--label: has 300 bytes; 255 is the limit") != std::string::npos);
  CHECK(dolium.run_with_pipe({"put", "--type", long_name}, "abc").failed(2));
  CHECK(dolium.run_with_pipe({"put", "--label", "\xff"}, "abc").failed(2));
}

TEST_CASE("what is put under a built-in type's name is got as that type") {
  const e2e::Daemon daemon;
  const Command dolium(daemon);
  const double values[] = {1.5, -2.0};
  const std::string bytes(reinterpret_cast<const char*>(values), sizeof(values));
  REQUIRE(dolium.run_with_pipe({"put", "--name", "one", "--type", "f64"}, bytes.substr(0, 8)).ok());
  REQUIRE(dolium.run_with_pipe({"put", "--name", "two", "--type", "f64[]"}, bytes).ok());
  CHECK(daemon.watcher()->get<double>(id_of("one")).value() == 1.5);
  CHECK(daemon.watcher()->get<std::vector<double>>(id_of("two")).value() == std::vector<double>{1.5, -2.0});
  CHECK(daemon.watcher()->metadata(id_of("two")).value().type_name == "f64[]");
}

TEST_CASE("what is put under a type's name must be of that type, from a file and from a pipe") {
  const e2e::Daemon daemon({"--capacity=64KiB"});
  const Command dolium(daemon);
  put_numbered(*daemon.watcher(), 0, 1, 60 * kKiB);
  struct Case {
    const char* type;
    std::string bytes;
    const char* says;
  };
  for (const Case& each : {Case{"f64", "123", "--type: 3 bytes are no f64, which has 8 bytes"},
                           {"i32[]", "12345", "--type: 5 bytes are no i32[]: each of its elements has 4 bytes"},
                           {"tuple<f64,u8>", "123456789", "--type: 9 bytes are no tuple<f64,u8>"},
                           {"utf8", "\xff", "--type: the bytes are no utf8: they are not valid UTF-8"},
                           {"string", "\xff", "--type: the bytes are no utf8"},
                           {"bool", "2", "--type: the bytes are no bool: a bool is a byte that is 0 or 1"}}) {
    INFO(each.type);
    spill(dolium.file("value"), each.bytes);
    for (const Ran& refused : {dolium.run({"put", "--name", "x", "--type", each.type, dolium.file("value")}),
                               dolium.run_with_pipe({"put", "--name", "x", "--type", each.type}, each.bytes)}) {
      INFO(refused);
      CHECK(refused.failed(2));
      CHECK(refused.error.find(each.says) != std::string::npos);
    }
  }
  CHECK(daemon.stats().total_objects == 1);
  CHECK(daemon.stats().unsealed_count == 0);
  spill(dolium.file("value"), std::string(8 * kKiB + 1, 'x'));
  CHECK(dolium.run({"put", "--type", "f64[]", dolium.file("value")}).failed(2));
  CHECK(daemon.stats().eviction_count == 0);  // the size was looked at first
  CHECK(dolium.run_with_pipe({"put", "--type", "acme.Thing"}, "123").ok());
}

TEST_CASE("an object is found by name, by its digits, and by a beginning that only it has") {
  const e2e::Daemon daemon;
  const Command dolium(daemon);
  const auto id = [](const char* digits) {
    return ObjectId::from_hex(std::string(digits) + std::string(32, '0')).value();
  };
  REQUIRE(daemon.watcher()->put(id("abcd0001"), bytes_of("one")).has_value());
  REQUIRE(daemon.watcher()->put(id("abcd0002"), bytes_of("two")).has_value());
  CHECK(dolium.run({"get", "abcd0001"}).out == "one");
  CHECK(dolium.run({"get", "ABCD0002"}).out == "two");
  CHECK(dolium.run({"get", id("abcd0002").hex()}).out == "two");

  const Ran ambiguous = dolium.run({"get", "abcd"});
  CHECK(ambiguous.failed(2));
  CHECK(ambiguous.error.find(id("abcd0001").hex()) != std::string::npos);
  CHECK(ambiguous.error.find(id("abcd0002").hex()) != std::string::npos);
  CHECK(dolium.run({"get", "abc"}).failed(2));
  CHECK(dolium.run({"get", "abce"}).failed(3));
  CHECK(dolium.run({"get", "wxyz"}).failed(2));

  REQUIRE(dolium.run_with_pipe({"put", "--name", "some name"}, "named").ok());
  CHECK(dolium.run({"get", "name:some name"}).out == "named");
}

TEST_CASE("get waits for an object that is not there yet") {
  const e2e::Daemon daemon;
  const Command dolium(daemon);
  Running waiting = dolium.start({"get", "name:later", "--timeout", "1min"});
  REQUIRE(daemon.waits(1, 0));
  REQUIRE(daemon.watcher()->put(ObjectId::from_name("later"), bytes_of("here")).has_value());
  const Ran got = waiting.wait();
  CHECK(got.ok());
  CHECK(got.out == "here");

  const Ran in_vain = dolium.run({"get", "name:never", "--timeout", "10ms"});
  CHECK(in_vain.failed(4));
}

TEST_CASE("a put that fails leaves nothing behind") {
  const e2e::Daemon daemon({"--capacity=1MiB"});
  const Command dolium(daemon);
  CHECK(dolium.run({"put", "/no/such/file"}).failed(1));
  CHECK(dolium.run({"put", dolium.file("")}).failed(1));  // a directory
  spill(dolium.file("large"), std::string(2 * kMiB, 'x'));
  CHECK(dolium.run({"put", dolium.file("large")}).failed(6));
  const Ran again = dolium.run({"put", "--name", "a", dolium.file("log")});
  CHECK(dolium.run({"put", "--name", "a", dolium.file("large")}).failed(6));
  CHECK(daemon.stats().unsealed_count == 0);
  CHECK(daemon.stats().total_objects == (again.ok() ? 1 : 0));
}

TEST_CASE("a file that may not become so large (ulimit -f) is an error in words") {
  const e2e::Daemon daemon;
  const Command command(daemon);
  REQUIRE(outcome(daemon.watcher()->put(ObjectId::from_name("large"), pattern(1'000'000))) == "ok");
  const std::string out = command.file("large.out");
  const auto limited = [&](const std::string& rest) {
    const shm::UniqueFd error(::open(command.file("error").c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    e2e::Process shell = e2e::Process::start(
        {"/bin/sh", "-c",
         fmt::format("ulimit -f 8; exec \"{}\" --socket \"{}\" {}", DOLIUM_CLI_PATH, daemon.socket(), rest)},
        {.error = error.get()});
    std::string how = shell.wait();
    return Ran{std::move(how), "", slurp(command.file("error"))};
  };
  const Ran file = limited(fmt::format("get name:large -o \"{}\"", out));
  CHECK(file.failed(1));
  CHECK(file.error == fmt::format("dolium: cannot write {}: File too large\n", out));
  // Standard output may be such a file, too.
  const Ran stream = limited(fmt::format("get name:large >\"{}\"", out));
  CHECK(stream.failed(1));
  CHECK_THAT(stream.error, Catch::Matchers::Contains("File too large"));
  for (int n = 0; n < 100; ++n) REQUIRE(outcome(daemon.watcher()->put(id_of(n), {})) == "ok");
  const Ran list = limited(fmt::format("list --json >\"{}\"", out));
  CHECK(list.failed(1));
}

TEST_CASE("take writes an object's bytes and removes it") {
  const e2e::Daemon daemon;
  const Command dolium(daemon);
  const std::string bytes = text_pattern(5000);
  const std::string id = dolium.run_with_pipe({"put", "--name", "job", "--pin"}, bytes).line();
  const Ran json = dolium.run({"take", "name:job", "-o", dolium.file("out"), "--json"});
  REQUIRE(json.ok());
  CHECK(json.json() == nlohmann::json{{"id", id}, {"data_size", 5000}, {"file", dolium.file("out")}});
  CHECK(slurp(dolium.file("out")) == bytes);
  CHECK(dolium.run({"get", id}).failed(3));
  CHECK(dolium.run({"take", id}).failed(3));
  CHECK(dolium.run({"take", id, "--timeout", "10ms"}).failed(4));
  CHECK(daemon.stats().used_bytes == 0);
  REQUIRE(dolium.run_with_pipe({"put", "--id", id}, "short").ok());
  CHECK(dolium.run({"take", id.substr(0, 8)}).out == "short");
}

TEST_CASE("take removes nothing when it cannot write, and touches no file when there is nothing to take") {
  const e2e::Daemon daemon;
  const Command dolium(daemon);
  const std::string id = dolium.run_with_pipe({"put"}, "kept").line();
  CHECK(dolium.run({"take", id, "-o", "/nonexistent/file"}).failed(1));
  CHECK(dolium.run({"take", id, "--json"}).how == "exit 2");
  CHECK(dolium.run({"get", id}).out == "kept");
  const std::string absent = id_of("absent").hex();
  CHECK(dolium.run({"take", absent, "-o", dolium.file("new")}).failed(3));
  CHECK_FALSE(std::filesystem::exists(dolium.file("new")));
  spill(dolium.file("old"), "something longer");
  CHECK(dolium.run({"take", absent, "-o", dolium.file("old")}).failed(3));
  CHECK(slurp(dolium.file("old")) == "something longer");
  CHECK(dolium.run({"take", id, "-o", dolium.file("old")}).ok());
  CHECK(slurp(dolium.file("old")) == "kept");
}

}  // namespace dolium::test
