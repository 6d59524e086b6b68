#include "run/session_data.h"

#include "base/json.h"

namespace reeve::run {
namespace {

constexpr const char* kKind = "_session_data";

Result<store::DocKey> key_of(const ThreadId& session, std::string_view key) {
  if (key.empty() || key.size() > kSessionKey) {
    return fail(Errc::invalid_argument,
                "a key of session data has 1 to " + std::to_string(kSessionKey) + " bytes");
  }
  return store::DocKey{kKind, session.str() + ":" + std::string(key)};
}

Async<Status> commit(store::Store& store, store::Write write) {
  store::Commit one;
  one.writes.push_back(std::move(write));
  auto done = co_await store.commit(std::move(one));
  if (!done) co_return fail(done.error());
  co_return Status();
}

}  // namespace

Async<Status> put_session_data(store::Store& store, ThreadId session, std::string key,
                               std::string json) {
  auto at = key_of(session, key);
  if (!at) co_return fail(at.error());
  if (auto value = parse_json(json); !value) co_return fail(value.error().during("the value"));
  store::PutDoc put{std::move(*at), std::move(json), {thread_mark(session)}};
  co_return co_await commit(store, std::move(put));
}

Async<Result<std::optional<std::string>>> get_session_data(store::Store& store, ThreadId session,
                                                           std::string key) {
  auto at = key_of(session, key);
  if (!at) co_return fail(at.error());
  auto doc = co_await store.get(std::move(*at));
  if (!doc) co_return fail(doc.error());
  if (!*doc) co_return std::nullopt;
  co_return std::move((*doc)->body);
}

Async<Status> remove_session_data(store::Store& store, ThreadId session, std::string key) {
  auto at = key_of(session, key);
  if (!at) co_return fail(at.error());
  store::RemoveDoc remove{std::move(*at)};
  co_return co_await commit(store, std::move(remove));
}

}  // namespace reeve::run
