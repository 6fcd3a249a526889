// The configuration's three sources, their precedence, their errors; and that the table of options, conf/doliumd.toml,
// the flags and --help agree.

#include "daemon/config/config.h"

#include <dolium/socket_path.h>
#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <set>
#include <sstream>

#include "daemon/config/config_options.h"
#include "tests/temporary_directory.h"

namespace dolium::daemon {
namespace {

using Catch::Matchers::Contains;

Result<Invocation> load_with(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "doliumd");
  return load(static_cast<int>(arguments.size()), arguments.data());
}

std::string flag_error(std::vector<const char*> arguments) {
  const Result<Invocation> result = load_with(std::move(arguments));
  return result ? "no error" : result.error().message;
}

std::string file_error(std::string_view text) {
  Config config;
  const Result<void> result = read_toml(text, "doliumd.toml", config);
  return result ? "no error" : result.error().message;
}

Config file_config(std::string_view text) {
  Config config;
  const Result<void> result = read_toml(text, "doliumd.toml", config);
  INFO((result ? "" : result.error().message));
  REQUIRE(result);
  return config;
}

const std::string kDocumented = std::string(DOLIUM_SOURCE_DIR) + "/conf/doliumd.toml";

}  // namespace

TEST_CASE("conf/doliumd.toml has every option of the table, and the built-in defaults") {
  const std::string documented = dolium::test::text_of(kDocumented);
  Config config;
  for (const Option& option : options()) {
    INFO(option.flag);
    CHECK_THAT(documented, Contains(fmt::format("\n{} = ", option.key)));
    CHECK_THAT(documented, Contains(fmt::format("({})", option.flag)));
    CHECK_THAT(documented, Contains(fmt::format("\n[{}]\n", option.section)));
  }
  // Values that are not the defaults at first, so that a key which the file lacks shows up in the comparison.
  const Config other = load_with({"--capacity=2G",
                                  "--max-objects=5",
                                  "--eviction-policy=lfu",
                                  "--low-water-mark=0.1",
                                  "--relocation=false",
                                  "--preallocate",
                                  "--prefault=false",
                                  "--huge-pages",
                                  "--socket=/x",
                                  "--socket-mode=0666",
                                  "--socket-group=staff",
                                  "--trust-socket-directory",
                                  "--busy-poll-us=5",
                                  "--readers=*",
                                  "--writers=*",
                                  "--max-connections=5",
                                  "--max-connections-per-user=5",
                                  "--max-unsealed-bytes-per-client=1G",
                                  "--max-pinned-bytes-per-user=1G",
                                  "--quarantine-seconds=5",
                                  "--spill-directory=/x",
                                  "--spill-capacity=1G",
                                  "--spill-retention=keep",
                                  "--spill-ahead=0.5",
                                  "--spill-write-after=1500ms",
                                  "--spill-drain=1h",
                                  "--spill-io=threads",
                                  "--log-level=trace",
                                  "--log-file=/x",
                                  "--log-lines-per-minute=5"})
                           .value()
                           .config;
  config = other;
  config.trim_above = 5;  // not with the flags above
  for (const Option& option : options()) {
    INFO(option.flag << " must have a value of its own in this test");
    CHECK(option.show(config) != option.show(Config()));
  }
  REQUIRE(read_file(kDocumented, config));
  CHECK(to_toml(config) == to_toml(Config()));
}

TEST_CASE("names are unique, and --help has every option with its help") {
  const std::string help = load_with({"--help"}).value().text;
  std::set<std::string_view> flags;
  std::set<std::pair<std::string_view, std::string_view>> keys;
  for (const Option& option : options()) {
    INFO(option.flag);
    CHECK(flags.insert(option.flag).second);
    CHECK(keys.insert({option.section, option.key}).second);
    CHECK_THAT(help, Contains(fmt::format("{} {}", option.flag, option.type.placeholder)));
    CHECK_THAT(help, Contains(std::string(option.help)));
  }
}

