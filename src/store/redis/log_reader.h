#pragma once

#include <vector>

#include "store/redis/scope_index.h"
#include "store/redis/session.h"
#include "store/store.h"

/// Pages of the log: Store::read() and Store::latest().
namespace reeve::store::redis {

struct LogQuery {
  EventFilter filter;
  std::size_t limit = 0;
  LogInfo log;  ///< as acknowledged when it was asked
};

Async<Result<EventPage>> read_log(Session& session, ScopeIndex& index, LogQuery query,
                                  Position after);
Async<Result<std::vector<EventPtr>>> read_latest(Session& session, ScopeIndex& index,
                                                 LogQuery query);

}  // namespace reeve::store::redis
