/* The pin protocol: can the daemon reuse a slot's memory while a client reads it?
 *
 * Modelled: two slots, two object ids, three extents, one word for each; the daemon, and two readers, which are
 * two clients with a pin table each or (-DTHREADS) two threads that share one client's table. Every word lies in
 * memory under x86-TSO (tso.pml). The daemon does kOperations operations, any on any slot: evict (revert when
 * held), delete (stay odd when held, sweep later), relocate, create into a free slot. The first reader does kGets
 * gets, the second one get, each of: find, take, check, read, read again, release.
 * A freed extent is overwritten at once, without the daemon's store buffer: its next owner is another client on
 * another core. Bytes are numbered by incarnation (odd: object 1, even: object 2), so that a
 * re-created object's bytes are not the old one's.
 *
 * Abstracted: the walk along a bucket (a reader may arrive at any slot; bucket_chain.pml walks), ids of one
 * word (bucket_chain.pml tears them), the socket, grants (grants.pml), waiting (release_wanted.pml), a death of
 * the daemon (restart.pml), that the daemon clears touched bits (settling.pml). A page of a pin table holds one slot, so a touched bit speaks for one slot.
 *
 * Properties, for every interleaving and every delay of every store:
 *   1  between a successful step 3 and its release, a reader sees the bytes of the object that it asked for, and
 *      the same ones at its second look: no extent and no slot is reused under it;
 *   2  a held slot's offset does not change (relocation).
 *
 * Variant (must pass): THREADS, above.
 *
 * Mutants (each must break property 1 or 2):
 *   NO_FENCE_READER  step 2 is a plain add: it may still be in the store buffer at step 3
 *   NO_FENCE_DAEMON  step 1 is a plain store: it may still be in the store buffer during the scan
 *   NO_RECHECK       no step 3
 *   TOUCH_UNFENCED   the page's touched bit is set with a plain store: it may still be in the store buffer at step 3
 *   SCAN_FIRST       the daemon looks at the references before it makes the slot odd
 *   FLIP_HELD        relocation flips the offset whatever the scan said
 *
 * In the code: reader() is Holder::hold() and release() (shm/table/holder.cc) over shm/table/index_reader.cc and
 * shm/table/pin_table.cc, where add_reference() is take() and touch(). make_odd() and publish() are begin_retire() and
 * cancel_retire() of shm/table/object_index.cc, scan() is Usage::in_use() (shm/store/usage.cc); evict and delete are
 * SealedObjects::evict_unused() and retire(), relocate is SealedObjects::relocate() (shm/store/sealed_objects.cc).
 */
#define kOperations 3
#ifndef kGets
#define kGets 1
#endif

#define CORES 3
#define DAEMON 2
#define SEQ(slot) (slot)
#define ID(slot) (2 + slot)
#define OFFSET(slot) (4 + slot)
#define REFERENCES(client, slot) (6 + 2 * client + slot)
#define TOUCHED(client, slot) (10 + 2 * client + slot)
#define BYTES(extent) (14 + extent)
#define WORDS 17
#include "tso.pml"

#define is_odd(s) (s % 2 == 1)
#define object_of(bytes) (2 - bytes % 2)

#ifdef THREADS
#define client_of(reader) 0
#define kClients 1
#else
#define client_of(reader) reader
#define kClients 2
#endif

inline take(client) {
#ifdef NO_FENCE_READER
  add_without_fence(me, REFERENCES(client, slot), old);
#else
  fetch_add(me, REFERENCES(client, slot), old);
#endif
}

/* After step 2, because the daemon clears the bit again (settling.pml). */
inline touch(client) {
  load(me, TOUCHED(client, slot), old);
  if
#ifdef TOUCH_UNFENCED
  :: old == 0 -> store(me, TOUCHED(client, slot), 1)
#else
  :: old == 0 -> store_seq_cst(me, TOUCHED(client, slot), 1)  /* fetch_or */
#endif
  :: else
  fi
}

proctype reader(byte me; byte wanted; byte rounds) {
  byte gets, slot, s, now, id, offset, bytes, old;
  do
  :: gets < rounds ->
     gets++;
     if
     :: slot = 0
     :: slot = 1
     fi;
     load(me, SEQ(slot), s);                                  /* step 1 */
     if
     :: is_odd(s)                                             /* undecided: ask the daemon */
     :: else ->
        load(me, ID(slot), id);
        if
        :: id != wanted
        :: else ->
           take(client_of(me));                               /* step 2 */
           touch(client_of(me));
           load(me, SEQ(slot), now);                          /* step 3 */
           if
#ifdef NO_RECHECK
           :: true ->
#else
           :: now == s ->
#endif
              load(me, OFFSET(slot), offset);
              load(me, BYTES(offset), bytes);
              assert(bytes != 0 && object_of(bytes) == wanted);   /* property 1 */
              load(me, OFFSET(slot), now);
              assert(now == offset);                          /* property 2 */
              load(me, BYTES(offset), now);
              assert(now == bytes)                            /* property 1 */
#ifndef NO_RECHECK
           :: else                                            /* not ours: drop it again */
#endif
           fi;
           fetch_sub(me, REFERENCES(client_of(me), slot), old)
        fi
     fi;
     d_step { slot = 0; s = 0; now = 0; id = 0; offset = 0; bytes = 0; old = 0 }
  :: else -> break
  od
}

