// The command's errors: what happened, to which object, and what to do. A table of commands, and of texts that their
// line on stderr must contain.

#include "tests/cli/command.h"

namespace dolium::test {
namespace {

struct Case {
  std::vector<std::string> command;
  std::vector<std::string> says;
  int status = 2;
};

void check(const Command& dolium, const std::vector<Case>& cases) {
  for (const Case& each : cases) {
    const Ran ran = dolium.run(each.command);
    INFO(fmt::format("{}", fmt::join(each.command, " ")) << "\n" << ran);
    CHECK(ran.failed(each.status));
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
  check(
      Command(daemon),
      {
          {{"Stats"}, {"unknown command \"Stats\"; did you mean \"stats\"?"}},
          {{"put", "--ttl"}, {"--ttl: 1 required TIME missing", "dolium put --help"}},
          {{"statz"}, {"unknown command \"statz\"", "did you mean \"stats\"", "dolium --help"}},
          {{"stats", "more"}, {"unexpected argument \"more\"", "dolium stats --help"}},
          {{"stats", "--colour"}, {"unknown option --colour", "dolium stats --help"}},
          {{"get"}, {"id", "required", "dolium get --help"}},
          {{"list", "--sort", "colour"}, {"--sort: \"colour\" is not one of size, age, access", "dolium list --help"}},
          {{"list", "--sort", "acces"}, {"did you mean \"access\"?"}},
          {{"list", "--limit", "few"}, {"--limit: \"few\" is not a whole number of 0 or more"}},
          {{"put", "--ttl", "soon", "/dev/null"}, {"--ttl: \"soon\" is not a duration", "write 500ms, 10s"}},
          {{"put", "--timeout=", "/dev/null"}, {"--timeout: \"\" is not a duration"}},
          {{"put", "--id", "xyz", "/dev/null"},
           {"--id: \"xyz\" is not an object id", "40 hexadecimal digits", "--name"}},
          {{"evict", "much"}, {"\"much\" is not a size", "write 64MiB"}},
          {{"doctor", "--capacity", "much"}, {"\"much\" is not a size", "write 64MiB"}},
          {{"get", "abc"}, {"\"abc\" is not an object id", "at least the first 4 of them, or name:NAME"}},
          {{"get", "abcd"}, {"there is no object abcd...", "`dolium list`"}, 3},
      });
}

TEST_CASE("what makes no sense is an error and not something else than was meant") {
  const e2e::Daemon daemon;
  const Command dolium(daemon);
  for (const char* number : {"-1", "+3", "0x10", "1.5", "1e3", " 5", ""}) {
    const std::string says = fmt::format("--limit: \"{}\" is not a whole number", number);
    check(dolium, {{{"list", "--limit", number}, {says}}});
  }
  check(dolium,
        {
            {{"list", "--limit", "99999999999999999999999"}, {"is too large: the maximum is 18446744073709551615"}},
            {{"ping", "--count", "100001"}, {"--count: \"100001\" is too large: the maximum is 100000"}},
            {{"put", "--name", "", "/dev/null"}, {"--name: is empty: give a NAME, or omit the option"}},
            {{"put", "--name=", "/dev/null"}, {"--name: is empty"}},
            {{"put", "--id", "", "/dev/null"}, {"--id: is empty"}},
            {{"put", "--type", "", "/dev/null"}, {"--type: is empty"}},
            {{"put", "--type", "[]", "/dev/null"}, {"--type: \"[]\" lacks the type of its elements"}},
            {{"put", ""}, {"file: is empty: give a FILE"}},
            {{"put", "--ttl", "", "/dev/null"}, {"--ttl: \"\" is not a duration"}},
            {{"put", "--ttl", "0", "/dev/null"}, {"--ttl: \"0\" is too short: the minimum is 1 ms"}},
            {{"put", "--tti", "0.1ms", "/dev/null"}, {"--tti: \"0.1ms\" is too short"}},
            {{"put", "--ttl", "400000d", "/dev/null"}, {"--ttl: \"400000d\" is too long: the maximum is 104000 days"}},
            {{"put", "--ttl", "10", "/dev/null"}, {"--ttl: \"10\" lacks a unit: write 500ms, 10s"}},
            {{"get", "name:a", "--timeout", "1h30"}, {"--timeout: \"1h30\" lacks a unit"}},
            {{"put", "--timeout", "-1", "/dev/null"}, {"--timeout: \"-1\" is not a duration"}},
            {{"get", "name:"}, {"\"name:\" lacks the name", "name:NAME"}},
            {{"pin", "name:"}, {"\"name:\" lacks the name"}},
            {{"get", "name:a", "-o", ""}, {"--output: is empty: give a FILE"}},
            {{"ping", "--count", "0"}, {"--count: \"0\" is not a whole number from 1 to 100000"}},
            {{"watch", "--count", "-1"}, {"--count: \"-1\" is not a whole number of 1 or more"}},
            {{"watch", "--duration", "0s"}, {"--duration: \"0s\" is too short"}},
            {{"watch", "--duration", ""}, {"--duration: \"\" is not a duration"}},
            {{"watch", "--interval", "1ms"}, {"--interval: \"1ms\" is too short: the minimum is 50 ms"}},
            {{"evict", "0"}, {"\"0\" would evict nothing", "64MiB, or all"}},
            {{"doctor", "--capacity", "1k"}, {"--capacity: \"1k\" is too small for a store: the minimum is 4KiB"}},
            {{"doctor", "--capacity", ""}, {"--capacity: is empty: give a SIZE"}},
            {{"ping", "--json=5"}, {"--json takes no value"}},
            {{"list", "--limit", "5", "--limit", "6"}, {"--limit: At Most 1 required but received 2"}},
            {{"put", "--name", "a", "--name", "b"}, {"--name: At Most 1 required but received 2"}},
        });
  CHECK(daemon.stats().total_objects == 0);
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
                    {{"get", none}, {"there is no sealed object " + none}, 3},
                    {{"inspect", none}, {"there is no object " + none}, 3},
                    {{"remove", none}, {"there is no object " + none}, 3},
                    {{"pin", none}, {"there is no object " + none}, 3},
                    {{"get", none, "--timeout", "10ms"}, {"nobody sealed object " + none + " in time"}, 4},
                    {{"put", "--name", "a", dolium.file("small")}, {a, "exists already", "another id", "(name:a)"}, 1},
                    {{"inspect", "name:none"}, {"there is no object", "(name:none)"}, 3},
                    {{"get", "name:none"}, {"there is no sealed object", "(name:none)"}, 3},
                    {{"unpin", none, "name:none"}, {none + "; there is no object", "(name:none)"}, 3},
                    {{"put", dolium.file("large")}, {"does not fit a store of 65536 bytes", "capacity"}, 6},
                    {{"put", dolium.file("small")}, {"no room for 48 KiB in one piece", "give a timeout to wait"}, 6},
                    {{"put", "--timeout", "10ms", dolium.file("small")}, {"no room for object", "in time"}, 4},
                    {{"put", "/no/such/file"}, {"cannot open /no/such/file", "No such file"}, 1},
                    {{"put", daemon.directory().string()}, {daemon.directory().string(), "directory"}, 1},
                    {{"get", "name:a", "-o", "/no/such/file"}, {"cannot open /no/such/file", "No such file"}, 1},
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
