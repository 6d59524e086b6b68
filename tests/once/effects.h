#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

struct sqlite3;

/// What a subscriber has done, in a database of its own: one effect for each event, and its cursor,
/// which changes in the same transaction.
namespace reeve::once {

class Effects {
 public:
  /// Makes it where there is none. Throws std::runtime_error, as everything here does, where SQLite
  /// fails.
  explicit Effects(const std::filesystem::path& file);
  ~Effects();
  Effects(const Effects&) = delete;
  Effects& operator=(const Effects&) = delete;

  [[nodiscard]] std::string cursor();
  /// Notes what cannot be, for the checker: "error text".
  void complain(const std::string& what);
  /// The effect of an event, together with the place behind it.
  void apply(std::uint64_t position, const std::string& id, const std::string& cursor);
  /// Nothing happened up to here.
  void move(const std::string& cursor);

  struct Effect {
    std::uint64_t position = 0;
    std::string id;
  };
  /// In the order in which they happened.
  [[nodiscard]] std::vector<Effect> all();
  [[nodiscard]] std::vector<std::string> complaints();

 private:
  void run(const char* sql, std::vector<std::string> values = {});
  std::vector<std::vector<std::string>> rows(const char* sql);

  sqlite3* db_ = nullptr;
};

}  // namespace reeve::once
