/* The doorbells of a ring (protocol/ring.h). Property 7: neither side sleeps while there is work for it.
 *
 * Model: a writer with kTotal bytes, a reader that reads all of them, and room for kRoom bytes between the two. Each
 * side waits for its bell as the code does: it announces the wait, looks once more, then waits. A bell stays until it
 * is taken, like a byte in the socket. To send or take a bell is a system call, which empties the core's store buffer.
 * A side that waits at the end, while the other has finished, is an invalid end state, which spin reports.
 *
 *   here                         there
 *   WRITTEN, READ                RingWords::written, read
 *   ASLEEP                       RingWords::asleep: 0, or 1 + what the reader had read
 *   WANTS                        RingWords::wants_room
 *   writer's inner loop          FrameWriter::flush(RingWriter&), RingWriter::write()
 *   ask, ring_reader             RingWriter::ask_for_room(), take_bell(), take_early_bell()
 *   reader's steps               RingReader::read(), take_bell(), fall_asleep(), awake()
 *
 * Left out: the bytes themselves, whose order a release store of WRITTEN keeps on every machine; counts that lie.
 */
#define CORES 2
#define WORDS 4
#define WRITTEN 0
#define READ    1
#define ASLEEP  2
#define WANTS   3
#include "tso.pml"

#ifndef kTotal
#define kTotal 4
#endif
#define kRoom 2

bool bell_for_reader, bell_for_writer;

inline exchange_0(core, address, old) {
  d_step { buffer[core].n == 0; old = mem[address]; mem[address] = 0 }
}

active proctype writer() {
  byte written, seen, now, asleep;
  bool no_room, must_wait;
  do
  :: written == kTotal -> break
  :: else ->
     no_room = false;
     must_wait = false;
     if  // Channel::wake_early(), or not
     :: exchange_0(0, ASLEEP, asleep);
        if
        :: asleep != 0 -> bell_for_reader = true
        :: else
        fi
     :: true
     fi;
     do
     :: written == kTotal || no_room -> break
     :: else ->
        load(0, READ, seen);
        if
        :: written - seen < kRoom ->
           written++;
#ifdef NO_FENCE_WRITTEN
           store(0, WRITTEN, written)
#else
           store_seq_cst(0, WRITTEN, written)
#endif
        :: else ->
#ifdef NO_FENCE_WANTS
           store(0, WANTS, 1);
#else
           store_seq_cst(0, WANTS, 1);
#endif
#ifdef ASK_AND_WAIT
           must_wait = true; no_room = true
#else
           load(0, READ, now);
           if
           :: now == seen -> must_wait = true; no_room = true
           :: else -> store(0, WANTS, 0)
           fi
#endif
        fi
     od;
     load(0, ASLEEP, asleep);
     if
#ifdef WRONG_POSITION
     :: asleep != 0 && asleep != written ->
#else
     :: asleep != 0 && asleep - 1 != written ->
#endif
        exchange_0(0, ASLEEP, asleep);
        if
        :: asleep != 0 -> bell_for_reader = true
        :: else
        fi
     :: else
     fi;
     asleep = 0;
     if
     :: must_wait -> d_step { buffer[0].n == 0 && bell_for_writer; bell_for_writer = false }
     :: else
     fi
  od
}

active proctype reader() {
  byte got, written, wants;
  do
  :: got == kTotal -> break
  :: else ->
     load(1, WRITTEN, written);
     if
     :: written != got ->
        got = written;
#ifdef NO_FENCE_READ
        store(1, READ, got);
#else
        store_seq_cst(1, READ, got);
#endif
        load(1, WANTS, wants);
        if
        :: wants != 0 ->
           exchange_0(1, WANTS, wants);
           if
           :: wants != 0 -> bell_for_writer = true
           :: else
           fi
        :: else
        fi
     :: else ->
#ifdef NO_FENCE_ASLEEP
        store(1, ASLEEP, got + 1);
#else
        store_seq_cst(1, ASLEEP, got + 1);
#endif
        load(1, WRITTEN, written);
        if
        :: written == got -> d_step { buffer[1].n == 0 && bell_for_reader; bell_for_reader = false }
        :: else
        fi;
        store(1, ASLEEP, 0)
     fi
  od
}