TEST_CASE("help of doliumd names DOLIUM_SOCKET and the exit statuses, and has nothing of the parser's notation") {
  const std::string help = load_with({"--help"}).value().text;
  CHECK_THAT(help, Contains("DOLIUM_SOCKET") && Contains("  2  usage") && Contains("Usage: doliumd [OPTION...]\n"));
  for (const char* artefact : {"{false}", " ...\n", "REQUIRED", "Excludes", "\n\n\n"})
    CHECK_THAT(help, !Contains(artefact));
}

TEST_CASE("an effective configuration reads back as itself") {
  const Config config = load_with({"--capacity", "1234567", "--low-water-mark", "0.125", "--readers", "bob,@ml",
                                   "--readers", "1001", "--socket", "/a \"b\"\\c\n.sock", "--log-level", "off"})
                            .value()
                            .config;
  CHECK(config.readers == std::vector<std::string>{"bob", "@ml", "1001"});
  const Config again = file_config(to_toml(config));
  CHECK(to_toml(again) == to_toml(config));
  CHECK(again.socket_path == "/a \"b\"\\c\n.sock");
  CHECK(again.store.capacity == 1234567);
}

TEST_CASE("the spill tier's options are checked together") {
  CHECK(load_with({"--spill-directory=/x"}).value().config.store.spill);
  CHECK_FALSE(load_with({}).value().config.store.spill);
  CHECK_THAT(load_with({"--spill-retention=keep"}).error().message, Contains("no [spill] directory"));
  CHECK_THAT(load_with({"--spill-directory=x"}).error().message, Contains("not absolute"));
  CHECK_THAT(load_with({"--spill-directory=/x", "--spill-retention=kept"}).error().message, Contains("cache, keep"));
  CHECK_THAT(load_with({"--spill-directory=/x", "--spill-ahead=0.7"}).error().message, Contains("0.5"));
  CHECK_THAT(load_with({"--spill-directory=/x", "--spill-capacity=511MiB"}).error().message,
             Contains("capacity is 511 MiB") && Contains("at least 512 MiB"));
  CHECK_THAT(load_with({"--spill-directory=/x", "--spill-drain=61min"}).error().message,
             Contains("--spill-drain: 61min is out of range: the maximum is 1 h"));
  CHECK_THAT(load_with({"--spill-directory=/x", "--spill-write-after=10"}).error().message,
             Contains("\"10\" lacks a unit: write 500ms, 10s"));
  CHECK_THAT(load_with({"--spill-directory=/x", "--spill-write-after=soon"}).error().message,
             Contains("is not a duration"));
  CHECK(load_with({"--spill-directory=/x", "--spill-drain=0"}).value().config.spill_drain.count() == 0);
  CHECK(load_with({"--spill-directory=/x", "--spill-capacity=512MiB"}).value().config.spill_capacity == 512u << 20);
}

TEST_CASE("flags win over the file, the file over the defaults") {
  const dolium::test::TemporaryDirectory directory;
  directory.write("doliumd.toml", "[store]\ncapacity = \"64MiB\"\nmax_objects = 7\n[access]\nreaders = [\"root\"]\n");
  const std::string file = directory.path() / "doliumd.toml";
  const Config config = load_with({"--max-objects", "9", "--config", file.c_str(), "--readers", ""}).value().config;
  CHECK(config.store.capacity == 64u << 20);
  CHECK(config.store.max_objects == 9);
  CHECK(config.readers.empty());
  CHECK(config.store.eviction_policy == EvictionPolicy::lru);
}

