/* The spill tier: a kept object is written, evicted, read back; does a reader ever get other bytes?
 *
 * Modelled: one id, one slot, two extents. The id is created, removed and created again (versions 1 and 2; a version's
 * number is its stamp), while the reader gets it. The server writes the object out, evicts it, reads it back when the reader asks, and is killed
 * once at any point; its successor repairs the row and compares the catalogue with it. The spiller copies, writes, reads
 * and drops records; it outlives the server and connects again. A freed extent has another object's bytes at once. Only
 * the row, its note of what is lent, the extents, the references and the disk outlive a server.
 *
 * With DISK there is no reader, and version 2 is removed, too. At any moment the host dies: what would another store find
 * on the disk? A record that was dropped is dead some time later, or never.
 *
 * Abstracted: store buffers (pin_protocol.pml has them), how a grant becomes a reference (granted_place.pml), segments and
 * checksums (the engine's tests), and several objects.
 *
 * Properties:
 *   10a  what the reader holds has the bytes of its version;
 *   10b  a record has the bytes of its stamp;
 *   10c  a row that is clean or spilled names a record of its own version;
 *   10d  the spiller writes only into memory that is lent to it;
 *   10f  (LOSE: a record may be missing when the spiller tells its records) what is in memory by then is not lost;
 *   10e  (DISK) a store that begins with the disk does not find version 1 once version 2 was told clean, and never one whose
 *        removal is on the disk.
 *
 * Mutants (each must break one of them):
 *   NO_STAMP    a finished write is believed without a look at the row's stamp
 *   BIT_FIRST   the bit `clean`, then the location
 *   HOLD_ONLY   the spiller copies under the server's hold, without a reference of its own
 *   TOLD_FIRST  the spiller hears of the extent that it may write to, then the ledger notes the extent
 *   FREE_LENT   a successor frees at once what was lent to the spiller
 *   NOTE_TRUSTED a successor frees a noted extent, although the object is there already
 *   FREE_READING a removed row is freed, and made again, while it is read back
 *   NO_SENTINEL the reader does not look whether the row is spilled
 *   EVICT_UNSEEN (LOSE) an object whose record was not told is evicted before it is compared
 *   HIGHEST_LIVE (DISK) a store that begins takes the youngest record that is not dead, although a younger one is
 *   VOID_ANSWER an answer to the killed server's work is given to its successor
 *
 * In the code: server() is Spill and SealedObjects (shm/store), successor() Store::recover(), spiller() doliumd-spill.
 */
#define kOther 9   /* the bytes of another object */
#define kNone 9    /* no extent */
#define kLocations 5
#ifdef DISK
#define kRemovals 2
#define kEvictions 0
#else
#define kRemovals 1
#define kEvictions 2
#endif

mtype = { write_out, read_in, drop, write_done, read_done };

/* ---- what outlives a server ---- */
bool occupied;              /* the slot */
bool linked;                /* the id is there */
byte seq = 1;                 /* even: may be read */
byte stamp;                 /* 1, 2 */
bool clean, spilled;
byte location;              /* 0: none */
byte extent;                /* of the row, unless spilled */
byte bytes[2];
byte lent = kNone;          /* the extent that the spiller reads back to, as the ledger notes it */
byte references, copies;    /* of the reader, of the spiller */

byte disk[kLocations];      /* the version whose bytes the record has; 0: no record */
byte stamps[kLocations];    /* what the record says */
bool dropped[kLocations], dead[kLocations];  /* the server does not want it; its tombstone is on the disk */
bool told_second;           /* version 2 is clean */
byte last_location;

/* ---- what ends with a server ---- */
bool held;                  /* the hold until the spiller has its reference */
bool writing;
byte reading;               /* the stamp that is being read back; 0: none */
bool catalogue_read = true; /* false: a new session, whose catalogue comes first */
bool records_told;          /* all of them; the rows are compared later, a piece at a time, and the server works meanwhile */
bool seen;                  /* the row's record was told */

chan orders = [4] of { mtype, byte, byte, byte };   /* session, stamp or location, extent */
chan answers = [4] of { mtype, byte, byte, byte };  /* session, stamp, location or extent */
byte session = 1;
byte given_up = 1;          /* the session to which the spiller has come */
bool wanted, killed, done;
byte versions = 1;
byte removals;
byte evictions;

