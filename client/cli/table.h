#pragma once
// Table: columns as wide as their widest cell. Cells are printable text (see printable.h).

#include <cstdint>
#include <string>
#include <vector>

namespace dolium::cli {

class Table {
 public:
  enum class Align : std::uint8_t { left, right };
  struct Column {
    std::string title;
    Align align = Align::left;
  };

  /// With all titles empty there is no line of titles.
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  /// Precondition: one cell a column.
  void add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }

  /// Each line behind `indent` and ended by a newline.
  [[nodiscard]] std::string text(const std::string& indent = "") const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace dolium::cli
