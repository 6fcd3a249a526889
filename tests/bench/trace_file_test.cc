// The formats of trace files, and what is said of lines that are wrong.

#include "tests/bench/trace_file.h"

#include <catch2/catch.hpp>
#include <cstring>
#include <fstream>
#include <sstream>

#include "tests/bench/libcachesim.h"
#include "tests/temporary_directory.h"

using namespace dolium;
using namespace dolium::bench;
using Catch::Matchers::Contains;
using Catch::Matchers::EndsWith;

namespace {

/// "0:100 1:4096": the number of each request's key, and its size; or the error, without the path.
std::string read(const std::string& text, const std::string& columns = {}, const std::string& suffix = {}) {
  const test::TemporaryDirectory directory;
  directory.write("trace" + suffix, text);
  const std::string path = directory.path() / ("trace" + suffix);
  const Result<CacheTrace> trace = read_trace(path, columns);
  if (!trace) {
    const std::string& message = trace.error().message;
    const std::size_t at = message.find(path);
    return at == std::string::npos ? message : message.substr(0, at) + "FILE" + message.substr(at + path.size());
  }
  std::string result;
  for (const CacheRequest& request : trace->requests)
    result += (result.empty() ? "" : " ") + std::to_string(request.key) + ":" + std::to_string(request.size_bytes);
  return result;
}

std::string read_csv(const std::string& text, const std::string& columns = {}) {
  return read(text, columns, ".csv");
}

}  // namespace

TEST_CASE("a text trace: keys, sizes or the default, comments; a key keeps its first size") {
  CHECK(read("# key size\n\nuser:1 100\nuser:2\n  user:1 7\n") == "0:100 1:4096 0:100");
  CHECK(read("a\t0\r\nb\r\n") == "0:0 1:4096");
  CHECK(read("a,b\n") == "0:4096");
  CHECK(read("x,y,z 100\n") == "0:100");
}

TEST_CASE("a line of a text trace that is wrong is named") {
  CHECK(read("a 1\nb 2 3\n") == "FILE:2: not `KEY [SIZE]`: 'b 2 3'");
  CHECK(read("a 1\n# b\nb x\n") == "FILE:3: the size 'x' is not a number of bytes, at most 1 TiB");
  CHECK(read("a -5\n") == "FILE:1: the size '-5' is not a number of bytes, at most 1 TiB");
  CHECK(read("a 12kB\n") == "FILE:1: the size '12kB' is not a number of bytes, at most 1 TiB");
  CHECK(read("a 1099511627777\n") == "FILE:1: the size '1099511627777' is not a number of bytes, at most 1 TiB");
  CHECK(read("a 99999999999999999999\n") ==
        "FILE:1: the size '99999999999999999999' is not a number of bytes, at most 1 TiB");
  CHECK(read("# nothing\n") == "there are no requests in the trace FILE");
  CHECK_THAT(read_trace("/nowhere/trace").error().message, Contains("/nowhere/trace: No such file"));
}

TEST_CASE("a CSV trace: time, obj_id, obj_size, with a header or without") {
  const std::string lines = "1,17,100\n2,18,200\n2.5,17,7\n";
  const std::string expected = "0:100 1:200 0:100";
  CHECK(read_csv(lines) == expected);
  CHECK(read(lines) == expected);  // no name in .csv: known by its first line
  CHECK(read_csv("time,obj_id,obj_size\n" + lines) == expected);
  CHECK(read("time,obj_id,obj_size\n" + lines) == expected);
  CHECK(read("# time,object,size,next_access_vtime\n1,a,5,3\n") == "0:5");
  CHECK(read_csv("obj-size, Timestamp, Obj-ID\n5, 1, a\n6, 2, b\n") == "0:5 1:6");
  CHECK(read_csv("time,obj_id\n1,a\n2,a\n") == "0:4096 0:4096");  // no sizes
}

TEST_CASE("a CSV trace: quotes, ends of lines, other delimiters, requests of size 0") {
  CHECK(read_csv("1,\"a,b\",10\n2,\"say \"\"a\"\"\",20\n3,\"a,b\",30\n") == "0:10 1:20 0:10");
  CHECK(read_csv("1,a,10\r\n\r\n2,b,20\r\n") == "0:10 1:20");
  CHECK(read_csv("1\ta\t10\n2\tb\t20\n") == "0:10 1:20");
  CHECK(read_csv("1|a|10\n") == "0:10");
  CHECK(read_csv("1,a,0\n2,b,20\n3,a,10\n") == "0:20 1:10");
}

