#include "app/library/following.h"

#include <algorithm>
#include <boost/asio/this_coro.hpp>

#include "app/library/face.h"

namespace reeve::library {
namespace {

/// What this thread is handling: nobody waits for himself.
thread_local const Following* handling = nullptr;

/// How long a listener that ends waits for what the log has ready: nothing of it is on the way, so
/// any time does.
constexpr std::chrono::milliseconds kLastLook{2};

}  // namespace

Following::Following(std::shared_ptr<Engine> engine, v1::OnOptions options, v1::Handler handler,
                     run::Control control)
    : engine_(std::move(engine)),
      options_(std::move(options)),
      handler_(std::move(handler)),
      control_(std::move(control)),
      changed_(engine_->house().loop.get_executor()) {}

void Following::start(const std::shared_ptr<Following>& self, std::unique_ptr<Feed> from) {
  auto& house = self->engine_->house();
  self->looked_at_ = from->position().value;
  self->note_progress();
  house.listeners.insert(self);
  self->watch_ = self->control_.watch([weak = std::weak_ptr(self), engine = self->engine_.get()] {
    engine->post([weak] {
      const auto alive = weak.lock();
      if (!alive) return;
      if (alive->control_.is_cancelled()) alive->stop_soon();
      alive->begin_jobs();
    });
  });
  if (self->control_.is_cancelled() || house.closing) self->stop_soon();
  house.group->spawn("a listener", follow(self, std::move(from)));
}

void Following::stop_soon() {
  stopped_ = true;
  if (looking_ != nullptr) looking_->pull();
  changed_.notify();
}

void Following::stop() {
  stopped_ = true;
  engine_->post([self = shared_from_this()] { self->stop_soon(); });
  wait_until_finished();
}

void Following::drain() {
  engine_->post([self = shared_from_this()] {
    auto& house = self->engine_->house();
    if (!self->last_ && !house.closing) house.group->spawn("drain", drain_to_head(self));
  });
  wait_until_finished();
}

Async<> Following::drain_to_head(std::shared_ptr<Following> self) {
  const auto head = co_await self->engine_->house().host->head();
  if (head) {
    self->last_ = *head;
  } else {
    self->broke_ = head.error();
  }
  if (self->looking_ != nullptr) self->looking_->pull();
}

void Following::wait_until_finished() {
  if (handling == this) return;
  std::unique_lock lock(mutex_);
  finish_.wait(lock, [this] { return finished_; });
}

bool Following::is_finished() const {
  const std::scoped_lock lock(mutex_);
  return finished_;
}

std::optional<v1::Error> Following::error() const {
  const std::scoped_lock lock(mutex_);
  return error_;
}

std::string Following::cursor() const {
  return Cursor{engine_->log_id(), Position{done_.load()}}.str();
}

// --- Domain thread -------------------------------------------------------------------------------

/// Empty: it was told to look again, or there is nothing more.
Async<std::optional<Result<std::vector<Frame>>>> Following::look(Feed& from) {
  aio::Stop stop;
  looking_ = &stop;
  std::unique_ptr<Env::Timer> timer;
  if (last_) timer = engine_->house().env.after(kLastLook, [&stop] { stop.pull(); });
  std::optional<Result<std::vector<Frame>>> frames;
  try {
    frames = co_await aio::until(stop, from.next());
  } catch (const boost::system::system_error&) {
    stopped_ = true;  // the town closes
  }
  looking_ = nullptr;
  co_return frames;
}

Async<> Following::follow(std::shared_ptr<Following> self, std::unique_ptr<Feed> from) {
  // Its handlers refer to it: it waits for them also when it is cancelled.
  co_await asio::this_coro::throw_if_cancelled(false);
  const auto enough = std::max<std::size_t>(self->options_.batch, 1) * 2;
  while (!self->stopped_ && !self->broke_) {
    const bool ending = self->last_.has_value();
    auto frames = co_await self->look(*from);
    if (frames && !*frames) self->broke_ = frames->error();
    if (frames && *frames) {
      for (const auto& frame : **frames) self->take(frame);
      self->looked_at_ = from->position().value;
      self->note_progress();
    }
    self->begin_jobs();
    if (!frames && ending && from->position() >= *self->last_) break;
    while (!self->stopped_ && self->waiting_ >= enough * self->limit())
      co_await self->changed_.wait_uncancelled();
  }
  from.reset();  // a run that waits for its reader goes on
  while (self->running_ > 0 || (!self->stopped_ && self->waiting_ > 0))
    co_await self->changed_.wait_uncancelled();
  self->watch_ = {};
  self->engine_->house().listeners.erase(self);
  {
    const std::scoped_lock lock(self->mutex_);
    self->finished_ = true;
    if (self->broke_) self->error_ = face(*self->broke_);
  }
  self->finish_.notify_all();
}

void Following::take(const Frame& frame) {
  if (const auto* event = std::get_if<EventPtr>(&frame)) {
    add(face(**event, engine_->log_id()));
  } else if (const auto* delta = std::get_if<DeltaPtr>(&frame)) {
    add(face(**delta));
  } else if (const auto* gap = std::get_if<Gap>(&frame)) {
    missed += gap->dropped;
    if (options_.slow == v1::OnOptions::Slow::disconnect) {
      broke_ =
          Error(Errc::unavailable, "the listener is too slow: " + std::to_string(gap->dropped) +
                                       " deltas were dropped for it");
    } else {
      add(face(*gap));
    }
  }
}

void Following::add(v1::Event event) {
  if (broke_) return;
  if (event.position > 0) unhandled_.insert(event.position);
  const auto order = ++came_;
  auto& lane = lanes_[event.run];
  if (lane.items.empty() && !lane.busy) free_.emplace(order, event.run);
  lane.items.push_back({order, std::move(event)});
  ++waiting_;
}

std::size_t Following::limit() const {
  return std::max<std::size_t>(control_.concurrency_limit().value_or(options_.concurrency), 1);
}

void Following::begin_jobs() {
  while (!stopped_ && running_ < limit() && !free_.empty()) {
    ++running_;
    auto job = std::make_shared<Job>(next_job(limit()));
    engine_->workers().run([self = shared_from_this(), job] {
      self->do_job(*job);
      self->engine_->post([self, job] { self->end_job(*job); });
    });
  }
}

/// One at a time, events are handled in the order of the log, whatever their runs; else those of
/// one run are taken together.
Following::Job Following::next_job(std::size_t limit) {
  Job job;
  const auto most = std::max<std::size_t>(options_.batch, 1);
  const auto first = free_.begin()->second;
  while (job.events.size() < most && !free_.empty()) {
    const auto lane = limit == 1 ? free_.begin()->second : first;
    if (lanes_[lane].items.empty()) break;
    pop(lane, job);
  }
  for (const auto& name : job.lanes) {
    auto& lane = lanes_[name];
    lane.busy = true;
    if (!lane.items.empty()) free_.erase({lane.items.front().order, name});
  }
  return job;
}

void Following::pop(const std::string& name, Job& job) {
  auto& lane = lanes_[name];
  free_.erase({lane.items.front().order, name});
  job.events.push_back(std::move(lane.items.front().event));
  lane.items.pop_front();
  job.lanes.insert(name);
  if (!lane.items.empty()) free_.emplace(lane.items.front().order, name);
}

void Following::end_job(const Job& job) {
  --running_;
  waiting_ -= job.events.size();
  for (const auto& event : job.events) {
    if (event.position > 0) unhandled_.erase(event.position);
  }
  for (const auto& name : job.lanes) {
    const auto found = lanes_.find(name);
    found->second.busy = false;
    if (found->second.items.empty()) {
      lanes_.erase(found);
    } else {
      free_.emplace(found->second.items.front().order, name);
    }
  }
  if (!stopped_) note_progress();
  begin_jobs();
  changed_.notify();
}

/// Not once it is stopped: an event that was to be handled may not have been.
void Following::note_progress() {
  done_ = unhandled_.empty() ? looked_at_ : *unhandled_.begin() - 1;
}

// --- A worker's thread ---------------------------------------------------------------------------

void Following::do_job(Job& job) {
  handling = this;
  std::string run;
  auto control = engine_->control_of(run);
  for (auto& event : job.events) {
    if (stopped_) break;
    if (event.run != run) control = engine_->control_of(run = event.run);
    auto session = engine_->session(event.session);
    handle(event, session, control);
  }
  handling = nullptr;
}

void Following::handle(const v1::Event& event, v1::Session& session, v1::Control& control) {
  v1::Error error;
  try {
    if (!options_.filter.matches(event)) return;
    handler_(event, session, control);
    ++handled;
    return;
  } catch (const v1::Failure& failure) {
    error = {failure.code, failure.what()};
  } catch (const std::exception& thrown) {
    error.message = thrown.what();
  } catch (...) {
    error.message = "what was thrown is no std::exception";
  }
  ++failed;
  engine_->post([engine = engine_.get()] { engine->house().host->count_handler_failure(); });
  if (!options_.on_error) return;
  try {
    options_.on_error(error, event);
  } catch (...) {  // who reports a failure has said all there is
  }
}

}  // namespace reeve::library

namespace reeve::v1 {

Listener::Listener(std::shared_ptr<library::Following> following)
    : following_(std::move(following)) {}
Listener::Listener(Listener&&) noexcept = default;
Listener& Listener::operator=(Listener&& other) noexcept {
  if (this != &other) {
    stop();
    following_ = std::move(other.following_);
  }
  return *this;
}
Listener::~Listener() { stop(); }

Status Listener::close() {
  if (!following_) return {};
  following_->drain();
  if (auto error = following_->error()) return *error;
  return {};
}
void Listener::stop() {
  if (following_) following_->stop();
}
bool Listener::is_finished() const { return !following_ || following_->is_finished(); }
std::optional<Error> Listener::error() const {
  return following_ ? following_->error() : std::nullopt;
}
std::uint64_t Listener::handled() const { return following_ ? following_->handled.load() : 0; }
std::uint64_t Listener::failed() const { return following_ ? following_->failed.load() : 0; }
std::uint64_t Listener::missed() const { return following_ ? following_->missed.load() : 0; }
std::string Listener::cursor() const { return following_ ? following_->cursor() : std::string(); }

}  // namespace reeve::v1