TEST_CASE("every kind of value is understood in the file") {
  const Config config = file_config(R"(
    [store]
    capacity = 1048576
    eviction_policy = "fifo"
    low_water_mark = 0
    relocation = false
    preallocate = true
    prefault = false
    [socket]
    mode = "0660"
    group = "staff"
    [access]
    readers = "*"
    writers = ["alice", 1001, "@ml"]
    [limits]
    max_unsealed_bytes_per_client = "1.5GiB"
    [log]
    level = "warning"
  )");
  CHECK(config.store.capacity == 1u << 20);
  CHECK(config.store.eviction_policy == EvictionPolicy::fifo);
  CHECK(config.store.low_water_mark == 0.0);
  CHECK_FALSE(config.store.relocation);
  CHECK(config.store.preallocate);
  CHECK_FALSE(config.store.prefault);
  CHECK(config.socket_mode == 0660);
  CHECK(config.socket_group == "staff");
  CHECK(config.readers == std::vector<std::string>{"*"});
  CHECK(config.writers == std::vector<std::string>{"alice", "1001", "@ml"});
  CHECK(config.store.max_unsealed_bytes_per_client == std::uint64_t{3} << 29);
  CHECK(config.log_level == LogLevel::warning);
}

TEST_CASE("booleans can be bare flags") {
  CHECK(load_with({"--preallocate"}).value().config.store.preallocate);
  CHECK(load_with({"--preallocate", "--huge-pages"}).value().config.store.huge_pages);
  CHECK_FALSE(load_with({"--prefault=false"}).value().config.store.prefault);
  CHECK_FALSE(load_with({"--prefault", "false"}).value().config.store.prefault);
}

TEST_CASE("an empty value on the command line leaves its neighbour alone") {
  const Config config = load_with({"--socket-group=", "--readers=*", "--writers="}).value().config;
  CHECK(config.socket_group.empty());
  CHECK(config.readers == Words{"*"});
  CHECK(config.writers.empty());
}

TEST_CASE("the socket's path is never empty") {
  CHECK(load_with({}).value().config.socket_path == default_socket_path());
  CHECK(load_with({"--socket", ""}).value().config.socket_path == default_socket_path());
  CHECK(load_with({"--socket", "/x/y"}).value().config.socket_path == "/x/y");
  CHECK_THAT(flag_error({"--socket", std::string(108, 'x').c_str()}), Contains("108 bytes of at most 107"));
}

TEST_CASE("actions are recognised, and --help and --version win over mistakes") {
  CHECK(load_with({}).value().action == Action::run);
  CHECK(load_with({"--check-config"}).value().action == Action::check_config);
  CHECK(load_with({"--replace"}).value().action == Action::replace);
  CHECK(load_with({"--help", "--bogus"}).value().action == Action::help);
  CHECK(load_with({"-h"}).value().action == Action::help);
  const Invocation version = load_with({"--version", "--config", "/nowhere"}).value();
  CHECK(version.action == Action::version);
  CHECK(version.text.starts_with("doliumd "));
}

TEST_CASE("mistakes in the file are named with their place") {
  CHECK(file_error("[store]\n\ncapcity = \"1GiB\"\n") ==
        "unknown key \"capcity\" in doliumd.toml:3:1; did you mean \"capacity\"?");
  CHECK_THAT(file_error("[socket]\npath = \"/tmp/a\\u0000b\"\n"), Contains("it contains a zero byte"));
  CHECK(file_error("[store]\nfrobnicate = 1\n") == "unknown key \"frobnicate\" in doliumd.toml:2:1");
  CHECK(file_error("[stor]\n") == "unknown section [stor] in doliumd.toml:1:2; did you mean \"store\"?");
  CHECK(file_error("capacity = 1\n") == "key \"capacity\" in doliumd.toml:1:1 belongs in section [store]");
  CHECK(file_error("[log]\ncapacity = 1\n") == "key \"capacity\" in doliumd.toml:2:1 belongs in section [store]");
  CHECK(file_error("store = 5\n") == "\"store\" in doliumd.toml:1:1 must be a section: [store]");
  CHECK(file_error("[store]\ncapacity = true\n") ==
        "\"capacity\" in doliumd.toml:2:12 must be a size such as \"64MiB\", not of type boolean");
  CHECK(file_error("[store]\nmax_objects = \"5\"\n") ==
        "\"max_objects\" in doliumd.toml:2:15 must be a whole number, not of type string");
  CHECK(file_error("[store]\ncapacity = \"64MQ\"\n") ==
        "\"capacity\" in doliumd.toml:2:12: \"64MQ\" is not a size; write 64MiB, 1.5GiB, 10GB, 512k or a number of "
        "bytes");
  CHECK(file_error("[socket]\nmode = 384\n") ==
        "\"mode\" in doliumd.toml:2:8 must be an octal string such as \"0600\", not of type integer");
  CHECK(file_error("[access]\nreaders = [\"a\", true]\n") ==
        "\"readers\" in doliumd.toml:2:17 must be a list such as [\"alice\", \"@staff\"], not of type boolean");
  CHECK(file_error("[access]\nreaders = [\"\"]\n") == "\"readers\" in doliumd.toml:2:11: a name in the list is empty");
}

