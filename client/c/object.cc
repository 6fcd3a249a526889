// References to objects, and private copies.

#include <dolium/c/object.h>

#include <dolium/object.h>
#include <dolium/private_copy.h>

#include "client/c/handles.h"
#include "client/mapped/attachment.h"

namespace c = dolium::c;
using dolium::Object;
using dolium::Result;
using dolium::detail::Attachment;

namespace {

/// What has counted the reference. Ends its record; gives up if it was released before.
Attachment& unrecorded(const char* function, const dolium_object& object) {
  if (c::kKeepsRecord && !c::drop_reference(object.opaque2[1]))
    c::give_up(
        function,
        "this object was released before: a copy of the struct is no reference of its own (dolium_object_retain() "
        "makes one)");
  return *reinterpret_cast<Attachment*>(object.opaque2[0]);
}

}  // namespace

bool dolium_object_holds(const dolium_object* object) {
  return object != nullptr && c::holds(*object);
}

dolium_code dolium_object_retain(const dolium_object* object, dolium_object* other, dolium_error* error) {
  return c::guarded(__func__, error, [&] {
    if (other != nullptr && other == object)
      throw c::Misuse("both references are one variable: the first would be lost");
    c::ObjectResult out(other);
    const c::Borrowed mine(object);
    out.fill(Object(*mine));
    return Result<void>();
  });
}

void dolium_object_release(dolium_object* object) {
  if (object == nullptr || !c::holds(*object)) return;
  Attachment& attachment = unrecorded(__func__, *object);
  const std::uint32_t slot = object->opaque;
  c::wipe(*object);
  attachment.release(slot);
}

void dolium_object_drop(const dolium_object* object) {
  if (object == nullptr || !c::holds(*object)) return;
  unrecorded(__func__, *object).release(object->opaque);
}

dolium_code dolium_object_private_copy(const dolium_object* object, dolium_private_copy** copy, dolium_error* error) {
  return c::guarded(__func__, error, [&]() -> Result<void> {
    dolium_private_copy*& out = c::cleared(copy, "copy");
    const c::Borrowed mine(object);
    Result<dolium::PrivateCopy> made = mine->private_copy();
    if (!made) return std::move(made).error();
    out = c::new_handle(dolium_private_copy{*std::move(made)});
    return {};
  });
}

void* dolium_private_copy_data(const dolium_private_copy* copy) {
  const auto* const mine = c::live_or_null(__func__, copy);
  return mine == nullptr ? nullptr : mine->copy.data().data();
}

void dolium_private_copy_free(dolium_private_copy* copy) {
  c::end_handle(__func__, copy);
}
