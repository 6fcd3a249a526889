#ifndef DOLIUM_DOLIUM_C_H
#define DOLIUM_DOLIUM_C_H
// Dolium's C interface, for C11, C++ and every language that calls C. Library: libdolium_c.so.0. Start with c/store.h.
//
// Errors. A function that can fail returns a dolium_code: DOLIUM_OK is 0. Its last argument is a dolium_error of the
// caller, which may be NULL. It is written on failure only. After a failure, results are empty: handles are NULL,
// objects hold nothing, numbers are 0. No function throws an exception or ends the program (but see "debug builds").
//
// Ownership. Every handle (dolium_store, dolium_builder, ...) and every dolium_object that a function returns belongs
// to the caller, whose duty it is to end it once. The comment of the function says how. Arguments are only read during
// the call, and copied where they are needed longer; only callbacks and their `user` pointer are kept. All `..._free()`
// functions, dolium_close() and dolium_object_release() accept NULL.
//
// Threads. Several threads may use one dolium_store at the same time. One thread at a time may use any other handle.
//
// Time. Durations are int64_t nanoseconds. Timeouts: 0 does not wait, a negative one waits for ever. Points in time are
// nanoseconds since 1970 (UTC); 0: unknown, or not yet.
//
// Text is UTF-8. In an argument with a size, the size decides, and a zero byte is a byte. In a member of an options
// struct, a NULL pointer means "none"; a size of 0 means that the text ends at its first zero byte.
//
// Structs that begin with `struct_size` can grow at their end in later versions. Set it to sizeof the struct before you
// pass the struct. Options are all zeros by default: use the DOLIUM_..._INIT macros, or clear the struct. A struct that
// is smaller than that of the first version, or options with bytes other than 0 where this library knows no member, are
// DOLIUM_INVALID_ARGUMENT. In a result, members that this library does not know are 0. Structs without `struct_size`
// never change.
//
// fork(). As in C++: a child uses the stores and the objects that it inherits, and they are its own; release them and
// close them there as in the parent. Builders, subscriptions and callbacks remain the parent's. An inherited in-process
// store refuses every call.
//
// Debug builds of the library (without NDEBUG) know all handles and objects that are alive. Where an object is used
// after its release, or a handle after its end, the call fails with DOLIUM_INVALID_ARGUMENT and says so; a function
// that cannot fail prints that text and aborts. Other builds find NULL handles, and structs that were released or never
// filled.

#include <dolium/c/async.h>
#include <dolium/c/base.h>
#include <dolium/c/id.h>
#include <dolium/c/object.h>
#include <dolium/c/options.h>
#include <dolium/c/read.h>
#include <dolium/c/report.h>
#include <dolium/c/store.h>
#include <dolium/c/types.h>
#include <dolium/c/write.h>

#endif
