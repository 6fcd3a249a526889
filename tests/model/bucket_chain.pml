/* A reader walks a bucket while the daemon removes slots from it and reuses them. Can the reader miss an object that was
 * present all the time, or find one that never existed?
 *
 * Modelled: two buckets, each a word {head, version}; three slots. Bucket 0 chains slot 0 -> slot 1 -> slot 2, and
 * slot 2 holds the object that the seeker looks for; it stays linked. The daemon does this kRewrites times: retire slot
 * 0 or 1, unlink it, increment the version of its bucket, write another object into it, link it at the head of either
 * bucket, publish. An id is two words, so that it can be read torn.
 * The seeker walks bucket 0 for slot 2's id. The other reader (-DPHANTOM: readers change nothing here, so each runs
 * alone with the daemon) looks at slot 1, wherever it is by then, for an id whose halves both occur in objects that
 * pass through that slot and which no object has (`get` ends with step 3, `exists` with the same re-check and no
 * reference).
 *
 * Abstracted: references. No object is held here, so a slot is rewritten as soon as it is unlinked, which is the
 * worst case. A head word and its version are two fields of one atomic word, here one byte: head + 4 * version.
 * The walk does not look at `seq` of slots whose id differs: the bucket's version alone must make a miss right.
 *
 * Properties:
 *   4  the seeker finds its object or is undecided (it would walk again, then ask the daemon); never "not found";
 *   4b no reader finds an id that no object has.
 *
 * Variant (must pass): PHANTOM, above.
 *
 * Mutants (each must break 4 or 4b):
 *   NO_VERSION          the daemon does not bump
 *   NO_BUCKET_RECHECK   the reader does not look at the bucket's word again
 *   BUMP_BEFORE_UNLINK  the version is bumped first, then the slot is unlinked: a reader that starts in between
 *                       has the new version and still walks into the slot
 *   BUMP_AFTER_REWRITE  unlink, rewrite, bump
 *   NO_RECHECK          the reader does not look at seq again after it compared the id
 *   REWRITE_EVEN        the daemon writes the new fields before it makes the slot odd
 *
 * In the code: the seeker is IndexReader::find() and walk() (shm/table/index_reader.cc), the phantom seeker is
 * Attachment::exists() (client/mapped/attachment.cc) and steps 1 to 3 of Holder::hold(); the rewriter is unlink(), write()
 * and publish() of shm/table/object_index.cc.
 */
#define kRewrites 4
#define kMaxSteps 4

#define CORES 2
#define DAEMON 1
#define SEQ(slot) (slot)
#define NEXT(slot) (3 + slot)
#define ID_HIGH(slot) (6 + slot)
#define ID_LOW(slot) (9 + slot)
#define BUCKET(bucket) (12 + bucket)
#define WORDS 14
#include "tso.pml"

#define is_odd(s) (s % 2 == 1)
#define kNoSlot 3
#define head_of(word) (word % 4)
#define with_head(word, head) (word - word % 4 + head)
#define kVersion 4

proctype seeker(byte me) {
  byte bucket, again, slot, next, high, low, steps;
  load(me, BUCKET(0), bucket);
  slot = head_of(bucket);
  do
  :: slot == kNoSlot ->
#ifdef NO_BUCKET_RECHECK
     assert(false);
#else
     load(me, BUCKET(0), again);
     assert(again != bucket);                     /* property 4: not found, though it was linked all the time */
#endif
     break
  :: slot != kNoSlot && steps == kMaxSteps -> break
  :: slot != kNoSlot && steps < kMaxSteps ->
     steps++;
     load(me, ID_HIGH(slot), high);
     load(me, ID_LOW(slot), low);
     if
     :: high == 3 && low == 3 -> break            /* found, or odd: step 2 */
     :: else ->
        load(me, NEXT(slot), next);
        slot = next
     fi
  od
}

