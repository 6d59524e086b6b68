#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "event/event.h"
#include "store/sqlite/connection.h"

namespace reeve::store::sqlite {

/// An event on its way into the log, with what its row needs beyond itself: made on the domain
/// thread, so that the writer only binds.
struct NewRow {
  std::shared_ptr<Event> event;  ///< the writer gives it its position
  std::string scopes;
  std::uint64_t bytes = 0;  ///< stored_bytes()
};
/// stored_bytes() of an event, from its row's texts.
std::uint64_t row_bytes(std::string_view scopes, std::string_view kind, std::string_view origin,
                        std::string_view payload);
NewRow make_row(NewEvent event);

/// "fidelity | visibility << 4 | schema << 8" of the events table.
std::int64_t traits_of(const NewEvent& event);

/// The columns that event_from() reads, in its order.
inline constexpr std::string_view kEventColumns =
    "position, id, time, traits, kind, scopes, origin, payload, correlation, causation";
inline constexpr int kKindColumn = 4;
/// Nothing: the row cannot be what was written.
EventPtr event_from(const Statement& row);

/// Calls `each(scope)` for every scope of the column's text.
template <class Each>
void split_scopes(std::string_view text, Each each) {
  while (!text.empty()) {
    const auto end = text.find(' ');
    each(text.substr(0, end));
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  }
}

}  // namespace reeve::store::sqlite
