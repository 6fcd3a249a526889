#pragma once
// The options that select objects by their properties: --label-prefix, --type, --state, --creator. list and remove have
// them.

#include <cstddef>
#include <string>

#include <dolium/metadata.h>

#include "client/cli/command_line.h"

namespace dolium::cli {

/// As they were given; an empty text or 0 selects nothing by that property.
struct FilterOptions {
  std::string label_prefix;
  std::string type_name;
  std::string state;  // sealed or unsealed
  std::size_t creator = 0;

  friend bool operator==(const FilterOptions&, const FilterOptions&) = default;
};

void add_filter(VerbOptions& verb, FilterOptions& options);

[[nodiscard]] ObjectFilter filter_of(const FilterOptions& options);

}  // namespace dolium::cli
