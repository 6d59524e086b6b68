#include "reeve/session.hpp"

#include "app/library/engine.h"
#include "app/library/face.h"

namespace reeve::library {
namespace {

using Done = Result<std::monostate>;

Result<ThreadId> session_of(const Engine* engine, const std::string& session) {
  if (session.empty() || engine == nullptr)
    return fail(Errc::invalid_argument, "there is no session to keep it in: name one by its id");
  const auto id = ThreadId::parse(session);
  if (!id) return fail(id.error().during("the session"));
  return *id;
}

Async<Done> put(Engine* engine, ThreadId session, std::string key, std::string json) {
  auto done = co_await engine->house().host->put_data(session, std::move(key), std::move(json));
  if (!done) co_return fail(done.error());
  co_return std::monostate();
}

Async<Done> remove(Engine* engine, ThreadId session, std::string key) {
  auto done = co_await engine->house().host->remove_data(session, std::move(key));
  if (!done) co_return fail(done.error());
  co_return std::monostate();
}

v1::Status face_of(const Done& done) {
  if (!done) return face(done.error());
  return {};
}

}  // namespace
}  // namespace reeve::library

namespace reeve::v1 {

Status Session::set(std::string_view key, std::string_view json) {
  const auto session = library::session_of(engine_.get(), id_);
  if (!session) return library::face(session.error());
  return library::face_of(engine_->call<std::monostate>(
      [engine = engine_.get(), s = *session, k = std::string(key), j = std::string(json)] {
        return library::put(engine, s, k, j);
      }));
}

Result<std::optional<std::string>> Session::get(std::string_view key) const {
  const auto session = library::session_of(engine_.get(), id_);
  if (!session) return library::face(session.error());
  return library::face(engine_->call<std::optional<std::string>>(
      [engine = engine_.get(), s = *session, k = std::string(key)] {
        return engine->house().host->get_data(s, k);
      }));
}

Status Session::remove(std::string_view key) {
  const auto session = library::session_of(engine_.get(), id_);
  if (!session) return library::face(session.error());
  return library::face_of(
      engine_->call<std::monostate>([engine = engine_.get(), s = *session, k = std::string(key)] {
        return library::remove(engine, s, k);
      }));
}

}  // namespace reeve::v1
