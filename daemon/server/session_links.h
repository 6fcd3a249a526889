#pragma once
// SessionLinks: a session's places in the lists of the SessionTable, and what the server notes beside them. The base of
// Session.
//
// A link leaves its list by itself when its session is destroyed.

#include <boost/intrusive/list_hook.hpp>
#include <boost/intrusive/set_hook.hpp>

#include "shm/os/basic_types.h"

namespace dolium::daemon {

namespace links {

using Mode = boost::intrusive::link_mode<boost::intrusive::auto_unlink>;
template <class Tag>
using InList = boost::intrusive::list_base_hook<boost::intrusive::tag<Tag>, Mode>;

using Owned = InList<struct OwnedTag>;        // all sessions, or those that have ended
using Newcomer = InList<struct NewcomerTag>;  // not known to have received the reply to its HelloRequest
using Dirty = InList<struct DirtyTag>;        // has something to send, or to look at, before the loop waits
using Awake = InList<struct AwakeTag>;        // has rings, and was heard of lately: polled while the loop is awake
using ByClient = boost::intrusive::set_base_hook<boost::intrusive::tag<struct ByClientTag>, Mode>;

}  // namespace links

struct SessionLinks : links::Owned, links::Newcomer, links::Dirty, links::Awake, links::ByClient {
  shm::TimeNs connected = 0;   ///< of a newcomer
  shm::TimeNs last_heard = 0;  ///< through its rings, while it is awake; 0: in this turn
  bool is_spiller = false;     ///< it has shown the spill tier's token
  bool copies_large = false;   ///< its last request begins a copy that several threads may make
};

}  // namespace dolium::daemon
