#include "reeve/session.hpp"

#include "app/library/engine.h"
#include "app/library/face.h"
#include "base/limits.h"
#include "run/documents.h"

namespace reeve::library {
namespace {

/// Bookkeeping beside a session's documents: no event tells of it.
constexpr const char* kSessionData = "_session_data";
constexpr std::size_t kKey = 256;

Result<store::DocKey> key_of(const Engine* engine, const std::string& session,
                             std::string_view key) {
  if (session.empty() || engine == nullptr)
    return fail(Errc::invalid_argument, "there is no session to keep it in: name one by its id");
  const auto id = ThreadId::parse(session);
  if (!id) return fail(id.error().during("the session"));
  if (key.empty() || key.size() > kKey) {
    return fail(Errc::invalid_argument,
                "a key of session data has 1 to " + std::to_string(kKey) + " bytes");
  }
  return store::DocKey{kSessionData, id->str() + ":" + std::string(key)};
}

Async<Result<std::monostate>> commit(Engine* engine, store::Write write) {
  store::Commit one;
  one.writes.push_back(std::move(write));
  auto done = co_await engine->house().store->commit(std::move(one));
  if (!done) co_return fail(done.error());
  co_return std::monostate();
}

v1::Status write(Engine* engine, store::Write one) {
  auto done = engine->call<std::monostate>(
      [engine, w = std::move(one)]() mutable { return commit(engine, std::move(w)); });
  if (!done) return face(done.error());
  return {};
}

Async<Result<std::optional<std::string>>> read(Engine* engine, store::DocKey key) {
  auto doc = co_await engine->house().store->get(std::move(key));
  if (!doc) co_return fail(doc.error());
  if (!*doc) co_return std::nullopt;
  co_return std::move((*doc)->body);
}

}  // namespace
}  // namespace reeve::library

namespace reeve::v1 {

Status Session::set(std::string_view key, std::string_view json) {
  auto at = library::key_of(engine_.get(), id_, key);
  if (!at) return library::face(at.error());
  if (auto value = library::read_text("the value", json); !value)
    return library::face(value.error());
  store::PutDoc put{std::move(*at), std::string(json), {}};
  if (auto session = ThreadId::parse(id_)) put.marks = {run::thread_mark(*session)};
  return library::write(engine_.get(), std::move(put));
}

Result<std::optional<std::string>> Session::get(std::string_view key) const {
  auto at = library::key_of(engine_.get(), id_, key);
  if (!at) return library::face(at.error());
  return library::face(engine_->call<std::optional<std::string>>(
      [engine = engine_.get(), k = std::move(*at)] { return library::read(engine, k); }));
}

Status Session::remove(std::string_view key) {
  auto at = library::key_of(engine_.get(), id_, key);
  if (!at) return library::face(at.error());
  return library::write(engine_.get(), store::RemoveDoc{std::move(*at)});
}

}  // namespace reeve::v1
