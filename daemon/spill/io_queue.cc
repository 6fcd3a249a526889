#include "daemon/spill/io_queue.h"

#include <cerrno>
#include <utility>

#include "daemon/spill/format.h"

namespace dolium::spill {
namespace {

constexpr int kAgain = -1;  // of advance(): not done yet

}  // namespace

IoQueue::~IoQueue() {
  while (!under_way_.empty()) {
    ended_.clear();
    layer_.reap(ended_, true);
    for (const IoResult& result : ended_) under_way_.erase(result.token);
  }
}

void IoQueue::read(FilePtr file, std::uint64_t offset, std::span<std::byte> into, Done done) {
  begin({Io{IoKind::read, std::move(file), offset, into.data(), into.size(), 0}, std::move(done)});
}

void IoQueue::write(FilePtr file, std::uint64_t offset, std::span<const std::byte> bytes, Done done) {
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-const-cast): a write only reads its bytes
  auto* data = const_cast<std::byte*>(bytes.data());
  begin({Io{IoKind::write, std::move(file), offset, data, bytes.size(), 0}, std::move(done)});
}

void IoQueue::sync(FilePtr file, Done done) {
  begin({Io{IoKind::sync, std::move(file), 0, nullptr, 0, 0}, std::move(done)});
}

void IoQueue::begin(Operation operation) {
  waiting_.push_back(std::move(operation));
  start_waiting();
}

void IoQueue::start_waiting() {
  while (!waiting_.empty() && under_way_.size() < kDepth) {
    Operation next = std::move(waiting_.front());
    waiting_.pop_front();
    next.io.token = ++last_token_;
    const Io io = next.io;
    under_way_.emplace(io.token, std::move(next));
    layer_.submit(io);
  }
}

bool IoQueue::run(bool wait) {
  if (under_way_.empty()) return false;
  ended_.clear();
  layer_.reap(ended_, wait);
  const std::vector<IoResult> ended = std::exchange(ended_, {});
  for (const IoResult& result : ended) settle(result);
  start_waiting();
  return !ended.empty();
}

void IoQueue::settle(const IoResult& result) {
  auto node = under_way_.extract(result.token);
  if (node.empty()) return;
  Operation operation = std::move(node.mapped());
  const int error = advance(operation, result.result);
  if (error == kAgain)
    waiting_.push_front(std::move(operation));
  else
    operation.done(error);
}

/// Returns an errno, 0 at the end, or kAgain: the rest is still to do.
int IoQueue::advance(Operation& operation, std::int64_t result) {
  Io& io = operation.io;
  if (result == -EINTR || result == -EAGAIN) return ++operation.vain > kMaxVain ? EIO : kAgain;
  if (result < 0) return static_cast<int>(-result);
  if (io.kind == IoKind::sync || static_cast<std::uint64_t>(result) >= io.size) return 0;
  if (result == 0 && io.kind == IoKind::read) return ENODATA;  // the file ends here
  const std::size_t whole = static_cast<std::size_t>(result) / kBlockBytes * kBlockBytes;
  operation.vain = whole == 0 ? operation.vain + 1 : 0;
  io.offset += whole;
  io.bytes += whole;
  io.size -= whole;
  return operation.vain > kMaxVain ? EIO : kAgain;
}

}  // namespace dolium::spill
