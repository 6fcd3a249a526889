#include "daemon/spill/staging.h"

#include <algorithm>

#include "daemon/spill/large_vector.h"

namespace dolium::spill {

AlignedBuffer::AlignedBuffer(std::size_t size)
    : size_(round_up(size, kBlockBytes)), memory_(static_cast<std::byte*>(allocate_large(size_, kBlockBytes))) {}

void AlignedBuffer::Free::operator()(std::byte* memory) const noexcept {
  free_large(memory);
}

BufferPtr BufferPool::take() {
  const auto free = std::ranges::find_if(buffers_, [](const BufferPtr& each) { return each.use_count() == 1; });
  if (free != buffers_.end()) return *free;
  if (buffers_.size() == count_) return nullptr;
  return buffers_.emplace_back(std::make_shared<AlignedBuffer>(buffer_bytes_));
}

}  // namespace dolium::spill
