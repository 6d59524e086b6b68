#include "store/sqlite/extent.h"

#include <algorithm>

namespace reeve::store::sqlite {

LogExtent load_extent(Connection& db) {
  const auto number = [&](std::string_view sql) {
    return static_cast<std::uint64_t>(db.number(sql));
  };
  LogExtent extent;
  extent.oldest.value =
      std::max<std::uint64_t>(1, number("SELECT value FROM meta WHERE name='oldest'"));
  extent.bytes = number("SELECT value FROM meta WHERE name='log_bytes'") +
                 number(
                     "SELECT sum(64 + length(CAST(kind AS BLOB)) + length(CAST(scopes AS BLOB)) + "
                     "length(CAST(origin AS BLOB)) + length(CAST(payload AS BLOB))) FROM events "
                     "WHERE position > (SELECT value FROM meta WHERE name='sized')");
  return extent;
}

Position load_head(Connection& db) {
  const auto number = [&](std::string_view sql) {
    return static_cast<std::uint64_t>(db.number(sql));
  };
  const auto oldest = number("SELECT value FROM meta WHERE name='oldest'");
  return {std::max(number("SELECT max(position) FROM events"), oldest == 0 ? 0 : oldest - 1)};
}

}  // namespace reeve::store::sqlite
