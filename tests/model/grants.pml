/* A numbered grant: does the object stay until the client has taken its reference?
 *
 * Modelled: two objects in two slots, one client with two threads that share its pin table. Both threads waited in
 * the daemon; the object in slot 0 was granted as number 1, the one in slot 1 as number 2. Each thread takes its
 * reference through the index like any other reader, whatever the order they run in; granted_through moves on
 * only past a number all of whose predecessors are taken too (`taken`, the client's own bookkeeping, under its
 * lock). The daemon, which needs room, tries kEvictions times to evict either.
 * The grant of a slot is on the daemon's heap: a hold like a reference, until granted_through has reached it.
 *
 * Abstracted: touched pages (pin_protocol.pml), the walk, the message. A slot that is evicted is published again as
 * another object's at once.
 *
 * Property:
 *   5  a thread that was granted an object finds it; odd slots it may meet, and then it looks again.
 * Memory safety does not depend on a grant. If property 5 breaks, a get fails that should succeed, nothing else.
 *
 * Mutants (each must break 5):
 *   GRANT_EARLY         granted_through moves on before the reference is taken
 *   GRANT_OUT_OF_ORDER  a thread moves granted_through to its own number, though a smaller one is not taken yet
 *   SCAN_FIRST          the daemon reads the references, then granted_through, and makes the slot odd last: the
 *                       client has come to its reference between the two reads
 * Variant (must pass):
 *   READ_LATE           the same order of reads, but after step 1: no reader can take a reference in between
 *
 * In the code: the grantee is the client library over Attachment (client/mapped/attachment.cc); scan() is Usage::in_use()
 * and take_up_grants() (shm/store/usage.cc).
 */
#define kEvictions 3

#define CORES 3
#define DAEMON 2
#define SEQ(slot) (slot)
#define ID(slot) (2 + slot)
#define REFERENCES(slot) (4 + slot)
#define GRANTED_THROUGH 6
#define WORDS 7
#include "tso.pml"

#define is_odd(s) (s % 2 == 1)
#define id_in(slot) (1 + slot)
#define kOtherId 9

bool taken[2];

/* Under the client's lock, whose operations flush the buffer. */
inline acknowledge() {
  atomic {
    buffer[me].n == 0;
    taken[me] = true;
    if
#ifdef GRANT_OUT_OF_ORDER
    :: mem[GRANTED_THROUGH] < me + 1 -> mem[GRANTED_THROUGH] = me + 1
#else
    :: taken[0] && taken[1] -> mem[GRANTED_THROUGH] = 2
    :: taken[0] && !taken[1] -> mem[GRANTED_THROUGH] = 1
#endif
    :: else
    fi
  }
}

/* Thread 0 has grant 1 on slot 0, thread 1 has grant 2 on slot 1. */
proctype grantee(byte me) {
  byte s, id, now, old;
#ifdef GRANT_EARLY
  acknowledge();
#endif
  do
  :: load(me, SEQ(me), s);
     if
     :: is_odd(s)
     :: else ->
        load(me, ID(me), id);
        assert(id == id_in(me));                  /* property 5 */
        fetch_add(me, REFERENCES(me), old);
        load(me, SEQ(me), now);
        if
        :: now == s -> break
        :: else -> fetch_sub(me, REFERENCES(me), old)
        fi
     fi
  od;
#ifndef GRANT_EARLY
  acknowledge();
#endif
  load(me, ID(me), id);
  assert(id == id_in(me));
  fetch_sub(me, REFERENCES(me), old)
}

inline scan() {
#if defined(READ_LATE) || defined(SCAN_FIRST)
  load(DAEMON, REFERENCES(slot), word);
  held = word > 0;
  load(DAEMON, GRANTED_THROUGH, word);
  held = held || word < slot + 1;
#else
  load(DAEMON, GRANTED_THROUGH, word);
  held = word < slot + 1;
  load(DAEMON, REFERENCES(slot), word);
  held = held || word > 0;
#endif
  word = 0
}

proctype evictor() {
  byte evictions, slot, word;
  byte seq[2];
  bool held;
  seq[0] = 2;
  seq[1] = 2;
  do
  :: evictions < kEvictions ->
     evictions++;
     if
     :: slot = 0
     :: slot = 1
     fi;
#ifdef SCAN_FIRST
     scan();
     store_seq_cst(DAEMON, SEQ(slot), seq[slot] + 1);
#else
     store_seq_cst(DAEMON, SEQ(slot), seq[slot] + 1);
     scan();
#endif
     if
     :: held
     :: else -> store(DAEMON, ID(slot), kOtherId)
     fi;
     store(DAEMON, SEQ(slot), seq[slot] + 2);
     seq[slot] = seq[slot] + 2;
     d_step { slot = 0; held = false }
  :: else -> break
  od
}

init {
  d_step { mem[SEQ(0)] = 2; mem[ID(0)] = id_in(0); mem[SEQ(1)] = 2; mem[ID(1)] = id_in(1) }
  atomic { run evictor(); run grantee(0); run grantee(1) }
}
