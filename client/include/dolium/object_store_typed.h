#pragma once
// The typed calls of ObjectStore and ObjectRef. Included by object_store.h, which describes them.

#include <ranges>
#include <span>
#include <string_view>
#include <utility>

#include <dolium/object_store.h>

namespace dolium {

template <class T>
Result<ArrayBuilder<T>> ObjectStore::create_array(const ObjectId& id, std::uint64_t count, CreateOptions options) {
  static_assert(detail::is_stored_plain<T>(),
                "dolium: the elements of an array in place are trivially copyable; put() other ranges");
  if (count > kMaxArrayBytes / sizeof(T)) return too_many_elements(id, count, sizeof(T));
  options.type_tag = type_tag_of<std::span<const T>>();
  options.type_name = options.type_tag == 0 ? "" : type_name_of<std::span<const T>>();
  Result<ObjectBuilder> builder = create(id, count * sizeof(T), options);
  if (!builder) return std::move(builder).error();
  return ArrayBuilder<T>(*std::move(builder));
}

template <class T>
requires(!ByteRange<T>) Result<typename detail::Put<T>::Ref> ObjectStore::put(const ObjectId& id, const T& value,
                                                                              CreateOptions options) {
  options.type_tag = type_tag_of<T>();
  options.type_name = type_name_of<T>();
  const auto encode = [&value](std::span<std::byte> out) { Codec<T>::encode(value, out); };
  Result<Object> held = put_encoded(id, Codec<T>::size(value), encode, options);
  if (!held) return std::move(held).error();
  return typename detail::Put<T>::Ref(shared_from_this(), id, *std::move(held));
}

template <class T>
Result<typename detail::Got<T>::Type> ObjectStore::decode(const Object& object) {
  if (object.type_tag() != type_tag_of<T>() && !is_numpy<T>(object)) return wrong_type(object, type_name_of<T>());
  Result<typename detail::Got<T>::Type> value = Codec<T>::decode(object.data());
  if (!value) return undecodable(object, std::move(value).error());
  return value;
}

template <class T>
Result<ObjectRef<typename detail::Got<T>::Type>> ObjectStore::ref(std::string_view ticket) {
  constexpr std::string_view kOfNumpy = PlainRange<T>                  ? "numpy.ndarray"
                                        : detail::is_stored_plain<T>() ? "numpy.scalar"
                                                                       : "";
  const Result<Ticket> read = ticket_of_type(ticket, type_name_of<T>(), kOfNumpy);
  if (!read) return read.error();
  return ObjectRef<T>(shared_from_this(), read->id, {}, read->store);
}

template <class T>
bool ObjectStore::is_numpy(const Object& object) {
  if constexpr (PlainRange<T>)
    return detail::is_numpy_vector_of(object, detail::element_name<std::ranges::range_value_t<T>>(),
                                      sizeof(std::ranges::range_value_t<T>));
  else if constexpr (detail::is_stored_plain<T>())
    return detail::is_numpy_scalar_of(object, detail::element_name<T>());
  else
    return false;
}

template <class T>
Result<Object> ObjectRef<T>::get_raw(Timeout timeout) const {
  {
    const std::lock_guard lock(state_->mutex);
    if (state_->held.holds()) return state_->held;
  }
  Result<Object> object = state_->store->get_raw(state_->id, timeout);
  if (object) {
    const std::lock_guard lock(state_->mutex);
    state_->held = *object;
  } else if (state_->made_in != 0) {
    return state_->store->missing(std::move(object).error(), state_->made_in);
  }
  return object;
}

template <class T>
std::string ObjectRef<T>::ticket() const {
  return state_->store->make_ticket(state_->id, type_name_of<T>());
}

template <class T>
Result<T> ObjectRef<T>::decode_object(const Object& object) {
  return ObjectStore::decode<T>(object);
}

}  // namespace dolium
