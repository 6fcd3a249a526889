#include "client/cli/table.h"

#include <algorithm>

#include "client/cli/printable.h"

namespace dolium::cli {

std::string Table::text(const std::string& indent) const {
  constexpr std::size_t kGap = 2;
  std::vector<std::string> titles;
  for (const Column& column : columns_) titles.push_back(column.title);
  std::vector<std::size_t> widths(columns_.size(), 0);
  const auto widen = [&widths](const std::vector<std::string>& cells) {
    for (std::size_t i = 0; i < cells.size(); ++i) widths[i] = std::max(widths[i], columns(cells[i]));
  };
  widen(titles);
  for (const auto& row : rows_) widen(row);

  std::string out;
  const auto write = [&](const std::vector<std::string>& cells) {
    std::string line = indent;
    for (std::size_t i = 0; i < cells.size(); ++i) {
      const std::string padding(widths[i] - columns(cells[i]), ' ');
      line += columns_[i].align == Align::right ? padding + cells[i] : cells[i] + padding;
      line.append(kGap, ' ');
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + '\n';
  };
  if (std::ranges::any_of(titles, [](const std::string& title) { return !title.empty(); })) write(titles);
  for (const auto& row : rows_) write(row);
  return out;
}

}  // namespace dolium::cli
