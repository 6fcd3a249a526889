#include "tests/e2e/raw_client.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>

#include "protocol/convert.h"
#include "protocol/fd_socket.h"
#include "tests/e2e/process.h"

namespace dolium::e2e {

using protocol::ReadState;

RawClient::RawClient(const std::string& socket)
    : socket_(protocol::connect_to(socket, protocol::deadline_after(kProcessPatience)).value()) {}

bool RawClient::send(std::span<const std::byte> bytes) {
  return send_with(bytes, {});
}

bool RawClient::send_with(std::span<const std::byte> bytes, std::span<const int> descriptors) {
  std::vector<char> control(descriptors.empty() ? 0 : CMSG_SPACE(descriptors.size_bytes()));
  while (!bytes.empty()) {
    iovec part{const_cast<std::byte*>(bytes.data()), bytes.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    if (!control.empty()) {
      message.msg_control = control.data();
      message.msg_controllen = control.size();
      cmsghdr* header = CMSG_FIRSTHDR(&message);
      header->cmsg_level = SOL_SOCKET;
      header->cmsg_type = SCM_RIGHTS;
      header->cmsg_len = CMSG_LEN(descriptors.size_bytes());
      std::memcpy(CMSG_DATA(header), descriptors.data(), descriptors.size_bytes());
    }
    const ssize_t sent = ::sendmsg(socket_.get(), &message, MSG_NOSIGNAL);
    if (sent < 0 && errno == EAGAIN) {
      if (!protocol::wait_writable(socket_.get(), protocol::deadline_after(kProcessPatience)).value()) return false;
      continue;
    }
    if (sent < 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(sent));
    control.clear();
  }
  return true;
}

const protocol::ReplyFrame* RawClient::receive() {
  for (;;) {
    if (const auto payload = reader_.next()) return protocol::decode<protocol::ReplyFrame>(*payload).value();
    if (!protocol::wait_readable(socket_.get(), protocol::deadline_after(kProcessPatience)).value())
      throw std::runtime_error("the daemon neither answered nor closed the connection");
    const Result<ReadState> read = reader_.read_from(socket_.get());
    if (!read || *read == ReadState::end_of_file) return nullptr;
  }
}

std::string RawClient::last_words() {
  std::string words;
  while (const protocol::ReplyFrame* frame = receive())
    if (const auto* goodbye = frame->body_as_GoodbyeNotice()) words = protocol::from_wire(goodbye->reason());
  return words;
}

protocol::HelloRequestT RawClient::hello_request(Access access, std::uint32_t version) {
  protocol::HelloRequestT hello;
  hello.protocol_version = version;
  hello.access = access == Access::read_only ? protocol::AccessMode::read_only : protocol::AccessMode::read_write;
  hello.name = "raw";
  hello.library_version = "0.0.0-test";
  return hello;
}

const protocol::ReplyFrame* RawClient::hello_of(std::uint64_t session_id, std::uint64_t fork_token) {
  protocol::HelloRequestT hello = hello_request();
  hello.fork_of = session_id;
  hello.fork_token = fork_token;
  request(1, std::move(hello));
  return receive();
}

const std::vector<shm::UniqueFd>& RawClient::hello(Access access) {
  request(1, hello_request(access));
  const protocol::ReplyFrame* frame = receive();
  if (frame == nullptr || frame->body_as_HelloReply() == nullptr) throw std::runtime_error("no welcome");
  session_id_ = frame->body_as_HelloReply()->session_id();
  fork_token_ = frame->body_as_HelloReply()->fork_token();
  welcome_ = reader_.take_descriptors();
  return welcome_;
}

}  // namespace dolium::e2e