mtype = { live, removed, vacant };

inline scan() {                                               /* step 2 of the daemon */
  held = 0;
  c = 0;
  do
  :: c < kClients ->
     load(DAEMON, TOUCHED(c, slot), word);
     if
     :: word == 0                                             /* never touched: don't allocate the page */
     :: else ->
        load(DAEMON, REFERENCES(c, slot), word);
        held = held || word > 0
     fi;
     c++
  :: else -> c = 0; word = 0; break
  od
}

inline make_odd() {                                           /* step 1 of the daemon */
#ifdef NO_FENCE_DAEMON
  store(DAEMON, SEQ(slot), seq[slot] + 1)
#else
  store_seq_cst(DAEMON, SEQ(slot), seq[slot] + 1)
#endif
}

inline retire() {
#ifdef SCAN_FIRST
  scan();
  make_odd();
#else
  make_odd();
  scan();
#endif
  seq[slot]++
}

inline publish() {
  store(DAEMON, SEQ(slot), seq[slot] + 1);
  seq[slot]++
}

/* The extent goes to another client, which writes at once. */
inline reuse_extent(extent) {
  d_step { mem[BYTES(extent)] = 0; used[extent] = 0 }
}

inline choose_free_extent() {
  if
  :: !used[0] -> to = 0
  :: !used[1] -> to = 1
  :: !used[2] -> to = 2
  fi
}

proctype store_daemon() {
  byte operations, slot, c, word, to, id;
  bool held;
  /* The daemon's own view: shm/store/store.cc never reads its own row back to decide. */
  mtype state[2];
  byte seq[2], at[2], object[2], incarnation[2];
  bool used[3];
  d_step {
    state[0] = live; seq[0] = 2; at[0] = 0; object[0] = 1; used[0] = 1; incarnation[0] = 1;
    state[1] = live; seq[1] = 2; at[1] = 1; object[1] = 2; used[1] = 1; incarnation[1] = 2
  }
  do
  :: operations < kOperations ->
     operations++;
     if
     :: slot = 0
     :: slot = 1
     fi;
     if
     :: state[slot] == live ->                                /* evict */
        retire();
        if
        :: held -> publish()
        :: else -> reuse_extent(at[slot]); state[slot] = vacant
        fi
     :: state[slot] == live ->                                /* delete */
        retire();
        if
        :: held -> state[slot] = removed
        :: else -> reuse_extent(at[slot]); state[slot] = vacant
        fi
     :: state[slot] == live ->                                /* relocate */
        choose_free_extent();
        mem[BYTES(to)] = mem[BYTES(at[slot])];                /* copied while it stays visible */
        used[to] = 1;
        retire();
        if
#ifndef FLIP_HELD
        :: held -> publish(); reuse_extent(to)
#endif
        :: else ->
           store(DAEMON, OFFSET(slot), to);
           publish();
           reuse_extent(at[slot]);
           at[slot] = to
        fi
     :: state[slot] == removed ->                             /* sweep */
        scan();
        if
        :: held
        :: else -> reuse_extent(at[slot]); state[slot] = vacant
        fi
     :: state[slot] == vacant ->                              /* create, write, seal */
        if
        :: id = 1
        :: id = 2
        fi;
        choose_free_extent();
        d_step {
          incarnation[id - 1] = incarnation[id - 1] + 2;
          mem[BYTES(to)] = incarnation[id - 1];
          used[to] = 1; at[slot] = to; object[slot] = id; state[slot] = live
        }
        store(DAEMON, ID(slot), id);
        store(DAEMON, OFFSET(slot), to);
        publish()
     fi;
     d_step { slot = 0; to = 0; id = 0; held = 0 }
  :: else -> break
  od
}

init {
  d_step {
    mem[SEQ(0)] = 2; mem[ID(0)] = 1; mem[OFFSET(0)] = 0; mem[BYTES(0)] = 1;
    mem[SEQ(1)] = 2; mem[ID(1)] = 2; mem[OFFSET(1)] = 1; mem[BYTES(1)] = 2;
    mem[TOUCHED(0, 0)] = 1; mem[TOUCHED(1, 0)] = 1            /* slot 0 by an earlier get, slot 1 not yet */
  }
  atomic { run store_daemon(); run reader(0, 1, kGets); run reader(1, 1, 1) }
}
