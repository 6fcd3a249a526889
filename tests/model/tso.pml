/* x86-TSO, as small as possible (Owens, Sarkar, Sewell: "A better x86 memory model: x86-TSO", 2009).
 *
 * Model: one shared memory of byte-sized words, and a FIFO store buffer for each core (a Promela process that
 * loads and stores). A plain store goes to the end of its core's buffer; the process `memory` moves the oldest
 * entry of any buffer to memory at any time; a load sees the newest entry of its own core's buffer, and else
 * memory. A locked instruction waits until its core's buffer is empty and then acts on memory at once. Loads
 * are never reordered with loads, nor stores with stores: on x86 acquire and release cost nothing, and only one
 * reordering is left: a load that overtakes an older store of its own core. The pin protocol must survive it.
 *
 *   C++ (on x86)                                     here
 *   load(relaxed | acquire | seq_cst)        mov     load()
 *   store(relaxed | release)                 mov     store()
 *   store(seq_cst)                           xchg    store_seq_cst()
 *   fetch_add, fetch_sub(seq_cst)            lock    fetch_add(), fetch_sub()
 *
 * Weaker machines, and what a compiler may do with relaxed operations, are outside: README.md lists the C++
 * fences that the code needs besides.
 *
 * The includer defines CORES and WORDS first. kDepth bounds a buffer: a store into a full one waits.
 */
#define kDepth 4

typedef Buffer { byte n; byte at[kDepth]; byte value[kDepth] };
Buffer buffer[CORES];
byte mem[WORDS];
hidden byte tso_i;

inline load(core, address, into) {
  d_step {
    into = mem[address];
    tso_i = 0;
    do
    :: tso_i < buffer[core].n ->
       if
       :: buffer[core].at[tso_i] == (address) -> into = buffer[core].value[tso_i]
       :: else
       fi;
       tso_i++
    :: else -> break
    od
  }
}

inline store(core, address, what) {
  d_step {
    buffer[core].n < kDepth;
    buffer[core].at[buffer[core].n] = address;
    buffer[core].value[buffer[core].n] = what;
    buffer[core].n++
  }
}

inline store_seq_cst(core, address, what) {
  d_step { buffer[core].n == 0; mem[address] = what }
}

/* `old` receives the value before, as C++'s does. */
inline fetch_add(core, address, old) {
  d_step { buffer[core].n == 0; old = mem[address]; mem[address] = old + 1 }
}

inline fetch_sub(core, address, old) {
  d_step { buffer[core].n == 0; old = mem[address]; assert(old > 0); mem[address] = old - 1 }
}

/* What NO_FENCE_READER does instead: the same sum, as a plain load and a plain store. */
inline add_without_fence(core, address, old) {
  load(core, address, old);
  store(core, address, old + 1)
}

inline flush_oldest(core) {
  d_step {
    buffer[core].n > 0;
    mem[buffer[core].at[0]] = buffer[core].value[0];
    tso_i = 1;
    do
    :: tso_i < buffer[core].n ->
       buffer[core].at[tso_i - 1] = buffer[core].at[tso_i];
       buffer[core].value[tso_i - 1] = buffer[core].value[tso_i];
       tso_i++
    :: else -> break
    od;
    buffer[core].n--;
    buffer[core].at[buffer[core].n] = 0;   /* equal states must look equal */
    buffer[core].value[buffer[core].n] = 0
  }
}

active proctype memory() {
end:
  do
  :: flush_oldest(0)
  :: flush_oldest(1)
#if CORES > 2
  :: flush_oldest(2)
#endif
  od
}
