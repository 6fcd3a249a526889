/* The daemon is killed at any point, even in its own recovery, and another one continues with the same memory. Is every
 * object unchanged, and is no memory reused under a reader or a writer?
 *
 * Modelled: two slots, three extents; the daemon; one reader; one creator, which has an extent and writes to
 * it at any time. The daemon is killed up to kCrashes times, between any two of its steps. Its stores
 * are not lost (the store buffer of a killed process drains), but its private data is. Its successor knows only the
 * words below, and treats every extent that no row claims as free.
 * STATE is the row's margin (step 0; its `state` and `operation` in one word). A row claims the
 * extent at OFFSET unless it is vacant.
 *
 *   live       linked, even                            removed  odd; its extent is free when nobody holds it
 *   evicting   undone by the successor                 vacant   odd, unlinked, claims nothing
 *   relocating undone or finished: the offset says     writing  odd, unlinked, claims its creator's extent; if it
 *   deleting   finished                                         is found even, the seal had gone through
 *
 * Abstracted: the chain (`linked` is a bit), grants, waiting.
 *
 * Properties:
 *   1, 2  as in pin_protocol.pml, across restarts
 *   6     when all is quiet, each row is live (even, linked), removed, writing or vacant (odd, unlinked), and no
 *         two rows claim one extent
 *
 * Mutants (each must break 1, 2 or 6):
 *   NOTE_LATE        step 0 comes after step 1
 *   NOTE_CLEARED     an eviction that is called off clears its note before the slot is even again
 *   UNLINK_EARLY     an eviction unlinks first and commits (evicting -> removed) then
 *   FORGET_PINS      the successor frees removed rows without a look at the pin tables of living processes
 *   FORGET_UNSEALED  the successor frees what was being written, while its creator lives
 *   STATE_ALONE      the successor takes a row that says `writing` for unsealed, though its seq is even
 *
 * In the code: the operations are publish(), retire(), evict_unused() and relocate() of SealedObjects over shm/table/object_index.cc and
 * shm/table/slot_margin.h; recover_row() is Store::recover() (shm/store/store_recovery.cc), which tests/shm/store_recovery_test.cc kills
 * before each of its stores.
 */
#ifndef kOperations
#define kOperations 2
#endif
#ifndef kCrashes
#define kCrashes 1
#endif

#define CORES 2
#define DAEMON 1
#define SEQ(slot) (slot)
#define ID(slot) (2 + slot)
#define OFFSET(slot) (4 + slot)
#define LINKED(slot) (6 + slot)
#define STATE(slot) (8 + slot)
#define REFERENCES(slot) (10 + slot)
#define BYTES(extent) (12 + extent)
#define WORDS 15
#include "tso.pml"

#define is_odd(s) (s % 2 == 1)

#define vacant 0
#define live 1
#define evicting 2
#define relocating 3
#define deleting 4
#define removed 5
#define writing 6

byte creators_extent;                 /* extent + 1; 0: none */
bool creator_gone;
bool killed, finished;
byte operations, incarnation = 1;     /* odd: bytes of object 1, which the reader wants; 2: the creator's */

proctype creator() {
  if
  :: creators_extent > 0 -> mem[BYTES(creators_extent - 1)] = 2; creator_gone = true
  :: finished && creators_extent == 0
  fi
}

proctype reader(byte me) {
  byte slot, s, now, offset, bytes;
  if
  :: slot = 0
  :: slot = 1
  fi;
  load(me, LINKED(slot), now);
  load(me, SEQ(slot), s);
  if
  :: is_odd(s) || now == 0
  :: else ->
     load(me, ID(slot), now);
     if
     :: now != 1
     :: else ->
        fetch_add(me, REFERENCES(slot), now);
        load(me, SEQ(slot), now);
        if
        :: now == s ->
           load(me, OFFSET(slot), offset);
           load(me, BYTES(offset), bytes);
           assert(is_odd(bytes));                             /* property 1 */
           load(me, OFFSET(slot), now);
           assert(now == offset);                             /* property 2 */
           load(me, BYTES(offset), now);
           assert(now == bytes)                               /* property 1 */
        :: else
        fi;
        fetch_sub(me, REFERENCES(slot), now)
     fi
  fi
}

inline scan() {
  load(DAEMON, REFERENCES(slot), word);
  held = word > 0
}

inline publish() {
  load(DAEMON, SEQ(slot), word);
  store(DAEMON, SEQ(slot), word + 1)
}

inline make_odd() {
  load(DAEMON, SEQ(slot), word);
  store_seq_cst(DAEMON, SEQ(slot), word + 1)
}

/* The allocator, as a successor would rebuild it. */
inline choose_free_extent() {
  claimed = 0;
  load(DAEMON, STATE(0), word);
  if
  :: word != vacant -> load(DAEMON, OFFSET(0), word); claimed = claimed | (1 << word)
  :: else
  fi;
  load(DAEMON, STATE(1), word);
  if
  :: word != vacant -> load(DAEMON, OFFSET(1), word); claimed = claimed | (1 << word)
  :: else
  fi;
  if
  :: !(claimed & 1) -> to = 0
  :: !(claimed & 2) -> to = 1
  :: !(claimed & 4) -> to = 2
  fi;
  claimed = 0
}

inline reclaim() {                                            /* of a removed row */
  store(DAEMON, LINKED(slot), 0);
  scan();
  if
#ifdef FORGET_PINS
  :: held && !recovering
#else
  :: held
#endif
  :: else -> store(DAEMON, STATE(slot), vacant)               /* before the extent is given to anybody */
  fi
}