TEST_CASE("what is no TOML, or says a thing twice, is named with its place") {
  CHECK_THAT(file_error("[store]\ncapacity=\"1G\"\ncapacity=\"2G\"\n"),
             Contains("doliumd.toml:3:") && Contains("cannot redefine existing string 'capacity'"));
  CHECK_THAT(file_error("[store]\ncapacity = 1GiB\n"),
             Contains("doliumd.toml:2:") && Contains("sizes and modes are strings"));
  CHECK_THAT(file_error("[store\n"), Contains("doliumd.toml:1:7"));
  CHECK_THAT(file_error("\xff"), Contains("doliumd.toml:1:1") && Contains("utf-8"));
}

TEST_CASE("what is out of range is refused, from either source") {
  CHECK(flag_error({"--capacity", "1k"}) == "--capacity: 1k is out of range: it must be from 4KiB to 256GiB");
  CHECK_THAT(flag_error({"--capacity", "0"}), Contains("out of range"));
  CHECK_THAT(flag_error({"--capacity", "257GiB"}), Contains("out of range"));
  CHECK(load_with({"--capacity", "256GiB"}));
  CHECK(flag_error({"--low-water-mark", "0.51"}) == "--low-water-mark: \"0.51\" is not a number from 0 to 0.5");
  CHECK_THAT(flag_error({"--low-water-mark", "nan"}), Contains("not a number"));
  CHECK_THAT(flag_error({"--low-water-mark", "-0.1"}), Contains("not a number"));
  CHECK_THAT(flag_error({"--max-connections", "0"}), Contains("not a whole number from 1 to 65536"));
  CHECK_THAT(flag_error({"--max-objects", "4294967296"}), Contains("not a whole number"));
  CHECK_THAT(flag_error({"--socket-mode", "0800"}), Contains("not an octal mode"));
  CHECK_THAT(flag_error({"--socket-mode", "1777"}), Contains("not an octal mode"));
  CHECK_THAT(file_error("[limits]\nmax_connections = -1\n"), Contains("not a whole number"));
  CHECK_THAT(file_error("[store]\nlow_water_mark = inf\n"), Contains("not a number"));
}

TEST_CASE("mistakes on the command line are named with what was meant") {
  CHECK(flag_error({"--capcity", "5G"}) ==
        "unknown option --capcity; did you mean \"--capacity\"? (see doliumd --help)");
  CHECK(flag_error({"--capcity=5G"}) == "unknown option --capcity; did you mean \"--capacity\"? (see doliumd --help)");
  CHECK(flag_error({"--frobnicate"}) == "unknown option --frobnicate (see doliumd --help)");
  CHECK(flag_error({"stray"}) == "unexpected argument \"stray\" (see doliumd --help)");
  CHECK(flag_error({"--capacity", "1G", "--capacity", "2G"}) == "--capacity is given more than once");
  CHECK(flag_error({"--config", "a", "--config", "b"}) == "--config is given more than once");
  CHECK(flag_error({"--capacity"}) == "--capacity: 1 required SIZE missing");
  CHECK(flag_error({"--config", ""}) == "--config is empty: give a FILE, or omit the option");
  CHECK(load_with({"--eviction-policy=adaptive"}).value().config.store.eviction_policy == EvictionPolicy::adaptive);
  CHECK_THAT(flag_error({"--eviction-policy", "adaptiv"}),
             Contains("not one of lru, lfu, fifo, adaptive") && Contains("did you mean \"adaptive\"?"));
  CHECK_THAT(flag_error({"--eviction-policy", "LRU"}), Contains("did you mean \"lru\"?"));
  CHECK(flag_error({"--log-level", "warn"}) ==
        "--log-level: \"warn\" is not one of trace, debug, info, warning, error, critical, off; did you mean "
        "\"warning\"?");
  CHECK(flag_error({"--preallocate", "maybe"}) == "--preallocate: \"maybe\" is neither true nor false");
}

