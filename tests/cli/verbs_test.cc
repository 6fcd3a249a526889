// The effect of the verbs on the store, their output, and their failures.

#include <csignal>

#include "tests/cli/command.h"

namespace dolium::test {
namespace {

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

}  // namespace

TEST_CASE("of several objects, one that is missing keeps nobody from the others") {
  const e2e::Daemon daemon;
  const Command dolium(daemon);
  put_numbered(*daemon.watcher(), 0, 4, 100);
  const Ran removed = dolium.run({"remove", id_of(0).hex(), id_of(77).hex(), id_of(1).hex()});
  CHECK(removed.how == "exit 3");
  CHECK(removed.error.find("there is no object " + id_of(77).hex()) != std::string::npos);
  CHECK(removed.out.find(id_of(0).hex()) != std::string::npos);
  CHECK(removed.out.find(id_of(1).hex()) != std::string::npos);
  CHECK(present(*daemon.watcher(), 4) == std::vector<std::size_t>{2, 3});
  const Ran json = dolium.run({"remove", id_of(2).hex(), id_of(77).hex(), "--json"});
  CHECK(json.how == "exit 3");
  CHECK(json.json().at(0).at("done") == "removed");
  CHECK(json.json().at(1).at("error") == "there is no object " + id_of(77).hex());
}

TEST_CASE("pin, unpin, remove, evict and clear do what they say") {
  const e2e::Daemon daemon;
  const Command dolium(daemon);
  Client& store = *daemon.watcher();
  put_numbered(store, 0, 4, 100 * kKiB);

  CHECK(dolium.run({"pin", id_of(0).hex(), id_of(1).hex()}).ok());
  CHECK(daemon.stats().pinned_count == 2);
  CHECK(dolium.run({"unpin", id_of(1).hex()}).ok());
  CHECK_FALSE(store.metadata(id_of(1)).value().is_pinned);
  CHECK(dolium.run({"remove", id_of(2).hex()}).ok());
  CHECK(present(store, 4) == std::vector<std::size_t>{0, 1, 3});
  CHECK(contains(dolium.run({"evict", "1MiB"}).out, "nothing more"));
  CHECK(present(store, 4) == std::vector<std::size_t>{0});
  CHECK(dolium.run({"clear"}).ok());
  CHECK(daemon.stats().total_objects == 0);
}

TEST_CASE("extend-grace keeps an object for readers, and inspect says so without being one") {
  const e2e::Daemon daemon;
  const Command dolium(daemon);
  put_numbered(*daemon.watcher(), 0, 1, 100);
  const std::string id = id_of(0).hex();
  const auto grace_line = [](const Ran& ran) {
    for (const std::string& line : lines_of(ran.out))
      if (line.starts_with("grace")) return line;
    return std::string("no line");
  };
  CHECK(contains(grace_line(dolium.run({"inspect", id})), "none"));
  CHECK(dolium.run({"extend-grace", id, "10min", "--grace-readers", "2"}).out == "extended " + id + "\n");
  CHECK(dolium.run({"--json", "extend-grace", id, "1s"}).json().at("done") == "extended");
  const Ran inspected = dolium.run({"inspect", id});
  CHECK(contains(grace_line(inspected), "or until got by 2 more clients"));
  CHECK(contains(dolium.run({"list"}).out, "  grace  "));
  CHECK(contains(inspected.out, "no preview"));
  CHECK(dolium.run({"--json", "inspect", id}).json().at("grace_readers_left") == 2);
  CHECK(dolium.run({"--json", "stats"}).json().at("graced_count") == 1);
  CHECK(contains(dolium.run({"stats"}).out, "in a grace"));
  CHECK(dolium.run({"get", id}).ok());
  CHECK(daemon.watcher()->metadata(id_of(0)).value().grace_readers_left == 1);
  CHECK(dolium.run({"extend-grace", id, "2h"}).how == dolium.run({"extend-grace", id, "soon"}).how);
  CHECK(contains(dolium.run({"extend-grace", id, "2h"}).error, "one hour is the limit"));
  CHECK(dolium.run({"extend-grace", id_of(77).hex(), "1s"}).how == "exit 3");
}

TEST_CASE("doctor tells what graces keep, and for how long") {
  const e2e::Daemon daemon;
  const Command dolium(daemon);
  CHECK(dolium.run({"doctor"}).out.find("graces:") == std::string::npos);
  REQUIRE(dolium.run_with_pipe({"put", "--grace", "1h"}, "abc").ok());
  REQUIRE(dolium.run_with_pipe({"put", "--grace", "30min"}, "abcd").ok());
  const std::string out = dolium.run({"doctor"}).out;
  INFO(out);
  CHECK(out.find("graces: 7 B in 2 objects are kept for readers by a grace; the first ends in 29 min") !=
        std::string::npos);
  CHECK(out.find("the last in 59 min") != std::string::npos);
}

TEST_CASE("every verb that prints prints JSON when asked, before the verb or behind it") {
  const e2e::Daemon daemon;
  const Command dolium(daemon);
  const Ran put = dolium.run_with_pipe({"put", "--json"}, "abc");
  REQUIRE(put.ok());
  const std::string id = put.json().at("id");
  CHECK(put.json().at("data_size") == 3);
  CHECK(dolium.run({"get", id, "-o", dolium.file("out"), "--json"}).json().at("data_size") == 3);
  CHECK(dolium.run({"list", "--json"}).json().at(0).at("id") == id);
  CHECK(dolium.run({"--json", "inspect", id}).json().at("data_preview_hex") == "616263");
  CHECK(dolium.run({"pin", id, "--json"}).json().at(0).at("id") == id);
  CHECK(dolium.run({"--json", "stats"}).json().at("pinned_count") == 1);
  CHECK(dolium.run({"unpin", id, "--json"}).json().size() == 1);
  CHECK(dolium.run({"ping", "--json", "--count", "3"}).json().at("count") == 3);
  CHECK(dolium.run({"clients", "--json"}).json().size() == 1);  // the fixture
  CHECK(dolium.run({"bench", "--json"}).json().size() > 3);
  for (const std::string& line : lines_of(dolium.run({"watch", "--json", "--existing", "--count", "1"}).out))
    CHECK(nlohmann::json::parse(line).contains("event"));
  CHECK(dolium.run({"evict", "1", "--json"}).json().at("freed_bytes") == 64);
  CHECK(dolium.run({"clear", "--json"}).json().at("removed_count") == 0);
  CHECK(dolium.run_with_pipe({"put", "--json", "--name", "a"}, "x").ok());
  CHECK(dolium.run({"remove", "name:a", "--json"}).json().size() == 1);
}

TEST_CASE("without a daemon every verb says where none listens") {
  e2e::Daemon daemon;
  const Command dolium(daemon);
  std::string socket = daemon.socket();
  static_cast<void>(daemon.release_watcher());
  CHECK(daemon.stop() == "exit 0");
  for (const char* verb : {"stats", "list", "clients", "ping", "watch", "bench", "clear"}) {
    const Ran ran = dolium.run({verb});
    INFO(verb << "\n" << ran);
    CHECK(ran.failed(5));
    CHECK(contains(ran.error, "no daemon listens at " + socket));
  }
}

TEST_CASE("help and version are no failures") {
  const e2e::Daemon daemon;
  const Command dolium(daemon);
  CHECK(contains(dolium.run({"--help"}).out, "stats"));
  CHECK(contains(dolium.run({"help"}).out, "stats"));
  CHECK(contains(dolium.run({"putt"}).error, "did you mean \"put\""));
  CHECK(contains(dolium.run({"list", "--help"}).out, "--sort"));
  CHECK(dolium.run({"--version"}).ok());
}

TEST_CASE("a full disk under standard output is a failure") {
  const e2e::Daemon daemon;
  const Command dolium(daemon);
  const shm::UniqueFd full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
  for (const char* verb : {"stats", "list"}) {
    auto process = e2e::Process::start({DOLIUM_CLI_PATH, "--socket", daemon.socket(), verb}, {.out = full.get()});
    CHECK(process.wait() == "exit 1");
  }
}

TEST_CASE("list sorts, limits and abbreviates") {
  const e2e::Daemon daemon;
  const Command dolium(daemon);
  put_numbered(*daemon.watcher(), 0, 1, 100);
  put_numbered(*daemon.watcher(), 1, 1, 3000);
  put_numbered(*daemon.watcher(), 2, 1, 20);
  const auto order = [&](const std::vector<std::string>& options) {
    std::vector<std::string> command = {"list", "--json"};
    command.insert(command.end(), options.begin(), options.end());
    std::vector<std::string> ids;
    for (const auto& object : dolium.run(command).json()) ids.push_back(object.at("id"));
    return ids;
  };
  const std::string a = id_of(0).hex(), b = id_of(1).hex(), c = id_of(2).hex();
  CHECK(order({}) == std::vector{a, b, c});
  CHECK(order({"--sort", "size"}) == std::vector{b, a, c});
  CHECK(order({"--sort", "size", "--reverse", "--limit", "1"}) == std::vector{c});
  const Ran table = dolium.run({"list", "--limit", "2"});
  CHECK(contains(table.out, a.substr(0, 12) + "  "));
  CHECK(contains(table.out, "3 objects, 3.05 KiB (2 shown)"));
}

TEST_CASE("labels: list, inspect and watch show them, and list filters by them in the daemon") {
  const e2e::Daemon daemon;
  const Command dolium(daemon);
  Client& store = *daemon.watcher();
  REQUIRE(store.put(id_of(0), bytes_of("x"), {.type_name = "f64", .label = "epoch-1/loss"}));
  REQUIRE(store.put(id_of(1), bytes_of("x"), {.label = "epoch-2/loss"}));
  REQUIRE(store.put(id_of(2), bytes_of("x")));
  const ObjectBuilder unsealed = store.create(id_of(3), 10, {.label = "epoch-1/draft"}).value();
  const auto listed = [&](const std::vector<std::string>& options) {
    std::vector<std::string> command = {"list", "--json"};
    command.insert(command.end(), options.begin(), options.end());
    std::vector<std::string> labels;
    for (const auto& object : dolium.run(command).json()) labels.push_back(object.at("label"));
    return labels;
  };
  using Labels = std::vector<std::string>;
  CHECK(listed({}) == Labels{"epoch-1/loss", "epoch-2/loss", "", "epoch-1/draft"});
  CHECK(listed({"--label-prefix", "epoch-1"}) == Labels{"epoch-1/loss", "epoch-1/draft"});
  CHECK(listed({"--label-prefix", "epoch-1", "--state", "sealed"}) == Labels{"epoch-1/loss"});
  CHECK(listed({"--state", "unsealed"}) == Labels{"epoch-1/draft"});
  CHECK(listed({"--type", "f64"}) == Labels{"epoch-1/loss"});
  CHECK(listed({"--creator", std::to_string(::getpid())}).size() == 4);
  CHECK(listed({"--creator", "1"}).empty());
  const Ran table = dolium.run({"list", "--label-prefix", "epoch-2"});
  CHECK(contains(table.out, "LABEL"));
  CHECK(contains(table.out, "epoch-2/loss"));
  CHECK(contains(table.out, "1 object, 1 B"));
  CHECK(contains(dolium.run({"inspect", id_of(1).hex()}).out, "epoch-2/loss"));
  CHECK(dolium.run({"inspect", "--json", id_of(1).hex()}).json().at("label") == "epoch-2/loss");
  CHECK(contains(dolium.run({"watch", "--existing", "--count", "1", "--lines"}).out, "epoch-1/loss"));
  CHECK(contains(dolium.run({"watch", "--existing", "--count", "1", "--json"}).out, "\"label\":\"epoch-1/loss\""));
  CHECK(dolium.run({"list", "--state", "open"}).failed(2));
  CHECK(dolium.run({"list", "--creator", "0"}).failed(2));
}

TEST_CASE("remove removes what passes a filter, and tells how many") {
  const e2e::Daemon daemon;
  const Command dolium(daemon);
  Client& store = *daemon.watcher();
  const auto fill = [&] {
    for (std::size_t n = 0; n < 4; ++n)
      static_cast<void>(store.put(id_of(n), bytes_of("x"), {.label = n < 3 ? "old/" : "new/"}));
  };
  fill();
  const Object held = store.get_raw(id_of(0)).value();
  const ObjectBuilder unsealed = store.create(id_of("unsealed"), 10, {.label = "old/"}).value();
  const Ran removed = dolium.run({"remove", "--label-prefix", "old/"});
  CHECK(removed.ok());
  CHECK(removed.out == "removed 3 objects\n");
  CHECK(present(store, 4) == std::vector<std::size_t>{3});
  CHECK(store.metadata(id_of("unsealed")).has_value());
  CHECK(dolium.run({"remove", "--label-prefix", "old/"}).out == "removed 0 objects\n");
  fill();
  CHECK(dolium.run({"remove", "--json", "--creator", std::to_string(::getpid()), "--yes"}).json().at("removed_count") ==
        4);
  CHECK(present(store, 4).empty());
  CHECK(dolium.run({"remove"}).failed(2));
  CHECK(dolium.run({"remove", id_of(0).hex(), "--label-prefix", "x"}).failed(2));
  CHECK(dolium.run({"remove", "--state", "unsealed"}).failed(2));
}

TEST_CASE("inspect tells all and shows the beginning") {
  const e2e::Daemon daemon;
  const Command dolium(daemon);
  CreateOptions options;
  options.metadata = bytes_of("meta");
  options.type_name = "acme.Thing";
  REQUIRE(daemon.watcher()->put(id_of(0), bytes_of("hello\x01"), options).has_value());
  const Ran ran = dolium.run({"inspect", id_of(0).hex().substr(0, 8)});
  REQUIRE(ran.ok());
  for (const char* part : {"sealed", "acme.Thing", "6 B", "4 B", "68 65 6c 6c 6f 01", "|hello.|", "|meta|"}) {
    INFO(part);
    CHECK(contains(ran.out, part));
  }
  CHECK(daemon.stats().get_count == 1);
  CHECK(dolium.run({"inspect", id_of(0).hex(), "--no-preview"}).ok());
  CHECK(daemon.stats().get_count == 1);
  auto unsealed = daemon.watcher()->create(id_of(1), 10).value();
  CHECK(contains(dolium.run({"inspect", id_of(1).hex()}).out, "unsealed"));
}

TEST_CASE("what others chose to be called does not reach the terminal as it is") {
  const e2e::Daemon daemon;
  const Command dolium(daemon);
  CreateOptions options;
  options.type_name =
      "\x1b[2J\xff"
      "evil";
  options.label = "\x1b[31m\n\xe2\x80\xaered";  // valid UTF-8: a colour, a line break, right-to-left
  REQUIRE(daemon.watcher()->put(id_of(0), bytes_of("x"), options).has_value());
  const auto evil = daemon.connect({.name = "\x1b]0;owned\x07\\x"});
  REQUIRE(daemon.watcher()->put(id_of(1), pattern(40 * kMiB)).has_value());
  const Object held = evil->get_raw(id_of(1)).value();
  for (const std::vector<std::string>& command : std::vector<std::vector<std::string>>{{"list"},
                                                                                       {"inspect", id_of(0).hex()},
                                                                                       {"inspect", id_of(1).hex()},
                                                                                       {"clients"},
                                                                                       {"stats"},
                                                                                       {"list", "--json"},
                                                                                       {"clients", "--json"},
                                                                                       {"stats", "--json"}}) {
    const Ran ran = dolium.run(command);
    INFO(ran);
    CHECK(ran.ok());
    CHECK_FALSE(contains(ran.out, "\x1b"));
    CHECK_FALSE(contains(ran.out, "\xff"));
  }
  CHECK(contains(dolium.run({"list"}).out, "\\x1b[2J\\xffevil"));
  for (const std::vector<std::string>& command :
       std::vector<std::vector<std::string>>{{"list"}, {"inspect", id_of(0).hex()}})
    CHECK(contains(dolium.run(command).out, "\\x1b[31m\\n\\u202ered"));
  const Ran watched = dolium.run({"watch", "--existing", "--count", "1", "--lines"});
  CHECK(contains(watched.out, "\\x1b[31m \\u202ered"));
  CHECK_FALSE(contains(watched.out, "\x1b"));
  // Each text is spelt out once, wherever it is shown; and JSON has its own way.
  for (const std::vector<std::string>& command :
       std::vector<std::vector<std::string>>{{"inspect", id_of(1).hex()}, {"clients"}, {"stats"}})
    CHECK(contains(dolium.run(command).out, "\\x1b]0;owned\\x07\\\\x"));
  const std::string summary = dolium.run({"stats", "--json"}).json().at("summary");
  CHECK(contains(summary, "\x1b]0;owned\x07\\x"));
}

TEST_CASE("stats says who holds, writes and pins") {
  const e2e::Daemon daemon({"--capacity=1MiB"});
  const Command dolium(daemon);
  Client& store = *daemon.watcher();
  CHECK(contains(dolium.run({"stats"}).out, "Empty."));
  put_numbered(store, 0, 1, 512 * kKiB);
  const std::string me = fmt::format("(pid {}", ::getpid());
  CHECK(contains(dolium.run({"stats"}).out, "50 % full: no object is in use: all could be evicted at once."));
  {
    const Object held = store.get_raw(id_of(0)).value();
    const std::string summary = dolium.run({"stats", "--json"}).json().at("summary");
    INFO(summary);
    CHECK(contains(summary, "nothing can be evicted; 512 KiB are held by "));
    CHECK(contains(summary, me));
  }
  auto builder = store.create(id_of(1), 256 * kKiB).value();
  REQUIRE(store.pin(id_of(0)).has_value());
  const Ran stats = dolium.run({"stats"});
  INFO(stats);
  CHECK(contains(stats.out, "75 % full: nothing can be evicted; 512 KiB are pinned, put by "));
  CHECK(contains(stats.out, "256 KiB are being written by "));
  CHECK(contains(stats.out, fmt::format("[{}{}{}]", std::string(30, 'P'), std::string(15, 'w'), std::string(15, '.'))));
}

TEST_CASE("watch shows what happens, with its cause") {
  const e2e::Daemon daemon;
  const Command dolium(daemon);
  Client& store = *daemon.watcher();
  put_numbered(store, 0, 3, 10);
  Running watching = dolium.start({"watch", "--json", "--count", "3", "--interval", "50ms"});
  // The first rates are told when the subscription stands and what was there has been skipped.
  REQUIRE(eventually([&] { return lines_of(watching.output_so_far()).size() >= 4; }));
  put_numbered(store, 3, 1, 10);
  REQUIRE(store.remove(id_of(3)).has_value());
  REQUIRE(store.evict(1).has_value());
  const Ran ran = watching.wait();
  CHECK(ran.ok());
  std::vector<std::string> seen;
  for (const std::string& line : lines_of(ran.out))
    if (const auto json = nlohmann::json::parse(line); json.at("event") != "rates")
      seen.push_back(json.value("cause", std::string(json.at("event"))));
  CHECK(seen == std::vector<std::string>{"sealed", "removed", "evicted"});
}

TEST_CASE("watch ends well on Ctrl-C, and not so well with its daemon") {
  e2e::Daemon daemon;
  const Command dolium(daemon);
  Running interrupted = dolium.start({"watch", "--json"});
  REQUIRE(eventually([&] { return !interrupted.output_so_far().empty(); }));
  interrupted.process().signal(SIGINT);
  CHECK(interrupted.wait().ok());

  CHECK(dolium.run({"watch", "--duration", "10ms"}).ok());

  Running bereft = dolium.start({"watch"});
  REQUIRE(eventually([&] { return daemon.stats().client_count == 2; }));
  CHECK(daemon.stop() == "exit 0");
  const Ran ran = bereft.wait();
  CHECK(ran.how == "exit 5");
  CHECK(ran.error.starts_with("dolium: "));
}

}  // namespace dolium::test

TEST_CASE("wait tells which objects are there, and exits with 4 when too few are") {
  const e2e::Daemon daemon;
  const Command dolium(daemon);
  put_numbered(*daemon.watcher(), 0, 2, 100);
  const std::string here = id_of(0).hex(), also = id_of(1).hex(), missing = id_of(7).hex();
  const Ran enough = dolium.run({"wait", missing, here, also, "--count", "2", "--timeout", "forever"});
  CHECK(enough.ok());
  CHECK(lines_of(enough.out) == std::vector{here, also});
  const Ran late = dolium.run({"wait", here, missing, "--timeout", "20ms"});
  CHECK(late.how == "exit 4");
  CHECK(late.line() == here);
  CHECK(contains(late.error, "1 of 2 objects were there in time"));
  const Ran json = dolium.run({"wait", here, missing, "--json"});
  CHECK(json.how == "exit 4");
  CHECK(json.json() == nlohmann::json::parse(fmt::format(
                           R"([{{"id": "{}", "present": true}}, {{"id": "{}", "present": false}}])", here, missing)));
  CHECK(dolium.run({"wait", here, here}).failed(2));
  CHECK(dolium.run({"wait", here, "--count", "0"}).failed(2));
}