inline recover_row() {
  load(DAEMON, STATE(slot), state);
  load(DAEMON, SEQ(slot), word);
  if
  :: state == evicting || state == relocating ->
     if
     :: is_odd(word) -> publish()
     :: else
     fi;
     store(DAEMON, STATE(slot), live)
  :: state == deleting ->
     if
     :: !is_odd(word) -> make_odd()
     :: else
     fi;
     store(DAEMON, STATE(slot), removed);
     reclaim()
  :: state == removed -> reclaim()
#ifndef STATE_ALONE
  :: state == writing && !is_odd(word) -> store(DAEMON, STATE(slot), live)
  :: state == writing && is_odd(word) ->
#else
  :: state == writing ->
#endif
     store(DAEMON, LINKED(slot), 0);
#ifndef FORGET_UNSEALED
     load(DAEMON, OFFSET(slot), word);
     if
     :: creators_extent == word + 1 && !creator_gone          /* quarantined until its creator is gone */
     :: else -> store(DAEMON, STATE(slot), vacant)
     fi
#else
     store(DAEMON, STATE(slot), vacant)
#endif
  :: else
  fi
}

inline evict() {
#ifdef NOTE_LATE
  make_odd();
  store(DAEMON, STATE(slot), evicting);                       /* step 0, too late */
#else
  store(DAEMON, STATE(slot), evicting);                       /* step 0 */
  make_odd();                                                 /* step 1 */
#endif
  scan();                                                     /* step 2 */
  if
#ifdef NOTE_CLEARED
  :: held -> store(DAEMON, STATE(slot), live); publish()
#else
  :: held -> publish(); store(DAEMON, STATE(slot), live)      /* step 3 */
#endif
  :: else ->
#ifdef UNLINK_EARLY
     store(DAEMON, LINKED(slot), 0);
#endif
     store(DAEMON, STATE(slot), removed);                     /* from here on there is no way back */
     reclaim()
  fi
}

inline delete() {
  store(DAEMON, STATE(slot), deleting);
  make_odd();
  store(DAEMON, STATE(slot), removed);
  reclaim()
}

inline relocate() {
  choose_free_extent();
  load(DAEMON, OFFSET(slot), word);
  mem[BYTES(to)] = mem[BYTES(word)];
  store(DAEMON, STATE(slot), relocating);
  make_odd();
  scan();
  if
  :: held
  :: else -> store(DAEMON, OFFSET(slot), to)
  fi;
  publish();
  store(DAEMON, STATE(slot), live)
}

inline claim_row() {                                          /* before the extent is given to anybody */
  choose_free_extent();
  store(DAEMON, OFFSET(slot), to);
  store(DAEMON, STATE(slot), writing)
}

inline seal(id) {
  store(DAEMON, ID(slot), id);
  store(DAEMON, LINKED(slot), 1);
  publish();                                                  /* from here on it is sealed */
  store(DAEMON, STATE(slot), live)
}

inline operate() {
  do
  :: operations < kOperations ->
     operations++;
     if
     :: slot = 0
     :: slot = 1
     fi;
     load(DAEMON, STATE(slot), state);
     if
     :: state == live -> evict()
     :: state == live -> delete()
     :: state == live -> relocate()
     :: state == removed -> reclaim()
     :: state == vacant ->                                    /* put: the daemon writes the bytes itself */
        claim_row();
        d_step { incarnation = incarnation + 2; mem[BYTES(to)] = incarnation }
        seal(1)
     :: state == vacant && creators_extent == 0 ->            /* create */
        claim_row();
        creators_extent = to + 1
     :: state == writing && creator_gone -> seal(2)
     :: state == writing && !creator_gone
     fi;
     d_step { slot = 0; state = 0; word = 0; to = 0; held = false }
  :: else -> break
  od
}

inline check_row(this) {
  assert(mem[STATE(this)] == live || mem[STATE(this)] == removed || mem[STATE(this)] == writing ||
         mem[STATE(this)] == vacant);
  assert((mem[STATE(this)] == live) == !is_odd(mem[SEQ(this)]));
  assert((mem[STATE(this)] == live) == (mem[LINKED(this)] == 1))
}

proctype store_daemon() {
  byte slot, state, word, to, claimed;
  bool held, recovering;
start:
  {
    recovering = true;
    slot = 0;
    recover_row();
    slot = 1;
    recover_row();
    d_step { slot = 0; state = 0; word = 0; held = false; recovering = false }
    operate();
    atomic { !killed && buffer[DAEMON].n == 0 -> finished = true }
  } unless { killed };
  if
  :: killed ->
     d_step {
       buffer[DAEMON].n == 0;
       killed = false;
       slot = 0; state = 0; word = 0; to = 0; claimed = 0; held = false; recovering = false
     }
     goto start
  :: else
  fi;
  d_step {                                                    /* property 6 */
    check_row(0);
    check_row(1);
    assert(mem[STATE(0)] == vacant || mem[STATE(1)] == vacant || mem[OFFSET(0)] != mem[OFFSET(1)])
  }
}

proctype killer() {
  byte crashes;
  do
  :: atomic { crashes < kCrashes && !finished && !killed -> crashes++; killed = true }
  :: break
  od
}

init {
  d_step {
    mem[SEQ(0)] = 2; mem[ID(0)] = 1; mem[LINKED(0)] = 1; mem[STATE(0)] = live; mem[BYTES(0)] = 1;
    mem[SEQ(1)] = 1; mem[OFFSET(1)] = 1
  }
  atomic { run store_daemon(); run killer(); run creator(); run reader(0) }
}