TEST_CASE("what the next server would never see is refused beside --replace") {
  CHECK(load_with({"--replace", "--socket", "/x/y"}).value().config.socket_path == "/x/y");
  CHECK(flag_error({"--replace", "--log-level=debug"}) ==
        "--log-level cannot be used with --replace: the next server gets the flags with which doliumd was started; "
        "change "
        "its configuration file before --replace, or stop doliumd and start it with --log-level");
  CHECK(flag_error({"--capacity", "4GiB", "--replace"}) ==
        "--capacity cannot be used with --replace: the next server gets the flags with which doliumd was started; stop "
        "doliumd and start it with --capacity");
  for (const char* flag : {"--max-objects=5", "--eviction-policy=lfu", "--preallocate", "--huge-pages",
                           "--socket-mode=0666", "--socket-group=staff"}) {
    INFO(flag);
    CHECK_THAT(flag_error({"--replace", flag}), Contains("cannot be used") && !Contains("configuration file"));
  }
  CHECK_THAT(flag_error({"--replace", "--check-config"}), Contains("omit --check-config"));
  CHECK(load_with({"--replace", "--config", kDocumented.c_str()}).value().config_file == kDocumented);
}

TEST_CASE("starter: the descriptor of --starter-fd is a number from 3 on, and for a start alone") {
  CHECK(load_with({}).value().starter_fd == -1);
  CHECK(load_with({"--starter-fd", "3"}).value().starter_fd == 3);
  for (const char* wrong : {"2", "-1", "x", "3x", "", "99999999999"})
    CHECK_THAT(flag_error({"--starter-fd", wrong}),
               Contains("is not the number of a descriptor; it must be 3 or more"));
  CHECK(flag_error({"--starter-fd=3", "--starter-fd=4"}) == "--starter-fd is given more than once");
  CHECK_THAT(flag_error({"--starter-fd=3", "--replace"}), Contains("--starter-fd cannot be used with --replace"));
}

TEST_CASE("a file that cannot be read says why") {
  CHECK_THAT(flag_error({"--config", "/nowhere.toml"}), Contains("/nowhere.toml: No such file or directory"));
  CHECK_THAT(flag_error({"--config", "/tmp"}), Contains("Is a directory"));
  CHECK_THAT(flag_error({"--config", "/dev/zero"}), Contains("not a configuration file"));
}

TEST_CASE("a list that the socket's mode makes useless is a warning") {
  CHECK(load_with({}).value().warnings.empty());
  CHECK(load_with({"--readers=*", "--socket-mode=0666"}).value().warnings.empty());
  const std::vector<std::string> warnings = load_with({"--readers=*"}).value().warnings;
  REQUIRE(warnings.size() == 1);
  CHECK_THAT(warnings.front(), Contains("socket mode 0600"));
}

TEST_CASE("trim_above is a size, and needs memory that can be given back") {
  CHECK(load_with({"--trim-above=64MiB"}).value().config.trim_above == 64U << 20);
  CHECK(load_with({}).value().config.trim_above == 0);
  CHECK_THAT(load_with({"--trim-above=1GiB", "--preallocate"}).error().message,
             Contains("preallocate reserves all memory for good"));
  CHECK_THAT(load_with({"--trim-above=1GiB", "--huge-pages"}).error().message, Contains("huge_pages reserves"));
  CHECK_THAT(load_with({"--trim-above=much"}).error().message, Contains("--trim-above"));
}

}  // namespace dolium::daemon
