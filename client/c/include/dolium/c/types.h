#ifndef DOLIUM_C_TYPES_H
#define DOLIUM_C_TYPES_H
// Types and tickets. A type has a name ("f64[]") and a tag, a hash of the name, which is stored with the object and
// which readers compare. client/CODECS.md has the names, and the bytes of each type.

#include <dolium/c/base.h>
#include <dolium/c/id.h>
#include <dolium/c/object.h>
#include <dolium/c/store.h>

DOLIUM_C_BEGIN

#define DOLIUM_TAG_BYTES UINT64_C(0)                  ///< raw bytes: no type
#define DOLIUM_TAG_BOOL UINT64_C(0x0bc60e911959a7fc)  ///< bool
#define DOLIUM_TAG_I8 UINT64_C(0x08ba9007b55f171d)    ///< i8
#define DOLIUM_TAG_U8 UINT64_C(0x08c80807b56a6d61)    ///< u8
#define DOLIUM_TAG_I16 UINT64_C(0x3d18811935c4cfb5)   ///< i16
#define DOLIUM_TAG_U16 UINT64_C(0x5f51a519490857a9)   ///< u16
#define DOLIUM_TAG_I32 UINT64_C(0x08b9871917fdfbb9)   ///< i32
#define DOLIUM_TAG_U32 UINT64_C(0x6fd18b195224b4bd)   ///< u32
#define DOLIUM_TAG_I64 UINT64_C(0xe66f771904ac228e)   ///< i64
#define DOLIUM_TAG_U64 UINT64_C(0x93c82b1966e2f86a)   ///< u64
#define DOLIUM_TAG_I128 UINT64_C(0x3f71034a76e9a8bd)  ///< i128
#define DOLIUM_TAG_U128 UINT64_C(0xd5a2b261a665e681)  ///< u128
#define DOLIUM_TAG_F16 UINT64_C(0xcb2fea18f4e16a30)   ///< f16
#define DOLIUM_TAG_F32 UINT64_C(0xff9c5c1912b39470)   ///< f32
#define DOLIUM_TAG_F64 UINT64_C(0x21e6841926059663)   ///< f64
#define DOLIUM_TAG_C64 UINT64_C(0x3d1b7d1935c6fec0)   ///< c64
#define DOLIUM_TAG_C128 UINT64_C(0x6adc5317d50ffcdb)  ///< c128
#define DOLIUM_TAG_UTF8 UINT64_C(0x844cf3e406933252)  ///< utf8
// Arrays: the elements, one behind the other.
#define DOLIUM_TAG_BOOL_ARRAY UINT64_C(0x4f869b71c84b35c1)  ///< bool[]
#define DOLIUM_TAG_I8_ARRAY UINT64_C(0xc3c6853f5b4775ec)    ///< i8[]
#define DOLIUM_TAG_U8_ARRAY UINT64_C(0x19ab4ca69e1871d0)    ///< u8[]
#define DOLIUM_TAG_I16_ARRAY UINT64_C(0x28cbc32f1b897844)   ///< i16[]
#define DOLIUM_TAG_U16_ARRAY UINT64_C(0x479e4de76b14d898)   ///< u16[]
#define DOLIUM_TAG_I32_ARRAY UINT64_C(0xd3891a7bdda0b9e8)   ///< i32[]
#define DOLIUM_TAG_U32_ARRAY UINT64_C(0xffa0f57c4f25a6cc)   ///< u32[]
#define DOLIUM_TAG_I64_ARRAY UINT64_C(0xc91cf2b38655ad97)   ///< i64[]
#define DOLIUM_TAG_U64_ARRAY UINT64_C(0x0b0efa3c094d3793)   ///< u64[]
#define DOLIUM_TAG_I128_ARRAY UINT64_C(0xdc02f6e6770cbacc)  ///< i128[]
#define DOLIUM_TAG_U128_ARRAY UINT64_C(0x3c022247ae0d6b30)  ///< u128[]
#define DOLIUM_TAG_F16_ARRAY UINT64_C(0x1d1228f1cbe36a55)   ///< f16[]
#define DOLIUM_TAG_F32_ARRAY UINT64_C(0x50f25343c0c36495)   ///< f32[]
#define DOLIUM_TAG_F64_ARRAY UINT64_C(0x72dc8cb7982e6c2e)   ///< f64[]
#define DOLIUM_TAG_C64_ARRAY UINT64_C(0x7c67eb2929c27065)   ///< c64[]
#define DOLIUM_TAG_C128_ARRAY UINT64_C(0xd8d5124f6cf18266)  ///< c128[]

