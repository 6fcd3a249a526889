#pragma once
// Grants: references that the daemon keeps for this client until it has taken its own. See GetReply in messages.fbs.

#include "client/mapped/attachment.h"
#include "client/remote/call.h"

namespace dolium::detail {

/// Takes references to the objects that a reply grants: call.taken[i] is the object call.ids[i], if it was granted.
/// Then the grant is given back. By the leader, in the order of the replies. After a server's death an object may be
/// missing that was granted: one that was taken or removed meanwhile.
void take_granted(Attachment& attachment, Call& call, const protocol::ReplyFrame& frame);

}  // namespace dolium::detail