inline free_extent(e) { d_step { bytes[e] = kOther } }

#ifdef DISK
#define FORGET(at) dropped[at] = true
#else
#define FORGET(at) disk[at] = 0
#endif

inline create() {
  d_step {
    occupied = true; stamp = versions; extent = 0; bytes[extent] = versions; clean = false; spilled = false; location = 0; seq = seq + 1; linked = true
  }
}

inline free_slot() {
  if
  :: !spilled -> free_extent(extent)
  :: else
  fi;
  occupied = false
}

#ifdef EVICT_UNSEEN
#define MAY_SPILL true
#else
#define MAY_SPILL (!records_told || catalogue_read || seen)
#endif

inline evict() {
  d_step { evictions++; seq++ };
  if
  :: references == 0 && copies == 0 && !held ->
     spilled = true;
     seq++;
     free_extent(extent)
  :: else -> seq++
  fi
}

inline finish_write() {
#ifdef NO_STAMP
  if :: linked && !clean ->
#else
  if :: linked && !clean && stamp == s ->
#endif
#ifdef BIT_FIRST
     clean = true; location = at
#else
     location = at; clean = true
#endif
     ;assert(disk[location] == stamp);                         /* property 10c */
#ifdef DISK
     told_second = told_second || stamp == 2
#endif
  :: else -> orders!drop(session, at, 0)
  fi;
  writing = false
}

inline finish_read() {
  if
  :: linked && spilled && stamp == s ->
     seq++;
     d_step { extent = at; spilled = false };
     seq++;
     lent = kNone
  :: else -> free_extent(at); lent = kNone
  fi;
  reading = 0; wanted = false
}

/* The reader of the session before has ended. */
inline give_up() {
  free_extent(lent);
  lent = kNone
}

inline take_records() {
#ifdef LOSE
  if
  :: linked && clean && !spilled -> disk[location] = 0
  :: true
  fi;
#endif
  at = 1;
  do
  :: at > last_location -> break
  :: else ->
     if
     :: disk[at] == 0
     :: disk[at] != 0 && linked && location == at -> seen = true
     :: else ->
        FORGET(at)                                             /* by the answer */
     fi;
     at++
  od;
  records_told = true
}

inline compare_row() {
  if
  :: linked && clean && !seen ->
     assert(!spilled);                                         /* property 10f */
     d_step { clean = false; location = 0 }
  :: else
  fi;
  assert(!(linked && clean) || (disk[location] == stamp && !dropped[location])); /* property 10c */
  catalogue_read = true
}

inline serve() {
  do
  :: !occupied && versions == 1 && removals == 1 -> versions = 2; create()
  :: linked && removals < versions && removals < kRemovals -> removals++; d_step { linked = false; seq++ };
     if
     :: location > 0 -> orders!drop(session, location, 0)
     :: else
     fi
#ifdef FREE_READING
  :: occupied && !linked && references == 0 && copies == 0 && !held -> free_slot()
#else
  :: occupied && !linked && references == 0 && copies == 0 && !held && lent == kNone -> free_slot()
#endif
  :: catalogue_read && linked && !clean && !writing && last_location < kLocations - 1 ->
     atomic { writing = true; held = true }; orders!write_out(session, stamp, extent)
  :: linked && clean && !spilled && MAY_SPILL && evictions < kEvictions -> evict()
  :: catalogue_read && linked && spilled && wanted && lent == kNone ->
     reading = stamp; at = 0;
#ifdef TOLD_FIRST
     orders!read_in(session, location, at); lent = at
#else
     lent = at; orders!read_in(session, location, at)
#endif
  :: answers?write_done(t, s, at) -> finish_write()
  :: answers?read_done(t, s, at) -> s = reading; finish_read()
  :: !catalogue_read && !records_told && given_up == session -> take_records()
  :: !catalogue_read && records_told -> compare_row()
  :: lent != kNone && given_up == session && reading == 0 -> give_up()
  :: done -> break
  od
}

/* ---- processes ---- */
proctype server() {
  byte s, at, t;
  { serve() } unless { killed }
}

