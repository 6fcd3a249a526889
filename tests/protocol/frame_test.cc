// Frames over a socket pair: what arrives is what was sent, in whatever pieces, and nothing that a peer sends
// costs more than it sent.

#include "protocol/frame.h"

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <deque>

#include "tests/protocol/helpers.h"

namespace dolium::protocol::test {
namespace {

ReadState read_once(FrameReader& reader, const Connection& connection) {
  const auto state = reader.read_from(connection.far.get());
  reader.check_invariants();
  REQUIRE(state.has_value());
  return *state;
}

bool is_aligned(std::span<const std::byte> payload) {
  return reinterpret_cast<std::uintptr_t>(payload.data()) % kPayloadAlignment == 0;
}

/// Everything that can be read now, payload by payload.
std::vector<Bytes> read_all(FrameReader& reader, const Connection& connection) {
  std::vector<Bytes> payloads;
  while (read_once(reader, connection) == ReadState::progress) {
    while (const auto payload = reader.next()) {
      CHECK(is_aligned(*payload));
      payloads.push_back(copy_of(*payload));
    }
  }
  return payloads;
}

std::vector<shm::UniqueFd> copies(int fd, std::size_t count) {
  std::vector<shm::UniqueFd> result;
  for (std::size_t i = 0; i < count; ++i) result.push_back(duplicate(fd).value());
  return result;
}

/// Raw, so that it can send what FrameWriter refuses to.
void send_with_descriptors(const Connection& connection, std::span<const std::byte> bytes, int fd, std::size_t count) {
  std::vector<int> numbers(count, fd);
  std::vector<std::byte> control(CMSG_SPACE(count * sizeof(int)));
  Bytes content = copy_of(bytes);
  iovec piece{content.data(), content.size()};
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  cmsghdr* head = CMSG_FIRSTHDR(&message);
  head->cmsg_level = SOL_SOCKET;
  head->cmsg_type = SCM_RIGHTS;
  head->cmsg_len = CMSG_LEN(count * sizeof(int));
  std::copy_n(reinterpret_cast<const std::byte*>(numbers.data()), count * sizeof(int),
              reinterpret_cast<std::byte*>(CMSG_DATA(head)));
  REQUIRE(::sendmsg(connection.near.get(), &message, MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size()));
}

ino_t inode(int fd) {
  struct stat status {};
  REQUIRE(::fstat(fd, &status) == 0);
  return status.st_ino;
}

TEST_CASE("a frame delivered byte by byte is complete with its last byte") {
  Connection connection;
  FrameReader reader;
  const Bytes payload = pattern(37);
  const Bytes frame = framed(payload);
  for (std::size_t i = 0; i < frame.size(); ++i) {
    CHECK_FALSE(reader.next());
    connection.send_raw(std::span(frame).subspan(i, 1));
    CHECK(read_once(reader, connection) == ReadState::progress);
    CHECK(reader.has_partial_frame() == (i + 1 < frame.size()));
  }
  const auto received = reader.next();
  REQUIRE(received);
  CHECK(is_aligned(*received));
  CHECK(copy_of(*received) == payload);
  CHECK_FALSE(reader.next());
  CHECK(read_once(reader, connection) == ReadState::would_block);
}

TEST_CASE("many small frames cost one read and stay aligned") {
  Connection connection;
  FrameReader reader;
  Bytes stream;
  for (std::uint32_t i = 1; i <= 500; ++i) {
    append(stream, framed(pattern(i % 23 + 1, i)));
  }
  connection.send_raw(stream);
  CHECK(read_once(reader, connection) == ReadState::progress);
  for (std::uint32_t i = 1; i <= 500; ++i) {
    const auto payload = reader.next();
    REQUIRE(payload);
    CHECK(is_aligned(*payload));
    CHECK(copy_of(*payload) == pattern(i % 23 + 1, i));
  }
  CHECK_FALSE(reader.next());
}

TEST_CASE("nothing more is read while a complete frame waits") {
  Connection connection;
  FrameReader reader;
  connection.send_raw(framed(pattern(8)));
  CHECK(read_once(reader, connection) == ReadState::progress);
  connection.send_raw(framed(pattern(9)));
  CHECK(read_once(reader, connection) == ReadState::progress);
  CHECK(reader.next()->size() == 8);
  CHECK_FALSE(reader.next());
  CHECK(read_once(reader, connection) == ReadState::progress);
  CHECK(reader.next()->size() == 9);
}

TEST_CASE("lengths of zero and above the cap are refused, and frames before them are kept") {
  const std::uint32_t length = GENERATE(0u, static_cast<std::uint32_t>(kMaxFrameBytes) + 1, 0xffffffffu);
  Connection connection;
  FrameReader reader;
  Bytes stream = framed(pattern(5));
  append(stream, header(length));
  connection.send_raw(stream);
  const auto state = reader.read_from(connection.far.get());
  REQUIRE_FALSE(state);
  CHECK(state.error().code == Errc::protocol_error);
  REQUIRE(reader.next());
  CHECK_FALSE(reader.next());
}

TEST_CASE("an announcement allocates nothing, and memory follows what arrives and goes again") {
  Connection connection;
  FrameReader reader;
  const Bytes payload = pattern(kMaxFrameBytes);
  connection.send_raw(header(kMaxFrameBytes));
  CHECK(read_once(reader, connection) == ReadState::progress);
  CHECK(reader.buffer_bytes() == kReadBufferBytes);

  std::size_t sent = 0;
  while (sent < payload.size()) {
    const std::size_t piece = std::min<std::size_t>(50'000, payload.size() - sent);
    connection.send_raw(std::span(payload).subspan(sent, piece));
    sent += piece;
    while (!reader.next()) {
      if (read_once(reader, connection) == ReadState::would_block) break;
      CHECK(reader.buffer_bytes() <= std::max(kReadBufferBytes, 2 * sent + 64));
      if (sent == payload.size() && !reader.has_partial_frame()) break;
    }
  }
  const auto received = reader.next();
  REQUIRE(received);
  CHECK(is_aligned(*received));
  CHECK(copy_of(*received) == payload);
  CHECK(read_once(reader, connection) == ReadState::would_block);
  CHECK(reader.buffer_bytes() == kReadBufferBytes);
}

TEST_CASE("end of file inside a frame can be told from one between frames") {
  const std::size_t sent = GENERATE(0u, 2u, 4u, 7u, 12u);
  Connection connection;
  FrameReader reader;
  const Bytes frame = framed(pattern(8));
  if (sent > 0) connection.send_raw(std::span(frame).first(sent));
  connection.near.reset();
  std::size_t payloads = 0;
  while (read_once(reader, connection) == ReadState::progress) {
    while (reader.next()) ++payloads;
  }
  CHECK(payloads == (sent == frame.size() ? 1 : 0));
  CHECK(reader.has_partial_frame() == (sent != 0 && sent != frame.size()));
}

TEST_CASE("descriptors arrive with their frame, in order, close-on-exec") {
  const auto before = open_descriptors();
  {
    Connection connection;
    FrameWriter writer;
    FrameReader reader;
    std::vector<shm::UniqueFd> three;
    for (const char* path : {"/dev/null", "/dev/zero", "/dev/full"}) three.emplace_back(::open(path, O_RDONLY));
    std::vector<ino_t> inodes;
    for (const auto& fd : three) inodes.push_back(inode(fd.get()));

    REQUIRE(writer.push(framed(pattern(4))));
    REQUIRE(writer.push(framed(pattern(5)), std::move(three)));
    REQUIRE(writer.push(framed(pattern(6))));
    writer.check_invariants();
    REQUIRE(writer.flush(connection.near.get()).value());

    std::vector<shm::UniqueFd> received;
    std::vector<std::size_t> sizes;
    while (read_once(reader, connection) == ReadState::progress) {
      while (const auto payload = reader.next()) {
        sizes.push_back(payload->size());
        if (payload->size() == 5) received = reader.take_descriptors();
      }
    }
    CHECK(sizes == std::vector<std::size_t>{4, 5, 6});
    REQUIRE(received.size() == 3);
    for (std::size_t i = 0; i < 3; ++i) {
      CHECK(inode(received[i].get()) == inodes[i]);
      CHECK(is_close_on_exec(received[i].get()));
    }
    CHECK(reader.take_descriptors().empty());
  }
  CHECK(open_descriptors() == before);
}

TEST_CASE("surplus descriptors are closed at once, within a message and across messages") {
  const auto before = open_descriptors();
  {
    Connection connection;
    FrameReader reader;
    const auto connected = open_descriptors();
    send_with_descriptors(connection, framed(pattern(3)), connection.near.get(), 100);
    CHECK(read_all(reader, connection).size() == 1);
    CHECK(open_descriptors() == connected + static_cast<std::ptrdiff_t>(kMaxDescriptors));
    send_with_descriptors(connection, framed(pattern(3)), connection.near.get(), 3);
    CHECK(read_all(reader, connection).size() == 1);
    CHECK(open_descriptors() == connected + static_cast<std::ptrdiff_t>(kMaxDescriptors));
    CHECK(reader.take_descriptors().size() == kMaxDescriptors);
    CHECK(open_descriptors() == connected);
  }
  CHECK(open_descriptors() == before);
}

TEST_CASE("what a reader or a writer never got rid of goes with it") {
  const auto before = open_descriptors();
  {
    Connection connection;
    FrameWriter writer;
    FrameReader reader;
    send_with_descriptors(connection, framed(pattern(3)), connection.near.get(), 2);
    CHECK(read_all(reader, connection).size() == 1);
    REQUIRE(writer.push(framed(pattern(3)), copies(connection.near.get(), 4)));
  }
  CHECK(open_descriptors() == before);
}

TEST_CASE("the writer refuses too many descriptors and a queue without end") {
  Connection connection;
  FrameWriter writer;
  const auto refused = writer.push(framed(pattern(3)), copies(connection.near.get(), kMaxDescriptors + 1));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Errc::invalid_argument);
  CHECK(writer.queued_bytes() == 0);

  const Bytes large = framed(pattern(kMaxFrameBytes));
  while (writer.queued_bytes() + large.size() <= kMaxQueuedBytes) REQUIRE(writer.push(large));
  const std::size_t queued = writer.queued_bytes();
  const auto full = writer.push(large);
  REQUIRE_FALSE(full);
  CHECK(full.error().code == Errc::too_large);
  CHECK(writer.queued_bytes() == queued);
  writer.check_invariants();
}

TEST_CASE("partial writes through a tiny socket buffer lose and repeat nothing") {
  Connection connection;
  const int tiny = 1;
  REQUIRE(::setsockopt(connection.near.get(), SOL_SOCKET, SO_SNDBUF, &tiny, sizeof(tiny)) == 0);
  FrameWriter writer;
  FrameReader reader;
  std::vector<Bytes> expected;
  for (std::uint32_t i = 0; i < 20; ++i) {
    expected.push_back(pattern(1 + i * i * 733, i));
    REQUIRE(writer.push(framed(expected.back()),
                        i % 3 == 0 ? copies(connection.far.get(), 1) : std::vector<shm::UniqueFd>()));
  }
  std::vector<Bytes> received;
  std::size_t descriptors = 0;
  std::size_t blocked = 0;
  for (bool done = false; !done;) {
    done = writer.flush(connection.near.get()).value();
    writer.check_invariants();
    if (!done) ++blocked;
    CHECK(done == (writer.queued_bytes() == 0));
    for (auto& payload : read_all(reader, connection)) received.push_back(std::move(payload));
    descriptors += reader.take_descriptors().size();
  }
  CHECK(blocked > 10);
  CHECK(received == expected);
  CHECK(descriptors == 7);
}

TEST_CASE("a peer that vanished is disconnected for the writer and end of file for the reader") {
  Connection connection;
  FrameWriter writer;
  FrameReader reader;
  REQUIRE(writer.push(framed(pattern(10))));
  REQUIRE(writer.flush(connection.far.get()).value());
  connection.near.reset();  // with what we sent unread: the kernel answers with ECONNRESET
  CHECK(read_once(reader, connection) == ReadState::end_of_file);
  REQUIRE(writer.push(framed(pattern(10))));
  const auto flushed = writer.flush(connection.far.get());
  REQUIRE_FALSE(flushed);
  CHECK(flushed.error().code == Errc::disconnected);
}

TEST_CASE("a socket that is none is a system failure") {
  FrameReader reader;
  FrameWriter writer;
  const shm::UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  REQUIRE(writer.push(framed(pattern(1))));
  CHECK(writer.flush(null.get()).error().code == Errc::system_error);
  CHECK(reader.read_from(null.get()).error().code == Errc::system_error);
}

/// As a user whom the kernel holds to its limit, which root is not; 0 when all goes well.
int exceed_descriptors_under_way() {
  constexpr rlim_t kMost = 40;
  const rlimit limit{kMost, kMost};
  if ((::geteuid() == 0 && ::setuid(65534) != 0) || ::setrlimit(RLIMIT_NOFILE, &limit) != 0) return 1;
  const Connection connection;
  FrameWriter writer;
  FrameReader reader;
  bool all_out = true;
  for (rlim_t sent = 0; all_out; ++sent) {
    if (sent > 2 * kMost) return 2;  // it was never refused
    if (!writer.push(framed(pattern(10, 1)), copies(connection.far.get(), 1))) return 3;
    const Result<bool> flushed = writer.flush(connection.near.get());
    if (!flushed) return 4;
    all_out = *flushed;
  }
  while (!all_out) {
    static_cast<void>(read_all(reader, connection));
    static_cast<void>(reader.take_descriptors());
    all_out = writer.flush(connection.near.get()).value();
  }
  return 0;
}

TEST_CASE("too many descriptors of a user under way are no error: what carries more waits") {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(exceed_descriptors_under_way());
  int status = -1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
}

std::size_t random_size(std::mt19937_64& random) {
  const std::size_t magnitude = std::size_t{1} << random() % 18;
  return 1 + random() % magnitude;
}

TEST_CASE("random frames, pieces and descriptors come out as they went in") {
  const std::uint64_t used_seed = seed();
  INFO("DOLIUM_SEED=" << used_seed);
  std::mt19937_64 random(used_seed);
  const auto before = open_descriptors();
  {
    Connection connection;
    FrameWriter writer;
    FrameReader reader;
    std::deque<Bytes> oracle;
    std::size_t descriptors_in = 0;
    std::size_t descriptors_out = 0;
    std::uint32_t salt = 0;
    for (int step = 0; step < 4000; ++step) {
      if (step < 3000 && random() % 2 == 0 && writer.queued_bytes() < kMaxQueuedBytes / 2) {
        const std::size_t attached = random() % 8 == 0 ? 1 + random() % 2 : 0;
        oracle.push_back(pattern(random_size(random), ++salt));
        REQUIRE(writer.push(framed(oracle.back()), copies(connection.far.get(), attached)));
        descriptors_in += attached;
      }
      if (random() % 3 == 0) REQUIRE(writer.flush(connection.near.get()));
      if (random() % 2 == 0) read_once(reader, connection);
      for (std::size_t takes = random() % 4; takes > 0; --takes) {
        const auto payload = reader.next();
        if (!payload) break;
        REQUIRE(is_aligned(*payload));
        REQUIRE(!oracle.empty());
        REQUIRE(copy_of(*payload) == oracle.front());
        oracle.pop_front();
      }
      descriptors_out += reader.take_descriptors().size();
      writer.check_invariants();
      reader.check_invariants();
    }
    for (bool done = false; !done;) {
      done = writer.flush(connection.near.get()).value();
      for (const Bytes& payload : read_all(reader, connection)) {
        REQUIRE(payload == oracle.front());
        oracle.pop_front();
        descriptors_out += reader.take_descriptors().size();
      }
    }
    descriptors_out += reader.take_descriptors().size();
    CHECK(oracle.empty());
    CHECK(descriptors_out == descriptors_in);
  }
  CHECK(open_descriptors() == before);
}

}  // namespace
}  // namespace dolium::protocol::test
