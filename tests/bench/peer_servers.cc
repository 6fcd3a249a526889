// Redis and memcached: both use a line protocol over a stream, and allow pipelining.

#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <filesystem>

#include "tests/bench/peers.h"

namespace dolium::bench {
namespace {

constexpr const char* kMemoryMiB = "2048";

/// A stream with a buffer on the way in.
class Stream {
 public:
  explicit Stream(const std::string& path) : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    for (int tries = 0; ::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0; ++tries) {
      require(tries < 500, "a peer's server does not listen on " + path);
      ::usleep(10'000);
    }
  }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  ~Stream() { ::close(fd_); }

  void send(std::span<const char> bytes) const {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      require(sent > 0, "a peer's server is gone");
      bytes = bytes.subspan(static_cast<std::size_t>(sent));
    }
  }
  /// Without its "\r\n"; valid until the next call.
  std::string_view line() {
    for (;;) {
      const std::string_view unread(buffer_.data() + begin_, end_ - begin_);
      if (const std::size_t size = unread.find("\r\n"); size != std::string_view::npos) {
        begin_ += size + 2;
        return unread.substr(0, size);
      }
      fill();
    }
  }
  /// So many bytes and the "\r\n" behind them; valid until the next call.
  std::string_view block(std::size_t size) {
    while (end_ - begin_ < size + 2) fill();
    begin_ += size + 2;
    return {buffer_.data() + begin_ - size - 2, size};
  }

 private:
  void fill() {
    if (begin_ > 0) std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
    if (end_ == buffer_.size()) buffer_.resize(2 * buffer_.size());
    const ssize_t received = ::recv(fd_, buffer_.data() + end_, buffer_.size() - end_, 0);
    require(received > 0, "a peer's server is gone");
    end_ += static_cast<std::size_t>(received);
  }

  int fd_;
  std::vector<char> buffer_ = std::vector<char>(64 * kKiB);
  std::size_t begin_ = 0, end_ = 0;
};

void append(std::vector<char>& out, std::string_view text) {
  out.insert(out.end(), text.begin(), text.end());
}

/// What the two have in common: requests that are written behind one another, and answers of a line.
class LinePeer : public Peer {
 public:
  void put(const ObjectId& key, std::span<const std::byte> value) override { put_many({&key, 1}, value); }
  void put_many(std::span<const ObjectId> keys, std::span<const std::byte> value) override {
    request_.clear();
    const std::string_view text(reinterpret_cast<const char*>(value.data()), value.size());
    for (const ObjectId& key : keys) write_put(key, text);
    stream_.send(request_);
    for (std::size_t i = 0; i < keys.size(); ++i) require(stream_.line() == stored_, "a peer refuses a put");
  }

 protected:
  LinePeer(const std::string& socket, std::string_view stored) : stream_(socket), stored_(stored) {}
  virtual void write_put(const ObjectId& key, std::string_view value) = 0;

  Stream stream_;
  std::vector<char> request_;

 private:
  std::string_view stored_;
};

class Redis final : public LinePeer {
 public:
  explicit Redis(const std::string& socket) : LinePeer(socket, "+OK") {}
  std::size_t get(const ObjectId& key) override {
    request_.clear();
    append(request_, "*2\r\n$3\r\nGET\r\n$20\r\n" + key.binary() + "\r\n");
    stream_.send(request_);
    const std::size_t size = std::stoul(std::string(stream_.line().substr(1)));
    return stream_.block(size).size();
  }

 private:
  void write_put(const ObjectId& key, std::string_view value) override {
    append(request_, "*3\r\n$3\r\nSET\r\n$20\r\n" + key.binary() + "\r\n$" + std::to_string(value.size()) + "\r\n");
    append(request_, value);
    append(request_, "\r\n");
  }
};

class Memcached final : public LinePeer {
 public:
  explicit Memcached(const std::string& socket) : LinePeer(socket, "STORED") {}
  std::size_t get(const ObjectId& key) override {
    request_.clear();
    append(request_, "get " + key.hex() + "\r\n");
    stream_.send(request_);
    const std::string head(stream_.line());  // VALUE key flags bytes
    require(head.starts_with("VALUE"), "a peer has lost an object");
    const std::size_t size = stream_.block(std::stoul(head.substr(head.rfind(' ') + 1))).size();
    require(stream_.line() == "END", "a peer's answer is not understood");
    return size;
  }

 private:
  void write_put(const ObjectId& key, std::string_view value) override {
    append(request_, "set " + key.hex() + " 0 0 " + std::to_string(value.size()) + "\r\n");
    append(request_, value);
    append(request_, "\r\n");
  }
};

/// A process and the directory it works in; both go when this does.
std::shared_ptr<void> start(const std::string& directory, const std::vector<std::string>& command) {
  const pid_t pid = start_program(command, true);
  return {nullptr, [pid, directory](void*) {
            ::kill(pid, SIGKILL);
            ::waitpid(pid, nullptr, 0);
            std::filesystem::remove_all(directory);
          }};
}

template <class Spoken>
std::unique_ptr<PeerServer> serve(const std::string& name, const std::vector<std::string>& probe,
                                  const std::function<std::vector<std::string>(const std::string&)>& command) {
  if (run_program(probe, true) != 0) return nullptr;
  std::string directory = "/tmp/dolium-bench-XXXXXX";
  require(::mkdtemp(directory.data()) != nullptr, "no temporary directory");
  const std::string socket = directory + "/socket";
  return std::make_unique<PeerServer>(
      name, [socket] { return std::make_unique<Spoken>(socket); }, start(directory, command(socket)));
}

}  // namespace

std::unique_ptr<PeerServer> start_redis() {
  return serve<Redis>("Redis", {"redis-server", "--version"}, [](const std::string& socket) {
    return std::vector<std::string>{"redis-server",
                                    "--port",
                                    "0",
                                    "--unixsocket",
                                    socket,
                                    "--save",
                                    "",
                                    "--appendonly",
                                    "no",
                                    "--maxmemory",
                                    std::string(kMemoryMiB) + "mb",
                                    "--maxmemory-policy",
                                    "allkeys-lru"};
  });
}

std::unique_ptr<PeerServer> start_memcached() {
  return serve<Memcached>("memcached", {"memcached", "-V"}, [](const std::string& socket) {
    return std::vector<std::string>{"memcached", "-s", socket, "-t", "1", "-m", kMemoryMiB, "-I", "128m", "-u", "root"};
  });
}

}  // namespace dolium::bench
