#include "daemon/keeper/owner_mark.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <new>
#include <utility>

#include "shm/os/system_error.h"
#include "shm/table/index_layout.h"

namespace dolium::daemon {
namespace {

shm::IndexHeader& header_of(const shm::Mapping& page) {
  return *reinterpret_cast<shm::IndexHeader*>(page.data());
}

}  // namespace

shm::OwnerWord& OwnerMark::word() const noexcept {
  return header_of(*page_).owner;
}

/// Registers an empty list with the kernel.
Result<void> OwnerMark::make_list() {
  void* const page = ::mmap(nullptr, sizeof(List), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return shm::system_error("map the keeper's list of robust futexes");
  auto* const list = new (page) List{};
  list->head.list.next = &list->head.list;
  list->node.next = &list->head.list;
  if (::syscall(SYS_set_robust_list, &list->head, sizeof(list->head)) != 0) {
    Error error = shm::system_error("register the keeper's list of robust futexes");
    ::munmap(page, sizeof(List));
    return error;
  }
  list_ = list;
  return {};
}

Result<void> OwnerMark::sign(const shm::UniqueFd& index) {
  Result<shm::Mapping> page =
      shm::Mapping::map(index, shm::kPageBytes, shm::Mapping::Mode::read_write, "index's header");
  if (!page) return std::move(page).error();
  shm::IndexHeader& header = header_of(*page);
  if (header.magic != shm::kIndexMagic || header.layout != shm::kIndexLayout)
    return Error{
        Errc::protocol_error,
        fmt::format("the keeper knows layout {} of the index, the server uses layout {}: stop doliumd and start "
                    "it again, which removes all objects",
                    shm::kIndexLayout, header.layout)};
  if (list_ == nullptr)
    if (auto made = make_list(); !made) return made;
  // The list first, then the word: the kernel will mark every word that holds this thread's id.
  list_->head.futex_offset =
      static_cast<const char*>(header.owner.futex()) - reinterpret_cast<const char*>(&list_->node);
  std::atomic_signal_fence(std::memory_order_seq_cst);
  list_->head.list.next = &list_->node;
  std::atomic_signal_fence(std::memory_order_seq_cst);
  page_ = *std::move(page);  // unmaps an earlier store's page, which is no longer in the list
  if (!header.owner.own(static_cast<std::uint32_t>(::gettid())))
    return Error{Errc::disconnected, "the store was ended by an orderly stop: no server can continue it"};
  return {};
}

OwnerMark::~OwnerMark() {
  end();
  if (list_ != nullptr) list_->head.list.next = &list_->head.list;  // the page is unmapped before the process ends
}

void OwnerMark::end() noexcept {
  if (page_) word().end();
}

}  // namespace dolium::daemon
