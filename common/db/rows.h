#ifndef PLAYLOG_COMMON_DB_ROWS_H_
#define PLAYLOG_COMMON_DB_ROWS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"

namespace playlog::db {

// One row of an answer. Columns are counted from 0 and read as the type that the statement gives
// them; to read a column as another type is a bug and ends the process. NULL reads as zero, false,
// empty or the infinite past. Valid as long as its Rows.
class Row {
 public:
  struct Cell {
    const char* data;  // nullptr is NULL. Ends with a NUL beyond `size`.
    std::size_t size;
  };
  explicit Row(const Cell* cells) : cells_(cells) {}

  bool IsNull(std::size_t column) const { return cells_[column].data == nullptr; }
  std::string_view Text(std::size_t column) const {
    return {cells_[column].data, cells_[column].size};
  }
  std::int64_t Int64(std::size_t column) const;
  std::int32_t Int32(std::size_t column) const;
  double Double(std::size_t column) const;
  bool Bool(std::size_t column) const;
  // A timestamptz.
  absl::Time Time(std::size_t column) const;
  // A bytea.
  std::string Bytes(std::size_t column) const;

  std::optional<std::string> OptionalText(std::size_t column) const;
  std::optional<std::int64_t> OptionalInt64(std::size_t column) const;
  std::optional<absl::Time> OptionalTime(std::size_t column) const;

 private:
  const Cell* cells_;
};

// The answer to a statement. It does not need the connection that it came from. Copies share.
class Rows {
 public:
  Rows() = default;
  // `owner` keeps alive what the cells, row after row, point at.
  Rows(std::shared_ptr<const void> owner, std::vector<Row::Cell> cells, std::size_t columns,
       std::size_t size, std::size_t affected);

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  Row operator[](std::size_t index) const { return Row(cells_->data() + index * columns_); }
  // The rows that an INSERT, UPDATE or DELETE changed.
  std::size_t affected() const { return affected_; }

  class Iterator {
   public:
    Iterator(const Row::Cell* cells, std::size_t columns) : cells_(cells), columns_(columns) {}
    Row operator*() const { return Row(cells_); }
    Iterator& operator++() {
      cells_ += columns_;
      return *this;
    }
    bool operator!=(const Iterator& other) const { return cells_ != other.cells_; }

   private:
    const Row::Cell* cells_;
    std::size_t columns_;
  };
  Iterator begin() const { return {empty() ? nullptr : cells_->data(), columns_}; }
  Iterator end() const { return {empty() ? nullptr : cells_->data() + cells_->size(), columns_}; }

 private:
  std::shared_ptr<const void> owner_;
  std::shared_ptr<const std::vector<Row::Cell>> cells_;
  std::size_t columns_ = 0;
  std::size_t size_ = 0;
  std::size_t affected_ = 0;
};

}  // namespace playlog::db

#endif  // PLAYLOG_COMMON_DB_ROWS_H_