/// The tag of the type with this name, which has `size` bytes: "map<utf8,f64>". Any name that is not of the table in
/// CODECS.md is that of a program's own type. 0 for "bytes". DOLIUM_INVALID_ARGUMENT for an empty name.
DOLIUM_C_API dolium_code dolium_type_tag(const char* name, size_t size, uint64_t* tag, dolium_error* error);
/// The name of a scalar, an array of scalars, or another type that the library knows; an empty text if the tag is
/// unknown. "bytes" for 0. The text lives as long as the library.
DOLIUM_C_API const char* dolium_type_name(uint64_t tag);
/// The name that the object's creator gave its type: `size` bytes, not terminated, which live as long as the reference.
/// An empty one for raw bytes.
DOLIUM_C_API dolium_code dolium_object_type_name(const dolium_object* object, const char** name, size_t* size,
                                                 dolium_error* error);
/// Whether the object's data are a value of the type with this name, which has `size` bytes: DOLIUM_OK, or
/// DOLIUM_TYPE_MISMATCH, whose text names both types. It compares tags; a numpy array of one dimension, or a scalar, is
/// one of its elements' type, too. "bytes" fits every object.
DOLIUM_C_API dolium_code dolium_object_check_type(const dolium_object* object, const char* name, size_t size,
                                                  dolium_error* error);

// ---- tickets: a reference as text, for another process. It holds nothing: keep the object until it was got ----

/// Bytes of the longest ticket, with its terminating zero.
#define DOLIUM_TICKET_TEXT_SIZE 848

/// Writes the ticket of an object, with a terminating zero, into `text`, which has `capacity` bytes;
/// DOLIUM_TICKET_TEXT_SIZE are always enough. DOLIUM_TOO_LARGE if they are not. `type_name` has `type_name_size` bytes,
/// at most DOLIUM_MAX_NAME; NULL: "bytes". Does not look for the object.
DOLIUM_C_API dolium_code dolium_ticket(dolium_store* store, const dolium_id* id, const char* type_name,
                                       size_t type_name_size, char* text, size_t capacity, dolium_error* error);

typedef struct dolium_ticket_info {
  size_t struct_size;
  dolium_id id;
  uint32_t type_name_size;  ///< bytes, without the terminating zero
  uint64_t store_number;    ///< a number of the store in which it was made; 0: unknown
  char type_name[256];      ///< "bytes" for raw bytes
} dolium_ticket_info;

/// Reads a ticket of `size` bytes. DOLIUM_INVALID_ARGUMENT if the text is no ticket.
DOLIUM_C_API dolium_code dolium_ticket_read(const char* ticket, size_t size, dolium_ticket_info* info,
                                            dolium_error* error);
/// dolium_get() of the ticket's object, which the caller releases. If `type_name` is not NULL, the ticket must have
/// this type, else DOLIUM_TYPE_MISMATCH. If the object is missing, the text says whether the ticket was made in another
/// store.
DOLIUM_C_API dolium_code dolium_ticket_get(dolium_store* store, const char* ticket, size_t size, const char* type_name,
                                           size_t type_name_size, int64_t timeout_ns, dolium_object* object,
                                           dolium_error* error);

DOLIUM_C_END

#endif
