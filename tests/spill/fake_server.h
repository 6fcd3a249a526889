#pragma once
// FakeServer: the server's side of the spill tier, by hand, for the real program doliumd-spill. It has a real store,
// and says each message itself, so a test decides what is asked and when.

#include <sys/eventfd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "protocol/codec.h"
#include "protocol/convert.h"
#include "protocol/fd_socket.h"
#include "protocol/listener.h"
#include "protocol/version.h"
#include "shm/store/store.h"

namespace dolium::test {

class FakeServer {
 public:
  static constexpr std::chrono::seconds kPatience{30};
  static constexpr std::uint64_t kCapacity = std::uint64_t{64} << 20;

  explicit FakeServer(const std::string& path)
      : listener_(protocol::Listener::open({.path = path}).value()),
        store_(shm::Store::create({.capacity = kCapacity}, 1).value()),
        arena_(store_->rows().memory.segment().map(shm::Mapping::Mode::read_write).value()),
        writer_(store_->attach({.pid = 1, .uid = 1}, 1).value()) {}

  /// Waits for the program, and takes its hello and its catalogue. `is_known`: of the records, those that stay.
  std::vector<protocol::TierRecord> welcome(const std::function<bool(const protocol::TierRecord&)>& is_known) {
    accept();
    open_session();
    const protocol::TierHelloRequestT hello = expect<protocol::TierHelloRequest>();
    hello_ = hello;
    protocol::TierHelloReplyT reply;
    reply.incarnation = std::make_unique<protocol::TierIncarnation>(incarnation[0], incarnation[1]);
    reply.capacity = disk_capacity;
    answer(std::move(reply));
    std::vector<protocol::TierRecord> records;
    std::deque<std::pair<std::uint64_t, protocol::TierCatalogueReplyT>> late;
    for (bool last = false; !last;) {
      const protocol::TierCatalogueRequestT batch = expect<protocol::TierCatalogueRequest>();
      protocol::TierCatalogueReplyT dropped;
      for (std::uint32_t i = 0; i < batch.records.size(); ++i) {
        if (!is_known(batch.records[i])) dropped.dropped.push_back(i);
        records.push_back(batch.records[i]);
      }
      last = batch.last;
      late.emplace_back(last_number_, std::move(dropped));
      for (; !late.empty() && (last || late.size() > late_answers); late.pop_front())
        send(late.front().first, std::move(late.front().second));
    }
    CHECK(hello.records == records.size());
    return records;
  }
  [[nodiscard]] const protocol::TierHelloRequestT& hello() const { return hello_; }

  /// A sealed object of these bytes; what the server would ask to write of it.
  protocol::TierWrite put(std::uint64_t number, std::span<const std::byte> data) {
    const ObjectId id = ObjectId::from_name("object " + std::to_string(number));
    const shm::SlotIndex slot = store_->put_object(writer_, {.id = id, .data_size = data.size()}, data, {}, 1).value();
    const std::uint64_t offset = store_->rows().index.read(slot).offset;
    return {number, offset, 0, 0, 0, data.size(), 0, 0, 5, slot, protocol::to_wire(id), 0, 0};
  }
  /// Room for reading this object back.
  protocol::TierRead room_for(const protocol::TierWrite& written, std::uint64_t location) {
    const auto number = ++last_read_;
    const ObjectId id = ObjectId::from_name("room " + std::to_string(number));
    const shm::Placement placed =
        store_->create_object(client_, {.id = id, .data_size = written.data_size()}, 1).value();
    return {number, location, placed.offset, written.data_size(), 0, written.id(), 0, 0};
  }
  [[nodiscard]] std::span<const std::byte> bytes(const protocol::TierRead& read) const {
    return {arena_.data() + read.offset(), read.data_size()};
  }
  [[nodiscard]] std::uint64_t references(std::uint32_t slot) {
    return store_->report().metadata(id_in(slot), {1, {}}).value().ref_count;
  }

  void ask(protocol::TierWorkNoticeT work) {
    work.grant = ++last_grant_;
    work.succession = store_->rows().index.successions();
    send(hello_number_, std::move(work));
  }
  /// Answers to writes, in the order in which they came.
  std::vector<protocol::TierWritten> await_written(std::size_t count) {
    return gather<protocol::TierWriteDoneRequest, protocol::TierWritten>(
        count, [](const protocol::TierWriteDoneRequestT& done) { return done.written; });
  }
  std::vector<protocol::TierReadBack> await_read(std::size_t count) {
    return gather<protocol::TierReadDoneRequest, protocol::TierReadBack>(
        count, [](const protocol::TierReadDoneRequestT& done) { return done.read; });
  }
  protocol::TierOrderDoneRequestT await_order() { return expect<protocol::TierOrderDoneRequest>(); }
  /// The state that was told last.
  [[nodiscard]] const protocol::TierStateRequestT& state() const { return state_; }
  void await_state(const std::function<bool(const protocol::TierStateRequestT&)>& wanted) {
    while (!wanted(state_)) take_frame();
  }
  void hang_up() { socket_.reset(); }

