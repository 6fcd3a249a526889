#include <dolium/in_process_store.h>

#include <utility>

#include "client/local/local_backend.h"
#include "client/local/local_engine.h"

namespace dolium {

Result<std::shared_ptr<InProcessStore>> InProcessStore::open(const StoreConfig& config) {
  Result<std::shared_ptr<detail::LocalEngine>> engine = detail::LocalEngine::open(config);
  if (!engine) return std::move(engine).error();
  return std::make_shared<InProcessStore>(*std::move(engine));
}

InProcessStore::InProcessStore(std::shared_ptr<detail::LocalEngine> engine)
    : ObjectStore(detail::make_local_backend(std::move(engine))) {}
InProcessStore::~InProcessStore() = default;

}  // namespace dolium