/* Slot 1 holds (1,2), then (2,1), then (1,2) ... Nothing is (1,1). */
proctype phantom_seeker(byte me) {
  byte s, high, low, again;
  load(me, SEQ(1), s);
  if
  :: is_odd(s)
  :: else ->
     load(me, ID_HIGH(1), high);
     load(me, ID_LOW(1), low);
     load(me, SEQ(1), again);
#ifdef NO_RECHECK
     again = s;
#endif
     assert(again != s || high != 1 || low != 1)   /* property 4b */
  fi
}

/* Finds who points to the slot. What the daemon reads here it wrote itself. */
inline unlink() {
  load(DAEMON, BUCKET(in[slot]), word);
#ifdef BUMP_BEFORE_UNLINK
  word = word + kVersion;
  store(DAEMON, BUCKET(in[slot]), word);
#endif
  load(DAEMON, NEXT(slot), after);
  if
  :: head_of(word) == slot ->
#if defined(NO_VERSION) || defined(BUMP_BEFORE_UNLINK) || defined(BUMP_AFTER_REWRITE)
     store(DAEMON, BUCKET(in[slot]), with_head(word, after))
#else
     store(DAEMON, BUCKET(in[slot]), with_head(word, after) + kVersion)   /* both in one store */
#endif
  :: else ->
     before = head_of(word);
     do
     :: load(DAEMON, NEXT(before), next);
        if
        :: next == slot -> break
        :: else -> before = next
        fi
     od;
     store(DAEMON, NEXT(before), after);          /* first unlink, */
#if !defined(NO_VERSION) && !defined(BUMP_BEFORE_UNLINK) && !defined(BUMP_AFTER_REWRITE)
     store(DAEMON, BUCKET(in[slot]), word + kVersion)                     /* then bump, then rewrite */
#endif
  fi
}

inline late_bump() {
#ifdef BUMP_AFTER_REWRITE
  load(DAEMON, BUCKET(in[slot]), word);
  store(DAEMON, BUCKET(in[slot]), word + kVersion)
#else
  skip
#endif
}

inline write_id() {
  load(DAEMON, ID_HIGH(slot), word);
  store(DAEMON, ID_HIGH(slot), 3 - word);
  store(DAEMON, ID_LOW(slot), word)
}

proctype rewriter() {
  byte rewrites, slot, to, word, after, before, next;
  byte seq[2], in[2];
  seq[0] = 2;
  seq[1] = 2;
  do
  :: rewrites < kRewrites ->
     rewrites++;
     if
     :: slot = 0
     :: slot = 1
     fi;
     if
     :: to = 0
     :: to = 1
     fi;
#ifdef REWRITE_EVEN
     write_id();
     store_seq_cst(DAEMON, SEQ(slot), seq[slot] + 1);
     unlink();
#else
     store_seq_cst(DAEMON, SEQ(slot), seq[slot] + 1);
     unlink();
     write_id();
#endif
     /* Linked while odd: to be found and to be held begin with the same store. */
     load(DAEMON, BUCKET(to), word);
     store(DAEMON, NEXT(slot), head_of(word));
     late_bump();
     load(DAEMON, BUCKET(to), word);
     store(DAEMON, BUCKET(to), with_head(word, slot));
     in[slot] = to;
     store(DAEMON, SEQ(slot), seq[slot] + 2);
     seq[slot] = seq[slot] + 2;
     d_step { slot = 0; to = 0; word = 0; after = 0; before = 0; next = 0 }
  :: else -> break
  od
}

init {
  d_step {
    mem[BUCKET(0)] = 0; mem[BUCKET(1)] = kNoSlot;
    mem[SEQ(0)] = 2; mem[ID_HIGH(0)] = 1; mem[ID_LOW(0)] = 2; mem[NEXT(0)] = 1;
    mem[SEQ(1)] = 2; mem[ID_HIGH(1)] = 1; mem[ID_LOW(1)] = 2; mem[NEXT(1)] = 2;
    mem[SEQ(2)] = 2; mem[ID_HIGH(2)] = 3; mem[ID_LOW(2)] = 3; mem[NEXT(2)] = kNoSlot
  }
#ifdef PHANTOM
  atomic { run rewriter(); run phantom_seeker(0) }
#else
  atomic { run rewriter(); run seeker(0) }
#endif
}
