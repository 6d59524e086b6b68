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

Async<Result<WatchedPtr>> emit(Engine* engine, EmitRequest request, run::Control control,
                               bool with_events) {
  auto asked =
      co_await engine->house().host->emit(std::move(request), std::move(control), with_events);
  if (!asked) co_return fail(asked.error());
  co_return Watched::make(*engine, std::move(*asked));
}

Async<Result<WatchedPtr>> find(Engine* engine, RunId run) {
  auto asked = co_await engine->house().host->find(run);
  if (!asked) co_return fail(asked.error());
  co_return Watched::make(*engine, std::move(*asked));
}

using FollowingPtr = std::shared_ptr<Following>;

Async<Result<FollowingPtr>> follow(Engine* engine, v1::OnOptions options, v1::Handler handler,
                                   run::Control control) {
  auto filter = inner(options.filter);
  if (!filter) co_return fail(filter.error());
  FollowOptions follow;
  follow.from = options.from;
  follow.filter = std::move(*filter);
  follow.deltas = options.deltas;
  follow.delta_capacity = std::max<std::size_t>(options.delta_capacity, 1);
  follow.block = options.slow == v1::OnOptions::Slow::block;
  auto feed = co_await engine->house().host->follow(std::move(follow));
  if (!feed) co_return fail(feed.error());
  auto made = std::make_shared<Following>(engine->shared_from_this(), std::move(options),
                                          std::move(handler), std::move(control));
  Following::start(made, std::move(*feed));
  co_return made;
}

Async<Result<v1::EventPage>> read(Engine* engine, std::string after, store::EventFilter filter,
                                  std::size_t limit) {
  auto page = co_await engine->house().host->read(std::move(after), std::move(filter), limit);
  if (!page) co_return fail(page.error());
  v1::EventPage out;
  for (const auto& event : page->events) out.events.push_back(face(*event, engine->log_id()));
  out.cursor = Cursor{engine->log_id(), page->reached}.str();
  out.at_end = page->at_end;
  co_return out;
}

Async<Result<std::string>> end_of_log(Engine* engine) {
  const auto head = co_await engine->house().host->head();
  if (!head) co_return fail(head.error());
  co_return Cursor{engine->log_id(), *head}.str();
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

Result<Town> Town::connect(ConnectOptions options) {
  auto engine = Engine::connect(options);
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

Agents Town::agents() { return Agents(engine_); }
Tasks Town::tasks() { return Tasks(engine_); }
Messages Town::messages() { return Messages(engine_); }

Session Town::session(std::string id) { return engine_->session(std::move(id)); }
Control& Town::shared() { return engine_->shared(); }

}  // namespace reeve::v1
