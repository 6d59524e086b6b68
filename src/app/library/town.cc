#include "reeve/town.hpp"

#include <algorithm>

#include "app/library/engine.h"
#include "app/library/face.h"
#include "app/library/following.h"
#include "app/library/watched.h"
#include "base/limits.h"

namespace reeve::library {
namespace {

using WatchedPtr = std::shared_ptr<Watched>;

/// A run's events from its beginning, for who was not there.
std::shared_ptr<log::Subscription> replay(Engine& engine, const RunId& run) {
  log::SubscribeOptions options;
  options.from = log::From::beginning();
  options.filter.scopes = {Scope::of(run)};
  options.deltas = true;
  return engine.house().log->subscribe(std::move(options));
}

Async<Result<WatchedPtr>> emit(Engine* engine, run::EmitRequest request, run::Control control,
                               bool with_events) {
  auto handle = co_await engine->house().invocation->emit(std::move(request), std::move(control),
                                                          with_events);
  if (!handle) co_return fail(handle.error());
  Live live;
  live.handle = *handle;
  // A repeated request is answered the first one's run.
  if (with_events && handle->events() == nullptr) live.replay = replay(*engine, handle->run());
  co_return Watched::make(*engine, std::move(live));
}

Async<Result<WatchedPtr>> find(Engine* engine, RunId run) {
  auto handle = co_await engine->house().invocation->find(run);
  if (!handle) co_return fail(handle.error());
  Live live;
  live.handle = *handle;
  live.replay = replay(*engine, run);
  co_return Watched::make(*engine, std::move(live));
}

Result<log::From> place_of(const log::Log& log, const v1::From& from) {
  switch (from.where) {
    case v1::From::Where::now: return log::From::now();
    case v1::From::Where::beginning: return log::From::beginning();
    case v1::From::Where::after: break;
  }
  const auto cursor = Cursor::parse(from.cursor);
  if (!cursor) return fail(cursor.error());
  const auto position = log.position_of(*cursor);
  if (!position) return fail(position.error());
  return log::From::after(*position);
}

using FollowingPtr = std::shared_ptr<Following>;

Async<Result<FollowingPtr>> follow(Engine* engine, v1::OnOptions options, v1::Handler handler,
                                   run::Control control) {
  auto& log = *engine->house().log;
  auto from = place_of(log, options.from);
  if (!from) co_return fail(from.error());
  auto filter = inner(options.filter);
  if (!filter) co_return fail(filter.error());
  log::SubscribeOptions subscribe;
  subscribe.from = *from;
  subscribe.filter = std::move(*filter);
  subscribe.deltas = options.deltas;
  subscribe.delta_capacity = std::max<std::size_t>(options.delta_capacity, 1);
  subscribe.block = options.slow == v1::OnOptions::Slow::block;
  auto made = std::make_shared<Following>(engine->shared_from_this(), std::move(options),
                                          std::move(handler), std::move(control));
  Following::start(made, log.subscribe(std::move(subscribe)));
  co_return made;
}

Async<Result<v1::EventPage>> read(Engine* engine, std::string after, store::EventFilter filter,
                                  std::size_t limit) {
  const auto& log = *engine->house().log;
  auto from = log::From::beginning();
  if (!after.empty()) {
    auto place = place_of(log, v1::From::after(std::move(after)));
    if (!place) co_return fail(place.error());
    from = *place;
  }
  auto page = co_await engine->house().store->read(from.position, std::move(filter), limit);
  if (!page) co_return fail(page.error());
  v1::EventPage out;
  for (const auto& event : page->events) out.events.push_back(face(*event, engine->log_id()));
  const auto looked_at = std::max(from.position, page->scanned);
  out.cursor = Cursor{engine->log_id(), looked_at}.str();
  out.at_end = looked_at >= engine->house().store->log().head;
  co_return out;
}

Async<Result<std::string>> end_of_log(Engine* engine) {
  const auto& log = *engine->house().log;
  co_return log.cursor(log.head()).str();
}

}  // namespace
}  // namespace reeve::library

namespace reeve::v1 {

using library::Engine;
using library::face;
using library::inner;

Town::Town(std::shared_ptr<Engine> engine) : engine_(std::move(engine)) {}
Town::Town(Town&&) noexcept = default;
Town& Town::operator=(Town&& other) noexcept {
  if (this != &other) {
    close();
    engine_ = std::move(other.engine_);
  }
  return *this;
}
Town::~Town() { close(); }

void Town::close() {
  if (engine_) engine_->close();
}

Result<Town> Town::open(OpenOptions options) {
  auto engine = Engine::open(options);
  if (!engine) return face(engine.error());
  return Town(std::move(*engine));
}

Result<Run> Town::emit(EmitRequest request, Control control) {
  const bool events = request.events;
  auto asked = inner(std::move(request));
  if (!asked) return face(asked.error());
  auto watched = engine_->call<library::WatchedPtr>(
      [engine = engine_.get(), a = std::move(*asked), c = Engine::inner(control),
       events]() mutable { return library::emit(engine, std::move(a), std::move(c), events); });
  if (!watched) return face(watched.error());
  return Engine::face(std::move(*watched));
}

Result<Run> Town::emit(const Configure& configure, const std::string& session) {
  Session given = engine_->session(session);
  Control control;
  Engine::inner(control).share_data_of(Engine::inner(engine_->shared()));
  auto request = configure(given, control);
  if (request.session.empty()) request.session = session;
  return emit(std::move(request), std::move(control));
}

Result<Run> Town::find_run(const std::string& id) {
  const auto run = RunId::parse(id);
  if (!run) return face(run.error().during("the run's id"));
  auto watched = engine_->call<library::WatchedPtr>(
      [engine = engine_.get(), r = *run] { return library::find(engine, r); });
  if (!watched) return face(watched.error());
  return Engine::face(std::move(*watched));
}

Result<Listener> Town::on(OnOptions options, Handler handler, Control control) {
  if (!handler) return Error{Code::invalid_argument, "a listener needs its handler"};
  auto following = engine_->call<library::FollowingPtr>(
      [engine = engine_.get(), o = std::move(options), h = std::move(handler),
       c = Engine::inner(control)]() mutable {
        return library::follow(engine, std::move(o), std::move(h), std::move(c));
      });
  if (!following) return face(following.error());
  return Engine::face(std::move(*following));
}

Result<EventPage> Town::events(const std::string& after, const EventFilter& filter,
                               std::size_t limit) {
  auto looked_for = inner(filter);
  if (!looked_for) return face(looked_for.error());
  auto page =
      engine_->call<EventPage>([engine = engine_.get(), after, f = std::move(*looked_for),
                                n = std::clamp<std::size_t>(limit, 1, limits::kPage)]() mutable {
        return library::read(engine, after, std::move(f), n);
      });
  if (!page) return face(page.error());
  std::erase_if(page->events, [&](const Event& event) { return !filter.matches(event); });
  return std::move(*page);
}

Result<std::string> Town::cursor() {
  return face(
      engine_->call<std::string>([engine = engine_.get()] { return library::end_of_log(engine); }));
}

Session Town::session(std::string id) { return engine_->session(std::move(id)); }
Control& Town::shared() { return engine_->shared(); }

}  // namespace reeve::v1
