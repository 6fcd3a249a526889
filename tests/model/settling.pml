/* Settling: the daemon makes a page of a pin table untouched again, while clients count references on it. Is a
 * reference ever missed, or an access?
 *
 * Modelled: one page with two slots, each with an object and its bytes; one client with two threads (two clients have no
 * word of this in common); the daemon, which does kOperations operations, each of: settle the page, evict either slot
 * (revert when held). TOUCHED and SETTLED are the page's bits. ACCESS is written by a get while it holds its reference;
 * known[] is what the daemon has read of it. The daemon may be killed kCrashes times, between any two steps of
 * settling; its stores are not lost, but known[] is. (Killed in an eviction: restart.pml.)
 * An evicted object's bytes are overwritten at once, without the daemon's store buffer.
 *
 * Properties:
 *   1    a reader that holds an object sees its bytes, as in pin_protocol.pml
 *   11   when all is quiet, an access is known to the daemon, or the page is touched
 *
 * Mutants (each must break 1 or 11):
 *   TOUCH_FIRST     the reader looks at the bit before it counts: the daemon clears it in between
 *   NO_FENCE_TOUCH  the reader sets the bit with a plain store: it may still be in the store buffer at step 3
 *   NO_FENCE_CLEAR  the daemon clears the bit with a plain store: it may still be in the store buffer during the reading
 *   READ_FIRST      the daemon reads the counts before it clears the bit
 *   LEAVE_CLEAR     the daemon leaves the bit clear where it found a reference
 *   ACCESS_FIRST    the daemon reads the access before the count
 *   NOTE_LATE       SETTLED is written after TOUCHED is cleared
 *   FORGET_SETTLED  a successor does not touch settled pages again
 *
 * In the code: count() and touch() are PinTable::add_reference(), settle() is PinTable::settle() (shm/table/pin_table.h),
 * scan() is Usage::any_in_use() (shm/store/usage.cc), recover() is PinTable::unsettle().
 */
#ifndef kOperations
#define kOperations 3
#endif
#ifndef kCrashes
#define kCrashes 1
#endif

#define CORES 3
#define DAEMON 2
#define SEQ(slot) (slot)
#define REFERENCES(slot) (2 + slot)
#define ACCESS(slot) (4 + slot)
#define BYTES(slot) (6 + slot)
#define TOUCHED 8
#define SETTLED 9
#define WORDS 10
#include "tso.pml"

#define is_odd(s) (s % 2 == 1)

byte crashes = kCrashes;
byte readers_done;

/* As locked instructions: the words have one bit here. */
#define fetch_or(core, address) store_seq_cst(core, address, 1)
#define fetch_and_not(core, address) store_seq_cst(core, address, 0)

inline touch() {
  load(me, TOUCHED, word);
  if
#ifdef NO_FENCE_TOUCH
  :: word == 0 -> store(me, TOUCHED, 1)
#else
  :: word == 0 -> fetch_or(me, TOUCHED)
#endif
  :: else
  fi
}

proctype reader(byte me) {
  byte slot, s, word;
  if
  :: slot = 0
  :: slot = 1
  fi;
  load(me, SEQ(slot), s);                                     /* step 1 */
  if
  :: is_odd(s)
  :: else ->
#ifdef TOUCH_FIRST
     touch();
     fetch_add(me, REFERENCES(slot), word);
#else
     fetch_add(me, REFERENCES(slot), word);                   /* step 2 */
     touch();
#endif
     load(me, SEQ(slot), word);                               /* step 3 */
     if
     :: word == s ->
        load(me, BYTES(slot), word);
        assert(word == 1);                                    /* property 1 */
        store(me, ACCESS(slot), me + 1);
        load(me, BYTES(slot), word);
        assert(word == 1)                                     /* property 1 */
     :: else
     fi;
     fetch_sub(me, REFERENCES(slot), word)
  fi;
  readers_done++
}

/* Between two steps of the daemon. */
inline maybe_killed() {
  if
  :: crashes > 0 -> crashes--; goto successor
  :: skip
  fi
}

inline read_page() {
  held = false;
  slot = 0;
  do
  :: slot < 2 ->
#ifdef ACCESS_FIRST
     load(DAEMON, ACCESS(slot), known[slot]);
     load(DAEMON, REFERENCES(slot), word);
#else
     load(DAEMON, REFERENCES(slot), word);
     load(DAEMON, ACCESS(slot), known[slot]);
#endif
     held = held || word > 0;
     slot++
  :: else -> slot = 0; word = 0; break
  od
}

inline settle() {
#ifndef NOTE_LATE
  store(DAEMON, SETTLED, 1);
  maybe_killed();
#endif
#ifdef READ_FIRST
  read_page();
  fetch_and_not(DAEMON, TOUCHED);
#else
#ifdef NO_FENCE_CLEAR
  store(DAEMON, TOUCHED, 0);
#else
  fetch_and_not(DAEMON, TOUCHED);
#endif
  maybe_killed();
  read_page();
#endif
#ifdef NOTE_LATE
  store(DAEMON, SETTLED, 1);
#endif
  maybe_killed();
#ifndef LEAVE_CLEAR
  if
  :: held -> fetch_or(DAEMON, TOUCHED)
  :: else
  fi
#endif
}

inline recover() {
  known[0] = 0;
  known[1] = 0;
#ifndef FORGET_SETTLED
  load(DAEMON, SETTLED, word);
  if
  :: word == 1 -> fetch_or(DAEMON, TOUCHED)
  :: else
  fi
#endif
}

inline scan() {
  held = false;
  load(DAEMON, TOUCHED, word);
  if
  :: word == 0
  :: else ->
     load(DAEMON, REFERENCES(slot), word);
     held = word > 0
  fi
}

inline evict() {
  store_seq_cst(DAEMON, SEQ(slot), 3);
  scan();
  if
  :: held -> store(DAEMON, SEQ(slot), 4); here[slot] = false  /* once is enough: even, and unchanged */
  :: else -> mem[BYTES(slot)] = 0; here[slot] = false
  fi
}

proctype store_daemon() {
  byte operations, slot, word, known[2];
  bool held, here[2];
  here[0] = true;
  here[1] = true;
  do
  :: operations < kOperations ->
     operations++;
     if
     :: settle()
     :: here[0] -> slot = 0; evict()
     :: here[1] -> slot = 1; evict()
     fi;
     d_step { slot = 0; word = 0; held = false }
  :: else -> break
  od;
  goto quiet;
successor:
  buffer[DAEMON].n == 0;
  d_step { slot = 0; word = 0; held = false }
  recover();
  do
  :: operations < kOperations ->
     operations++;
     if
     :: here[0] -> slot = 0; evict()
     :: here[1] -> slot = 1; evict()
     :: skip
     fi;
     d_step { slot = 0; word = 0; held = false }
  :: else -> break
  od;
quiet:
  readers_done == 2 && buffer[0].n == 0 && buffer[1].n == 0 && buffer[2].n == 0;
  assert(mem[TOUCHED] == 1 || (known[0] == mem[ACCESS(0)] && known[1] == mem[ACCESS(1)]))   /* property 11 */
}

init {
  d_step {
    mem[SEQ(0)] = 2; mem[BYTES(0)] = 1;
    mem[SEQ(1)] = 2; mem[BYTES(1)] = 1
  }
  atomic { run store_daemon(); run reader(0); run reader(1) }
}
