#include <dolium/private_copy.h>

#include <utility>

#include "client/mapped/attachment.h"
#include "shm/os/private_pages.h"

namespace dolium {

namespace detail {

class PrivateMemory {
 public:
  explicit PrivateMemory(shm::PrivatePages pages) noexcept : pages_(std::move(pages)) {}
  [[nodiscard]] std::span<std::byte> bytes() const noexcept { return pages_.bytes(); }

 private:
  shm::PrivatePages pages_;
};

}  // namespace detail

PrivateCopy::PrivateCopy() noexcept = default;
PrivateCopy::PrivateCopy(Object object, std::unique_ptr<detail::PrivateMemory> memory) noexcept
    : object_(std::move(object)), memory_(std::move(memory)) {}
PrivateCopy::PrivateCopy(PrivateCopy&& other) noexcept = default;
PrivateCopy::~PrivateCopy() = default;

/// Not memberwise: the pages go before the object that they come from.
PrivateCopy& PrivateCopy::operator=(PrivateCopy&& other) noexcept {
  memory_ = std::move(other.memory_);
  object_ = std::move(other.object_);
  return *this;
}

std::span<std::byte> PrivateCopy::data() const noexcept {
  return memory_ == nullptr ? std::span<std::byte>() : memory_->bytes();
}

Result<PrivateCopy> Object::private_copy() const {
  if (!holds())
    return Error{Errc::invalid_argument, "this Object holds nothing: make the private copy of one that a get returned"};
  Result<shm::PrivatePages> pages = view_.attachment->copy_on_write(view_);
  if (!pages) return std::move(pages).error();
  return PrivateCopy(*this, std::make_unique<detail::PrivateMemory>(*std::move(pages)));
}

}  // namespace dolium
