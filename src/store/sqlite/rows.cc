#include "store/sqlite/rows.h"

#include <algorithm>

namespace reeve::store::sqlite {

NewRow make_row(NewEvent event) {
  NewRow row;
  std::size_t size = 0;
  for (const auto& scope : event.scopes) size += scope.str().size() + 1;
  row.scopes.reserve(size);
  for (const auto& scope : event.scopes) {
    if (!row.scopes.empty()) row.scopes += ' ';
    row.scopes += scope.str();
  }
  row.bytes = row_bytes(row.scopes, event.kind, event.origin, event.payload);
  row.event = std::make_shared<Event>(Position(), std::move(event));
  return row;
}

std::uint64_t row_bytes(std::string_view scopes, std::string_view kind, std::string_view origin,
                        std::string_view payload) {
  return kRowBytes + scopes.size() + kind.size() + origin.size() + payload.size();
}

std::int64_t traits_of(const NewEvent& event) {
  return static_cast<std::int64_t>(event.fidelity) |
         static_cast<std::int64_t>(event.visibility) << 4 |
         static_cast<std::int64_t>(event.schema) << 8;
}

EventPtr event_from(const Statement& row) {
  auto event = std::make_shared<Event>();
  event->position = {row.unsigned_number(0)};
  const auto id = row.blob(1);
  const auto traits = row.number(3);
  if (id.size() != event->id.uuid.bytes.size() || (traits & 15) > 3 || (traits >> 4 & 15) > 3)
    return nullptr;
  std::ranges::copy(id, event->id.uuid.bytes.begin());
  event->time = from_ms(row.number(2));
  event->fidelity = static_cast<Fidelity>(traits & 15);
  event->visibility = static_cast<Visibility>(traits >> 4 & 15);
  event->schema = static_cast<std::uint32_t>(traits >> 8);
  event->kind = row.text(kKindColumn);
  split_scopes(row.text(5), [&](std::string_view scope) {
    event->scopes.push_back(Scope::trusted(std::string(scope)));
  });
  event->origin = row.text(6);
  event->payload = row.text(7);
  if (!row.is_null(8)) event->correlation = row.text(8);
  if (!row.is_null(9)) event->causation = row.text(9);
  return event;
}

}  // namespace reeve::store::sqlite