proctype successor() {
  byte s, at, t;
  atomic {
    killed = true;
    session++;
    held = false; writing = false; reading = 0; catalogue_read = false; records_told = false; seen = false;
    do :: orders?_(_, _, _) :: empty(orders) -> break od;
#ifndef VOID_ANSWER
    do :: answers?_(_, _, _) :: empty(answers) -> break od
#endif
  };
  /* A row that its server was moving is repaired: the extent that it left is free. */
  if
  :: seq % 2 == 1 && linked -> seq++
  :: else
  fi;
  if
  :: spilled && lent != extent -> free_extent(extent)
  :: else
  fi;
  if
#ifdef FREE_LENT
  :: lent != kNone && spilled -> give_up()
#endif
#ifdef NOTE_TRUSTED
  :: lent != kNone && !spilled -> give_up()
#else
  :: lent != kNone && !spilled -> lent = kNone                 /* it is back: the extent is its own */
#endif
  :: else
  fi;
  serve()
}

proctype spiller() {
  byte a, e, mine = 1, copy;
end:
  do
  :: mine != session -> mine = session; given_up = mine        /* the old connection is closed; work of it is void */
  :: orders?write_out(eval(mine), a, e) ->
#ifndef HOLD_ONLY
     atomic { if :: mine == session -> copies++; held = false; copy = 1 :: else -> copy = 0 fi };
#else
     copy = 1;
#endif
     if
     :: copy == 0
     :: else ->
        copy = bytes[e];
#ifndef HOLD_ONLY
        copies--;
#else
        held = false;
#endif
        d_step { last_location++; disk[last_location] = copy; stamps[last_location] = a };
        assert(copy == a);                                     /* property 10b */
        e = last_location;
        atomic {
          if
#ifdef VOID_ANSWER
          :: answers!write_done(mine, a, e)
#else
          :: mine == session -> answers!write_done(mine, a, e)
          :: mine != session
#endif
          fi
        }
     fi
  :: orders?read_in(eval(mine), a, e) ->
     assert(disk[a] != 0);                                     /* property 10c */
     copy = disk[a];
     d_step { assert(lent == e); bytes[e] = copy };            /* property 10d */
     atomic { if :: mine == session -> answers!read_done(mine, a, e) :: mine != session fi }
  :: orders?drop(eval(mine), a, e) -> FORGET(a)
  od
}

#ifdef DISK
/* Tombstones become durable in any order. */
proctype tombstones() {
  byte at;
end:
  do
  :: at = 1;
     do
     :: at <= last_location && dropped[at] && !dead[at] -> dead[at] = true; break
     :: at < last_location -> at++
     :: break
     od
  od
}

/* The host dies: another store would begin with the youngest record, unless that is dead. */
proctype another_store() {
  byte at, youngest;
  d_step {
    at = 1;
    do
    :: at > last_location -> break
    :: else ->
#ifdef HIGHEST_LIVE
       if :: disk[at] != 0 && !dead[at] -> youngest = at :: else fi;
#else
       if :: disk[at] != 0 -> youngest = at :: else fi;
#endif
       at++
    od;
    assert(youngest == 0 || dead[youngest] || !told_second || disk[youngest] == 2)    /* property 10e */
  }
}

#else
proctype reader() {
  byte s, v, e, gets;
  do
  :: gets == 2 -> break
  :: else ->
     d_step { s = seq; v = stamp; e = extent };
     if
     :: !linked || s % 2 == 1 -> gets++
#ifndef NO_SENTINEL
     :: linked && s % 2 == 0 && spilled -> wanted = true; gets++
#endif
     :: else ->
        references++;
        if
#ifdef NO_SENTINEL
        :: seq == s ->
#else
        :: seq == s && !spilled ->
#endif
           assert(bytes[e] == v);                              /* property 10a */
           assert(bytes[e] == v)                               /* property 10a */
        :: else
        fi;
        references--; gets++
     fi
  od;
  done = true
}
#endif

init {
#ifdef DISK
  atomic { create(); run tombstones(); run another_store(); run server(); run spiller(); run successor() }
#else
  atomic { create(); run reader(); run server(); run spiller(); run successor() }
#endif
}
