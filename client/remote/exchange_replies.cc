// Messages from the daemon, and the calls that they answer. See exchange.h.

#include <new>
#include <utility>

#include "client/remote/exchange.h"

namespace dolium::detail {

Result<const void*> Call::body(protocol::ReplyBody kind) const {
  if (failure) return *failure;
  const auto* frame = flatbuffers::GetRoot<protocol::ReplyFrame>(payload.data());
  if (const auto* error = frame->body_as_ErrorReply()) return protocol::from_wire(*error);
  if (frame->body_type() != kind)
    return Error{Errc::protocol_error, "the daemon answered a question that was not asked"};
  return frame->body();
}

void Exchange::dispatch(std::span<const std::byte> payload) {
  const auto frame = protocol::decode<protocol::ReplyFrame>(payload);
  if (!frame) return fail(frame.error());
  const std::uint64_t number = (*frame)->request_id();
  switch ((*frame)->body_type()) {
    case protocol::ReplyBody::GoodbyeNotice: {
      const std::lock_guard lock(mutex_);
      goodbye_ = protocol::from_wire((*frame)->body_as_GoodbyeNotice()->reason());
      return;
    }
    case protocol::ReplyBody::EventNotice:
    case protocol::ReplyBody::PutFailedNotice: return session_.take_notice(number, **frame);
    default: return deliver(number, **frame, payload);
  }
}

void Exchange::deliver(std::uint64_t number, const protocol::ReplyFrame& frame, std::span<const std::byte> payload) {
  std::shared_ptr<Call> call;
  {
    const std::lock_guard lock(mutex_);
    const auto found = calls_.find(number);
    if (found == calls_.end()) return;  // the daemon answers each request once; a second answer has no reader
    call = std::move(found->second);
    calls_.erase(found);
  }
  try {
    session_.take_reply(*call, frame);
    call->payload.assign(payload.begin(), payload.end());
    call->epoch = epoch();
  } catch (const std::bad_alloc&) {
    call->failure = Error{Errc::system_error, "no memory for the daemon's answer (Cannot allocate memory)"};
    session_.drop_reply(*call, frame);
  }
  complete(call);
}

void Exchange::complete(const std::shared_ptr<Call>& call) {
  try {
    if (call->on_answer) call->on_answer(*call);
  } catch (const std::bad_alloc&) {                          // the waiting thread must still be woken
    call->failure = Error{Errc::system_error, "no memory"};  // short enough to need none
    wake(*call);
    throw;
  }
  wake(*call);
}

void Exchange::wake(Call& call) {
  const std::lock_guard lock(mutex_);
  call.answered = true;
  call.wake.notify_one();
}

}  // namespace dolium::detail
