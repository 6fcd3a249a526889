// What a Connection does when the daemon's server has died or made way: see connection.h and HelloRequest.resume_of in
// messages.fbs. All of it is done by the one thread that reads; the others wait for their answers as ever.

#include <sys/epoll.h>

#include <algorithm>
#include <new>

#include "client/remote/connection.h"
#include "client/remote/greeting.h"
#include "shm/os/system_error.h"

namespace dolium::detail {

/// Not before the handshake is over; not when the daemon said goodbye or the store is gone; not in a child, whose
/// connection it is not.
bool Connection::may_resume() const {
  if (attachment_ == nullptr || attachment_->inherited() || closing_ || fork_token_ == 0 || gone_for_good())
    return false;
  const std::lock_guard lock(traffic_->mutex);
  return traffic_->goodbye.empty() && !traffic_->failure;
}

void Connection::lost(const Error& error) {
  if (!may_resume()) return fail(error);
  Result<Resumed> next =
      resume_session({path_, session_id_, fork_token_}, wants_rings_, protocol::deadline_after(kResumePatience));
  const Result<void> resumed = next ? go_on_over(*std::move(next)) : Result<void>(next.error());
  if (!resumed) fail({Errc::disconnected, error.message + "; " + resumed.error().message});
}

Result<void> Connection::go_on_over(Resumed next) {
  std::vector<std::shared_ptr<Call>> unknown;
  {
    const std::lock_guard writing(traffic_->write_mutex);
    // An epoll watches what is open, not its number; a forked child may keep the old one open.
    ::epoll_ctl(poll_fd_.get(), EPOLL_CTL_DEL, socket_->get(), nullptr);
    if (!socket_->replace_by(std::move(next.socket))) return shm::system_error("put a connection in another's place");
    epoll_event interest{};
    interest.events = EPOLLIN;
    if (::epoll_ctl(poll_fd_.get(), EPOLL_CTL_ADD, socket_->get(), &interest) != 0)
      return shm::system_error("watch a descriptor for callbacks");
    traffic_->writer.emplace();  // what is left of old frames is nobody's
    traffic_->reader.emplace();
    traffic_->channel = {};
    if (next.rings) traffic_->channel.use_rings(*std::move(next.rings), protocol::RingPair::Side::client);
    unknown = ask_again();
    epoch_.fetch_add(1, std::memory_order_acq_rel);
    traffic_->unsent = true;
  }
  const Error lost{Errc::disconnected,
                   "the daemon's server has died, or was replaced, and another goes on with its objects; whether this "
                   "request was carried out is not known: look (exists, metadata) before you repeat it"};
  bool short_of_memory = false;
  for (const std::shared_ptr<Call>& call : unknown) try {
      call->failure = lost;
      complete(call);
    } catch (const std::bad_alloc&) {  // all the others shall hear of it
      call->failure = Error{Errc::disconnected, "no memory"};
      wake(*call);
      short_of_memory = true;
    }
  if (short_of_memory) throw std::bad_alloc();
  completions_.poke();
  flush(Patience::none);
  return {};
}

/// Asks the new server what may be asked twice, and returns the other calls that the old one had been sent. Under
/// write_mutex: what is not sent yet will be, by who began it.
std::vector<std::shared_ptr<Call>> Connection::ask_again() {
  std::vector<std::shared_ptr<Call>> unknown;
  const std::lock_guard lock(traffic_->mutex);
  traffic_->lost_deferred |= has_deferred();
  settled_.store(deferred_.load(std::memory_order_relaxed), std::memory_order_relaxed);
  const auto push = [this](const auto& frame) {
    // The queue was empty, and holds what the old one did at most.
    if (frame) static_cast<void>(traffic_->writer->push(*frame));
  };
  for (auto& [number, stream] : traffic_->streams) {
    Event gap;  // what happened meanwhile was told to nobody
    gap.kind = Event::Kind::overflow;
    stream->add(gap);
    stream->wake.notify_one();
    if (!traffic_->calls.contains(number)) push(traffic_->encoder.encode(number, protocol::SubscribeRequestT()));
  }
  std::vector<ObjectId> unheard;
  for (auto entry = traffic_->calls.begin(); entry != traffic_->calls.end();) {
    const std::shared_ptr<Call>& call = entry->second;
    if (call->sent && call->again) push(call->again(traffic_->encoder, entry->first));
    if (!call->sent || call->again) {
      ++entry;
      continue;
    }
    if (call->creating) unheard.push_back(*call->creating);
    unknown.push_back(call);
    entry = traffic_->calls.erase(entry);
  }
  for (const ObjectId& id : unheard) {
    protocol::AbortRequestT abort;
    abort.id = protocol::to_wire_pointer(id);
    abort.abandoned = true;
    for (const auto& [written, offset] : traffic_->extents)
      if (written == id) abort.spared.push_back(offset);
    const auto call = std::make_shared<Call>();  // this server may die of it, too, and then the next one is told
    call->remember(abort);
    traffic_->calls.emplace(++traffic_->last_number, call);
    push(traffic_->encoder.encode(traffic_->last_number, std::move(abort)));
  }
  return unknown;
}

}  // namespace dolium::detail
