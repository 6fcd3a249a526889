/* The end of a store is final: can a get of an old client succeed after its store's end?
 *
 * Modelled: the owner's word in the index's header; one object, which the server publishes at some moment; the server,
 * which is killed, or stops in order (it sets `ended`, and may be killed before it exits); the keeper, which is killed
 * at any moment, starts another server after a killed one, and ends after one that stopped; the kernel, which on the
 * keeper's death marks the word, then closes its descriptors, and releases the socket's lock with its last descriptor;
 * another store, which begins when the lock is free; a client with two gets. The kernel's and the daemon's writes to the word are locked instructions. References are left out: a
 * get's other half is pin_protocol.pml.
 *
 * Properties:
 *   8   a get that begins after anything of the next store was seen does not succeed
 *   8b  a get that succeeds found an object that was published before the store's end
 *   8c  once a get has reported that the store is gone, no later get succeeds
 *
 * Mutants (each must break one of them):
 *   LOOK_AT_MISSES   only a get that finds nothing looks at the word (8)
 *   LOOK_FIRST       the word is looked at before the index (8b)
 *   LOCK_FIRST       the lock goes before the word is marked: the mark of a process that does not hold the lock, or one
 *                    that is made by code of its own (8)
 *   RESTART_ENDED    a server that had set `ended`, and was killed, is followed by another, whose keeper signs the word
 *                    by a plain store (8c)
 *
 * In the code: sign() is OwnerMark::sign() (daemon/keeper/owner_mark.cc) and OwnerWord::own(), the mark is the kernel's
 * exit_robust_list(), stop is Server::stop(), get() is Attachment::hold() (client/mapped/attachment.cc).
 */
#define CORES 3
#define SERVER 0
#define KEEPER 1
#define CLIENT 2
#define OWNER 0
#define OBJECT 1
#define WORDS 2
#include "tso.pml"

#define DIED 1
#define ENDED 2

#define EARLY 1   /* the object was published while the store was there */
#define LATE 2

bool server_gone, keeper_gone;   /* their descriptors are closed: the lock is free when both are */
bool next_seen;                  /* somebody has seen something of the next store */
byte servers;

inline locked_or(core, what) {
  d_step { buffer[core].n == 0; mem[OWNER] = mem[OWNER] | what }
}

/* The kernel, for the keeper: owner died, no thread id; `ended` stays. */
inline mark() {
  d_step { buffer[KEEPER].n == 0; mem[OWNER] = (mem[OWNER] & ENDED) | DIED }
}

inline sign() {
#ifdef RESTART_ENDED
  store(KEEPER, OWNER, 0)
#else
  d_step { buffer[KEEPER].n == 0; mem[OWNER] = mem[OWNER] & ENDED }
#endif
}

proctype server() {
  bool published;
  servers++;
  do
  :: !published ->
     published = true;
     d_step {
       store(SERVER, OBJECT, (mem[OWNER] == 0 -> EARLY : LATE))
     }
  :: locked_or(SERVER, ENDED); break               /* stops; whoever is told is told from here on */
  :: break                                         /* killed */
  od;
  server_gone = true
}

proctype keeper() {
  byte word;
  do
  :: break                                         /* killed */
  :: server_gone ->
     load(KEEPER, OWNER, word);
     if
#ifdef RESTART_ENDED
     :: servers < 2 ->
#else
     :: servers < 2 && (word & ENDED) == 0 ->
#endif
        sign();
        server_gone = false;
        run server()
     :: else -> break
     fi
  od;
#ifdef LOCK_FIRST
  keeper_gone = true;
  mark()
#else
  mark();
  keeper_gone = true
#endif
}

proctype next_store() {
  keeper_gone && server_gone -> next_seen = true
}

inline get() {
  late = next_seen;
#ifdef LOOK_FIRST
  load(CLIENT, OWNER, word);
  load(CLIENT, OBJECT, found);
#else
  load(CLIENT, OBJECT, found);
  load(CLIENT, OWNER, word);
#endif
#ifdef LOOK_AT_MISSES
  if
  :: found != 0 -> word = 0
  :: else
  fi;
#endif
  if
  :: word != 0 -> gone = true
  :: word == 0 && found != 0 ->
     assert(!late);
     assert(found == EARLY);
     assert(!gone)
  :: else
  fi
}

proctype client() {
  byte word, found;
  bool late, gone;
  get();
  get()
}

init {
  atomic { run server(); run keeper(); run next_store(); run client() }
}
