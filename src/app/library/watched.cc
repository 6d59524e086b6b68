#include "app/library/watched.h"

#include <boost/asio/this_coro.hpp>

#include "app/library/face.h"

namespace reeve::library {
namespace {

/// Empty: not known yet.
template <class Id>
std::string text_of(const Id& id) {
  return id.is_nil() ? std::string() : id.str();
}

}  // namespace

std::shared_ptr<Watched> Watched::make(Engine& engine, Asked live) {
  auto made = std::make_shared<Watched>(engine.shared_from_this(), std::move(live));
  engine.keep(*made);
  if (engine.house().closing) {
    made->finish(fail(closed_error()));
  } else {
    engine.house().group->spawn("watch a run", follow_end(made));
  }
  return made;
}

Watched::Watched(std::shared_ptr<Engine> engine, Asked from)
    : live(std::move(from)),
      engine_(std::move(engine)),
      id_(text_of(live.handle.run())),
      session_(text_of(live.handle.session())) {}

Watched::~Watched() { engine_->forget(*this); }

Async<> Watched::follow_end(std::shared_ptr<Watched> self) {
  co_await asio::this_coro::throw_if_cancelled(false);
  auto handle = self->live.handle;
  Result<RunResult> result = fail(closed_error());
  try {
    result = co_await handle.result();
  } catch (const boost::system::system_error&) {
    // The town closes. What has ended by now has its result all the same.
    if (!handle.is_finished()) result = fail(closed_error());
  }
  if (handle.is_finished()) result = co_await handle.result();
  self->finish(std::move(result));
}

void Watched::finish(Result<RunResult> result) {
  is_mute_ = !result;  // it never began
  if (reading_ != nullptr && is_mute_) reading_->pull();
  auto shown = result ? v1::Result<v1::RunResult>(face(*result)) : face(result.error());
  {
    const std::scoped_lock lock(mutex_);
    if (!live.handle.run().is_nil()) id_ = live.handle.run().str();
    if (!live.handle.session().is_nil()) session_ = live.handle.session().str();
    result_ = std::move(shown);
  }
  finished_.notify_all();
}

std::string Watched::id() const {
  const std::scoped_lock lock(mutex_);
  return id_;
}

std::string Watched::session() const {
  const std::scoped_lock lock(mutex_);
  return session_;
}

bool Watched::is_finished() const {
  const std::scoped_lock lock(mutex_);
  return result_.has_value();
}

v1::Result<v1::RunResult> Watched::wait(Timeout timeout) const {
  std::unique_lock lock(mutex_);
  const auto over = [this] { return result_.has_value(); };
  if (!timeout) {
    finished_.wait(lock, over);
  } else if (!finished_.wait_for(lock, *timeout, over)) {
    return v1::Error{v1::Code::timeout, "the run goes on"};
  }
  return *result_;
}

void Watched::stop(run::Stop how, std::string reason) {
  engine_->post([self = shared_from_this(), how, why = std::move(reason)]() mutable {
    if (self->is_finished()) return;
    if (how == run::Stop::abort) {
      self->live.handle.abort(std::move(why));
    } else {
      self->live.handle.cancel(std::move(why));
    }
  });
}

v1::Result<std::optional<v1::Event>> Watched::next(Timeout timeout) {
  const std::scoped_lock lock(reader_);
  while (ready_.empty() && !over_) {
    auto read = engine_->call<Read>(
        [self = shared_from_this(), timeout] { return Watched::read(self, timeout); });
    if (!read) return face(read.error());
    over_ = read->over;
    for (auto& event : read->events) ready_.push_back(std::move(event));
  }
  if (ready_.empty()) return std::optional<v1::Event>();
  auto event = std::optional(std::move(ready_.front()));
  ready_.pop_front();
  return event;
}

Async<Result<Watched::Read>> Watched::read(std::shared_ptr<Watched> self, Timeout timeout) {
  const auto events = self->live.events;
  if (events == nullptr)
    co_return fail(Errc::invalid_argument, "this run was asked for without its events");
  bool timed_out = false;
  std::unique_ptr<Env::Timer> timer;
  if (timeout) {
    timer = self->engine_->house().env.after(*timeout, [&] {
      timed_out = true;
      if (self->reading_ != nullptr) self->reading_->pull();
    });
  }
  Read out;
  for (;;) {
    if (self->is_mute_) {
      out.over = true;
      co_return out;
    }
    if (timed_out) co_return fail(Errc::timeout, "no event came in that time");
    aio::Stop stop;
    self->reading_ = &stop;
    std::optional<Result<std::vector<Frame>>> frames;
    try {
      frames = co_await aio::until(stop, events->next());
    } catch (...) {
      self->reading_ = nullptr;
      throw;
    }
    self->reading_ = nullptr;
    if (!frames) continue;
    if (!*frames) co_return fail(frames->error());
    out.over = (*frames)->empty();
    for (const auto& frame : **frames) {
      if (const auto* event = std::get_if<EventPtr>(&frame)) {
        out.events.push_back(face(**event, self->engine_->log_id()));
      } else if (const auto* delta = std::get_if<DeltaPtr>(&frame)) {
        out.events.push_back(face(**delta));
      } else if (const auto* gap = std::get_if<Gap>(&frame)) {
        out.events.push_back(face(*gap));
      }
    }
    if (out.over) co_return out;
    if (!out.events.empty()) co_return out;
  }
}

}  // namespace reeve::library

namespace reeve::v1 {

std::string Run::id() const { return watched_ ? watched_->id() : std::string(); }
std::string Run::session() const { return watched_ ? watched_->session() : std::string(); }
bool Run::is_finished() const { return !watched_ || watched_->is_finished(); }

namespace {
Error no_run() { return {Code::invalid_argument, "this Run is of no run"}; }
}  // namespace

Result<RunResult> Run::wait() const {
  if (!watched_) return no_run();
  return watched_->wait(std::nullopt);
}
Result<RunResult> Run::wait_for(std::chrono::milliseconds timeout) const {
  if (!watched_) return no_run();
  return watched_->wait(timeout);
}
Result<std::optional<Event>> Run::next_event() {
  if (!watched_) return no_run();
  return watched_->next(std::nullopt);
}
Result<std::optional<Event>> Run::next_event(std::chrono::milliseconds timeout) {
  if (!watched_) return no_run();
  return watched_->next(timeout);
}
void Run::cancel(std::string reason) {
  if (watched_) watched_->stop(run::Stop::cancel, std::move(reason));
}
void Run::abort(std::string reason) {
  if (watched_) watched_->stop(run::Stop::abort, std::move(reason));
}

}  // namespace reeve::v1
