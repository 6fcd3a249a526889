#pragma once
// Table: columns as wide as their widest cell. Cells must be printable text (see printable.h).

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

  /// If all titles are empty, there is no title line.
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  /// Adds a row. Precondition: one cell per column.
  void add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }

  /// The table as text. Each line begins with `indent`, and ends with a newline.
  [[nodiscard]] std::string text(const std::string& indent = "") const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace dolium::cli