TEST_CASE("a CSV trace whose columns are given, as to libCacheSim's cachesim -t") {
  const std::string lines = "1,5633898,2a,512,42932745\n1,5633899,2a,1024,42932746\n1,5633900,2a,512,42932745\n";
  const std::string expected = "0:512 1:1024 0:512";
  CHECK(read(lines, "time-col=2, obj-id-col=5, obj-size-col=4") == expected);
  CHECK(read("version,time,op,size,lbn\n" + lines, "time-col=2,obj-id-col=5,obj-size-col=4") == expected);
  CHECK(read("1,2,a,4,5\n" + lines, "obj_id_field=5, size-col=4, has-header=true, obj-id-is-num=true") == expected);
  CHECK(read("10 a\n20 b\n", "obj-id-col=2,obj-size-col=1,delimiter= ") == "0:10 1:20");
  CHECK(read("10,a\n", "delimiter=,,obj-id-col=2,obj-size-col=1,has-header=false") == "0:10");
  CHECK(read("a;1;10\n", "obj-id-col=1,delimiter=;") == "0:4096");
  CHECK(read("key;time\na;1\n", "obj-id-col=1,delimiter=;") == "0:4096");
  CHECK(read("a\t10\n", "obj-id-col=1,obj-size-col=2,delimiter=\\t") == "0:10");
}

TEST_CASE("a line of a CSV trace that is wrong is named") {
  CHECK(read_csv("1,a,10\n2,b\n") == "FILE:2: 2 columns, where column 3 is needed");
  CHECK(read_csv("1,a,10\n\n2,b,ten\n") == "FILE:3: the size 'ten' is not a number of bytes, at most 1 TiB");
  CHECK(read_csv("1,a,10\nnoon,b,10\n") == "FILE:2: the time 'noon' is not a number");
  CHECK(read_csv("1,a,10\n2,,10\n") == "FILE:2: the object's id is empty");
  CHECK_THAT(read_csv("version,time,op,size,lbn\n1,2,3,4,5\n"),
             Contains("FILE:1: the header names no column obj_id: give the columns, as in --trace-columns"));
  CHECK(read_csv("time,obj_id,obj_size\n") == "there are no requests in the trace FILE");
}

TEST_CASE("columns that are wrong are named") {
  const auto error = [](std::string_view text) { return parse_csv_columns(text).error().message; };
  CHECK_THAT(error(""), Contains("lack obj-id-col"));
  CHECK_THAT(error("time-col=1"), Contains("lack obj-id-col"));
  CHECK_THAT(error("obj-id-col=two"), Contains("obj-id-col=two: not the number of a column"));
  CHECK_THAT(error("obj-id-col=-1"), Contains("not the number of a column"));
  CHECK_THAT(error("obj-id-col=1,columns=3"), Contains("'columns' is none of time-col"));
  CHECK_THAT(error("obj-id-col=1,delimiter=::"), Contains("delimiter=::: more than one character"));
  CHECK_THAT(error("obj-id-col=1,has-header=perhaps"), EndsWith("neither true nor false"));
  CHECK_THAT(error("2"), Contains("'2'"));
}

TEST_CASE("libCacheSim gets the sizes that objects take, and when each comes next") {
  const test::TemporaryDirectory directory;
  const std::string path = directory.path() / "trace";
  REQUIRE(write_oracle_general({"test", {{0, 100}, {1, 64}, {0, 100}}}, path));
  std::ifstream stream(path, std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(stream)), {});
  REQUIRE(bytes.size() == 3 * 24);
  const auto field = [&]<class T>(std::size_t request, std::size_t offset, T value) {
    std::memcpy(&value, bytes.data() + request * 24 + offset, sizeof value);
    return value;
  };
  for (std::size_t i = 0; i < 3; ++i) CHECK(field(i, 0, std::uint32_t{}) == i);
  CHECK(field(0, 4, std::uint64_t{}) == 1);
  CHECK(field(1, 4, std::uint64_t{}) == 2);
  CHECK(field(2, 4, std::uint64_t{}) == 1);
  CHECK(field(0, 12, std::uint32_t{}) == 128);
  CHECK(field(1, 12, std::uint32_t{}) == 64);
  CHECK(field(0, 16, std::int64_t{}) == 3);
  CHECK(field(1, 16, std::int64_t{}) == -1);
  CHECK(field(2, 16, std::int64_t{}) == -1);

  const Result<void> too_large = write_oracle_general({"test", {{0, std::uint64_t{4} << 30}}}, path);
  REQUIRE(!too_large);
  CHECK_THAT(too_large.error().message, Contains("more than 4 GiB"));
}

TEST_CASE("what libcachesim_replay prints is parsed") {
  std::istringstream text("LRU\t4096\t0.25\t0.5\nS3-FIFO\t4096\t0.75\t1\nLRU\t8192\t0.5\t0.625\n");
  const PublishedHits hits = parse_published_hits(text).value();
  REQUIRE(hits.size() == 2);
  CHECK(hits.at("LRU").at(4096).objects == 0.25);
  CHECK(hits.at("LRU").at(8192).bytes == 0.625);
  CHECK(hits.at("S3-FIFO").at(4096).bytes == 1);
  for (const char* bad : {"LRU 4096 0.5\n", "LRU x 0.5 0.5\n", "LRU 4096 0.5 0.5 more\n"}) {
    std::istringstream line(bad);
    CHECK_THAT(parse_published_hits(line).error().message, Contains("libcachesim_replay printed 'LRU"));
  }
}
