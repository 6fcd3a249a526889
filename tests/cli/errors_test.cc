// What the command says when it fails: what happened, to what, and what to do. A table of commands and of what their
// one line on stderr must contain.

#include "tests/cli/command.h"

namespace dolium::test {
namespace {

struct Case {
  std::vector<std::string> command;
  std::vector<std::string> says;
};

void check(const Command& dolium, const std::vector<Case>& cases) {
  for (const Case& each : cases) {
    const Ran ran = dolium.run(each.command);
    INFO(fmt::format("{}", fmt::join(each.command, " ")) << "\n" << ran);
    CHECK(ran.failed());
    for (const std::string& part : each.says) {
      INFO(part);
      CHECK(ran.error.find(part) != std::string::npos);
    }
  }
}

}  // namespace

TEST_CASE("what is wrong with a command line is named, and what there is instead") {
  const e2e::Daemon daemon;
  const std::string none = id_of(0).hex();
  check(Command(daemon),
        {
            {{"statz"}, {"\"statz\" is no command", "did you mean \"stats\"", "dolium --help"}},
            {{"stats", "more"}, {"unexpected argument \"more\"", "dolium --help"}},
            {{"stats", "--colour"}, {"unknown option --colour", "dolium --help"}},
            {{"get"}, {"id", "required", "dolium --help"}},
            {{"list", "--sort", "colour"}, {"--sort", "colour", "dolium --help"}},
            {{"list", "--limit", "few"}, {"--limit", "few"}},
            {{"put", "--ttl", "soon", "/dev/null"}, {"\"soon\" is not a duration", "write 500ms, 10s"}},
            {{"put", "--timeout=", "/dev/null"}, {"\"\" is not a duration"}},
            {{"put", "--id", "xyz", "/dev/null"}, {"an object id has 40 hexadecimal digits, not 3"}},
            {{"evict", "much"}, {"\"much\" is not a size", "write 64MiB"}},
            {{"doctor", "--capacity", "much"}, {"\"much\" is not a size", "write 64MiB"}},
            {{"get", "abc"}, {"\"abc\" is not an object id", "at least the first 4 of them, or name:NAME"}},
            {{"get", "abcd"}, {"there is no object abcd...", "`dolium list`"}},
        });
}

TEST_CASE("what went wrong with an object names the object") {
  const e2e::Daemon daemon({"--capacity=64KiB"});
  const Command dolium(daemon);
  const std::string none = id_of(0).hex();
  spill(dolium.file("large"), std::string(100 * kKiB, 'x'));
  spill(dolium.file("small"), std::string(48 * kKiB, 'x'));
  REQUIRE(dolium.run({"put", "--pin", "--name", "a", dolium.file("small")}).ok());
  const std::string a = ObjectId::from_name("a").hex();
  check(dolium, {
                    {{"get", none}, {"there is no sealed object " + none}},
                    {{"inspect", none}, {"there is no object " + none}},
                    {{"remove", none}, {"there is no object " + none}},
                    {{"pin", none}, {"there is no object " + none}},
                    {{"get", none, "--timeout", "10ms"}, {"nobody sealed object " + none + " in time"}},
                    {{"put", "--name", "a", dolium.file("small")}, {a, "exists already", "choose another id"}},
                    {{"put", dolium.file("large")}, {"does not fit a store of 65536 bytes", "capacity"}},
                    {{"put", dolium.file("small")}, {"no room for 48 KiB in one piece", "give a timeout to wait"}},
                    {{"put", "--timeout", "10ms", dolium.file("small")}, {"no room for object", "in time"}},
                    {{"put", "/no/such/file"}, {"cannot open /no/such/file", "No such file"}},
                    {{"put", daemon.directory().string()}, {daemon.directory().string(), "directory"}},
                    {{"get", "name:a", "-o", "/no/such/file"}, {"cannot open /no/such/file", "No such file"}},
                });
}

TEST_CASE("more than one object with the same beginning are listed") {
  const e2e::Daemon daemon;
  const Command dolium(daemon);
  std::string hex(40, '0');
  for (const char last : {'1', '2'}) {
    hex.back() = last;
    REQUIRE(daemon.watcher()->put(ObjectId::from_hex(hex).value(), bytes_of("x")).has_value());
  }
  const std::string others(39, '0');
  check(dolium,
        {{{"get", "00000"}, {"2 objects begin with 00000", others + "1, " + others + "2", "give more digits"}}});
}

}  // namespace dolium::test
