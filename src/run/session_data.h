#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "run/documents.h"

/// Small values of a program's own beside a conversation: JSON by key, as durable as the rest. They
/// are bookkeeping: no event tells of them.
namespace reeve::run {

/// A key's bytes, at most.
inline constexpr std::size_t kSessionKey = 256;

/// invalid_argument: the key is empty or too long, or the text is no JSON. Further errors of all
/// three: the store's.
Async<Status> put_session_data(store::Store& store, ThreadId session, std::string key,
                               std::string json);
/// Empty: there is none.
Async<Result<std::optional<std::string>>> get_session_data(store::Store& store, ThreadId session,
                                                           std::string key);
/// Absent: nothing happens.
Async<Status> remove_session_data(store::Store& store, ThreadId session, std::string key);

}  // namespace reeve::run
