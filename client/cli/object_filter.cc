#include "client/cli/object_filter.h"

namespace dolium::cli {
namespace {

/// Linux numbers no process above this.
constexpr std::size_t kLargestPid = std::size_t{1} << 22;

}  // namespace

void add_filter(VerbOptions& verb, FilterOptions& options) {
  verb.text("--label-prefix", options.label_prefix, "TEXT", "only objects whose label begins like this")
      .text("--type", options.type_name, "NAME", "only objects of this type, as list shows it")
      .one_of("--state", options.state, {"sealed", "unsealed"}, "STATE", "only sealed, or only unsealed objects")
      .number("--creator", options.creator, "only objects that the process with this pid created", 1, kLargestPid);
}

ObjectFilter filter_of(const FilterOptions& options) {
  ObjectFilter filter;
  filter.label_prefix = options.label_prefix;
  filter.type_name = options.type_name;
  if (!options.state.empty()) filter.state = options.state == "sealed" ? ObjectState::sealed : ObjectState::unsealed;
  filter.creator_pid = static_cast<std::int32_t>(options.creator);
  return filter;
}

}  // namespace dolium::cli