  shm::Incarnation incarnation{11, 22};
  std::uint64_t disk_capacity = 0;                ///< as configured; 0: no limit
  std::pair<std::uint64_t, std::uint64_t> token;  // that the program showed
  std::size_t most_answers = 0;                   // in one message
  std::size_t late_answers = 0;  ///< messages of the catalogue that come before the first of them is answered

 private:
  void accept() {
    REQUIRE(protocol::wait_readable(listener_.fd(), protocol::Deadline(std::chrono::steady_clock::now() + kPatience)));
    socket_ = listener_.accept().value();
    REQUIRE(socket_.valid());
    reader_ = std::make_unique<protocol::FrameReader>();
    writer_of_frames_ = std::make_unique<protocol::FrameWriter>();
  }
  void open_session() {
    const protocol::HelloRequestT hello = expect<protocol::HelloRequest>();
    REQUIRE(hello.tier_token != nullptr);
    token = {hello.tier_token->high(), hello.tier_token->low()};
    client_ = store_->attach({.pid = 2, .uid = 1}, 1).value();
    protocol::HelloReplyT reply;
    reply.protocol_version = protocol::kProtocolVersion;
    reply.session_id = client_;
    reply.arena_bytes = store_->rows().memory.segment().size();
    reply.index_bytes = store_->rows().index.segment().size();
    reply.pin_table_bytes = store_->clients().pin_table_segment(client_).size();
    std::vector<shm::UniqueFd> given;
    given.push_back(store_->rows().index.segment().reopen_read_only().value());
    given.push_back(store_->rows().memory.segment().reopen_read_only().value());
    given.push_back(store_->clients().pin_table_segment(client_).duplicate().value());
    given.push_back(shm::UniqueFd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)));
    given.push_back(store_->rows().memory.segment().duplicate().value());
    send(last_number_, std::move(reply), std::move(given));
  }
  template <class Reply>
  void answer(Reply reply) {
    send(last_number_, std::move(reply));
  }
  template <class Reply>
  void send(std::uint64_t number, Reply reply, std::vector<shm::UniqueFd> given = {}) {
    REQUIRE(writer_of_frames_->push(encoder_.encode(number, reply).value(), std::move(given)));
    while (!writer_of_frames_->flush(socket_.get()).value()) {
    }
  }
  /// The next request; a state is noted, and not returned.
  const protocol::RequestFrame* take_frame() {
    for (;;) {
      if (const auto payload = reader_->next()) {
        const auto* frame = protocol::decode<protocol::RequestFrame>(*payload).value();
        last_number_ = frame->request_id();
        if (frame->body_as_TierHelloRequest() != nullptr) hello_number_ = last_number_;
        if (const auto* state = frame->body_as_TierStateRequest()) state->UnPackTo(&state_);
        return frame;
      }
      const auto ready = protocol::wait_readable(socket_.get(), std::chrono::steady_clock::now() + kPatience);
      REQUIRE((ready && *ready));
      REQUIRE(reader_->read_from(socket_.get()).value() != protocol::ReadState::end_of_file);
    }
  }
  template <class Request>
  typename Request::NativeTableType expect() {
    for (;;) {
      const auto* frame = take_frame();
      typename Request::NativeTableType out;
      if (const auto* body = frame->body_as<Request>()) {
        body->UnPackTo(&out);
        return out;
      }
      REQUIRE(frame->body_type() == protocol::RequestBody::TierStateRequest);
    }
  }
  template <class Request, class Item, class Items>
  std::vector<Item> gather(std::size_t count, Items items) {
    std::vector<Item> out;
    while (out.size() < count) {
      const std::vector<Item> some = items(expect<Request>());
      most_answers = std::max(most_answers, some.size());
      out.insert(out.end(), some.begin(), some.end());
    }
    return out;
  }
  [[nodiscard]] ObjectId id_in(std::uint32_t slot) const { return store_->rows().index.read(slot).id; }

  protocol::Listener listener_;
  std::unique_ptr<shm::Store> store_;
  shm::Mapping arena_;
  shm::ClientId writer_;
  shm::ClientId client_ = 0;
  shm::UniqueFd socket_;
  std::unique_ptr<protocol::FrameReader> reader_;
  std::unique_ptr<protocol::FrameWriter> writer_of_frames_;
  protocol::Encoder encoder_;
  protocol::TierHelloRequestT hello_;
  protocol::TierStateRequestT state_;
  std::uint64_t last_number_ = 0;
  std::uint64_t hello_number_ = 0;
  std::uint64_t last_grant_ = 0;
  std::uint64_t last_read_ = 0;
};

}  // namespace dolium::test
