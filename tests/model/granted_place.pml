/* A grant that names a place: is what is there the granted object, although its server may have died?
 *
 * Modelled: one slot, whose object was taken: it is not in the index, only the grant keeps it. One client, which was told
 * the place and the number of the server (`successions`) that keeps it. The server frees the slot when the grant was
 * taken up and nobody holds it; its next object comes at once. The server is killed once, at any point; its holds end
 * with it. Its successor counts itself, then frees what no pin table holds. Only the words below outlive a server.
 *
 * Abstracted: seq and the index (the client does not look there), touched pages (pin_protocol.pml).
 *
 * Property:
 *   9  what a client holds by its place is the granted object, until the client releases it.
 *
 * Mutants (each must break 9):
 *   LOOK_FIRST       the client looks which server runs the store, then counts its reference
 *   NO_LOOK          the client does not look
 *   NO_FENCE_READER  the reference is counted without a fence
 *   NO_FENCE_DAEMON  the successor counts itself without a fence
 *   COUNT_LATE       the successor reads the pin tables, then counts itself
 *   GRANT_EARLY      granted_through moves on before the reference is counted
 *
 * In the code: grantee() is Holder::hold_granted() (shm/table/holder.cc) and take_granted() (client/remote/grant.cc);
 * successor() is ObjectIndex::adopt() and Store::recover().
 */
#define CORES 3
#define SERVER 1
#define SUCCESSOR 2
#define SUCCESSIONS 0
#define REFERENCES 1
#define GRANTED_THROUGH 2
#define BYTES 3
#define WORDS 4
#include "tso.pml"

#define kGranted 1
#define kOther 2

bool killed;

inline count_reference() {
#ifdef NO_FENCE_READER
  add_without_fence(0, REFERENCES, word)
#else
  fetch_add(0, REFERENCES, word)
#endif
}

inline look() {
#ifdef NO_LOOK
  now = 0
#else
  load(0, SUCCESSIONS, now)
#endif
}

proctype grantee() {
  byte word, now;
#ifdef GRANT_EARLY
  store_seq_cst(0, GRANTED_THROUGH, 1);
#endif
#ifdef LOOK_FIRST
  look();
  count_reference();
#else
  count_reference();
  look();
#endif
#ifndef GRANT_EARLY
  store_seq_cst(0, GRANTED_THROUGH, 1);
#endif
  if
  :: now == 0 ->
     load(0, BYTES, word);
     assert(word == kGranted);                                /* property 9 */
     load(0, BYTES, word);
     assert(word == kGranted)                                 /* property 9 */
  :: else                                                     /* lost */
  fi;
  fetch_sub(0, REFERENCES, word)
}

inline free_if_unused(core) {
  load(core, REFERENCES, word);
  if
  :: word > 0
  :: else -> store(core, BYTES, kOther)                       /* another client's, at once */
  fi
}

proctype server() {
  byte word;
  {
    load(SERVER, GRANTED_THROUGH, word);
    if
    :: word < 1                                               /* held */
    :: else -> free_if_unused(SERVER)
    fi
  } unless { killed }
}

/* After waitpid(): the server's stores have drained. */
proctype successor() {
  byte word;
  atomic { killed = true };
  buffer[SERVER].n == 0;
#ifdef COUNT_LATE
  free_if_unused(SUCCESSOR);
#endif
#ifdef NO_FENCE_DAEMON
  add_without_fence(SUCCESSOR, SUCCESSIONS, word);
#else
  fetch_add(SUCCESSOR, SUCCESSIONS, word);
#endif
#ifndef COUNT_LATE
  free_if_unused(SUCCESSOR)
#endif
}

init {
  d_step { mem[BYTES] = kGranted }
  atomic { run grantee(); run server(); run successor() }
}
