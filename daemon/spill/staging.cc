#include "daemon/spill/staging.h"

#include <algorithm>
#include <new>

namespace dolium::spill {

AlignedBuffer::AlignedBuffer(std::size_t size)
    : size_(round_up(size, kBlockBytes)),
      memory_(static_cast<std::byte*>(::operator new(size_, std::align_val_t(kBlockBytes)))) {}

void AlignedBuffer::Free::operator()(std::byte* memory) const noexcept {
  ::operator delete(memory, std::align_val_t(kBlockBytes));
}

BufferPtr BufferPool::take() {
  const auto free = std::ranges::find_if(buffers_, [](const BufferPtr& each) { return each.use_count() == 1; });
  if (free != buffers_.end()) return *free;
  if (buffers_.size() == count_) return nullptr;
  return buffers_.emplace_back(std::make_shared<AlignedBuffer>(buffer_bytes_));
}

}  // namespace dolium::spill
