/* A release wakes a create that waits for room: can the daemon sleep for ever although the object is no longer held?
 *
 * Modelled: one slot, whose object must go to make room; two clients; the daemon with one request that waits.
 * Client 0 holds a reference from the start, releases it, and does one more get, which succeeds or is turned away
 * at step 3 (so drops a reference that the daemon may have seen). Client 1 is given grant 1 for the object: it
 * takes its reference or is turned away, moves granted_through on, and releases, in either order (a second thread
 * may release as soon as the reference is there).
 * The daemon: retire; if the object is held, publish it again, set release_wanted, scan again, sleep on
 * the eventfd, drain it, begin anew. An eventfd is a count in the kernel, so it has no store buffer. There is no
 * periodic rescan here: the protocol must be right without it.
 *
 * Property:
 *   3  when every client has finished, the daemon is not asleep: it has its room. (spin reports a sleeper that
 *      nothing can wake as an invalid end state.)
 *
 * Variant (must pass):
 *   DELETED            the object was removed, not chosen for eviction: its slot stays odd while the daemon waits
 *
 * Mutants (each must end asleep):
 *   SLEEP_BEFORE_SCAN  release_wanted is set after the last scan
 *   NO_FENCE_DAEMON    release_wanted is a plain store: it may still be in the store buffer during the scan
 *   NO_FENCE_READER    the decrement is a plain subtraction: it may still be in the buffer at the look
 *   SILENT_DROP        a get turned away at step 3 drops its reference without the look
 *   SILENT_GRANT       granted_through moves on without the look
 *   RELAXED_GRANT      granted_through moves on by a plain store: it may still be in the buffer at the look
 *   DRAIN_AFTER_SCAN   the eventfd is drained after the last scan, not on waking
 *
 * In the code: get(), drop() and let_go() are Holder::hold() and release() (shm/table/holder.cc), the eventfd and
 * acknowledge_grant() client/mapped/attachment.cc; the waiter is shm/store/create_waits.cc over Room::make_room(), woken by
 * daemon/server/session.cc.
 */
#define CORES 3
#define DAEMON 2
#define SEQ 0
#define REFERENCES(client) (1 + client)
#define RELEASE_WANTED 3
#define GRANTED_THROUGH 4
#define WORDS 5
#include "tso.pml"

#define is_odd(s) (s % 2 == 1)

byte eventfd;
bool has_room;

inline look() {
  load(me, RELEASE_WANTED, word);
  if
  :: word == 1 -> eventfd = 1
  :: else
  fi
}

inline let_go() {
#ifdef NO_FENCE_READER
  load(me, REFERENCES(me), old);
  store(me, REFERENCES(me), old - 1);
#else
  fetch_sub(me, REFERENCES(me), old);
#endif
  if
  :: old == 1 -> look()
  :: else
  fi
}

inline drop() {
#ifdef SILENT_DROP
  fetch_sub(me, REFERENCES(me), old)
#else
  let_go()
#endif
}

/* Steps 1 to 3. What is odd, or turned away, counts as not got: the daemon is asked, which is not modelled. */
inline get() {
  got = false;
  load(me, SEQ, s);
  if
  :: is_odd(s)
  :: else ->
     fetch_add(me, REFERENCES(me), old);
     load(me, SEQ, word);
     if
     :: word == s -> got = true
     :: else -> drop()
     fi
  fi
}

inline acknowledge_grant() {
#ifdef RELAXED_GRANT
  store(me, GRANTED_THROUGH, 1);
#else
  store_seq_cst(me, GRANTED_THROUGH, 1);
#endif
#ifndef SILENT_GRANT
  look()
#endif
}

proctype holder(byte me) {
  byte s, old, word;
  bool got;
  let_go();
  get();
  if
  :: got -> let_go()
  :: else
  fi
}

proctype grantee(byte me) {
  byte s, old, word;
  bool got;
  get();
  if
  :: got -> acknowledge_grant(); let_go()
  :: got -> let_go(); acknowledge_grant()
  :: else -> acknowledge_grant()                  /* cancelled, or removed meanwhile: acknowledged all the same */
  fi
}

inline scan() {
  load(DAEMON, GRANTED_THROUGH, word);            /* either may be read first */
  held = (word < 1);
  load(DAEMON, REFERENCES(0), word);
  held = held || word > 0;
  load(DAEMON, REFERENCES(1), word);
  held = held || word > 0;
  word = 0
}

proctype waiter() {
  byte seq, word;
  bool held;
  seq = 2;
  do
  :: has_room -> break
  :: else ->
     if
     :: seq % 2 == 0 -> seq++; store_seq_cst(DAEMON, SEQ, seq)
     :: else
     fi;
     scan();
     if
     :: !held -> has_room = true                  /* stays odd; the slot is the daemon's */
     :: else ->
#ifndef DELETED
        seq++;
        store(DAEMON, SEQ, seq);
#endif
#if defined(SLEEP_BEFORE_SCAN)
        scan();
        store_seq_cst(DAEMON, RELEASE_WANTED, 1);
#elif defined(NO_FENCE_DAEMON)
        store(DAEMON, RELEASE_WANTED, 1);
        scan();
#else
        store_seq_cst(DAEMON, RELEASE_WANTED, 1);
        scan();
#endif
        if
        :: !held                                  /* somebody let go in between: try again */
        :: else ->
#ifdef DRAIN_AFTER_SCAN
           eventfd = 0;
           eventfd > 0
#else
           eventfd > 0;                           /* asleep */
           eventfd = 0
#endif
        fi
     fi
  od
}

init {
  d_step { mem[SEQ] = 2; mem[REFERENCES(0)] = 1 }
  atomic { run waiter(); run holder(0); run grantee(1) }
}
