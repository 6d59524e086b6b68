#include "run/listener.h"

#include <algorithm>

#include "base/logging.h"
#include "run/scope_id.h"

namespace reeve::run {
namespace {

Heard heard_of(Frame frame, Position before) {
  Heard heard;
  heard.position = before;
  if (const auto* event = std::get_if<EventPtr>(&frame)) {
    heard.kind = (*event)->kind;
    heard.position = (*event)->position;
    heard.run = id_in<RunId>((*event)->scopes, "run");
    heard.session = id_in<ThreadId>((*event)->scopes, "thread");
  } else if (const auto* delta = std::get_if<DeltaPtr>(&frame)) {
    heard.kind = (*delta)->kind;
    heard.run = (*delta)->run;
    heard.session = id_in<ThreadId>(*(*delta)->scopes, "thread");
  } else if (const auto* gap = std::get_if<Gap>(&frame)) {
    heard.kind = "Gap";
    if (!gap->run.is_nil()) heard.run = gap->run;
  }
  heard.frame = std::move(frame);
  return heard;
}

}  // namespace

Handler on_pool(Env& env, std::function<void(const Heard&, Control&)> handler) {
  const auto shared = std::make_shared<decltype(handler)>(std::move(handler));
  return [&env, shared](Heard heard, Control control) -> Async<> {
    auto thrown = std::make_shared<std::exception_ptr>();
    auto begin = [&env, shared, thrown, h = std::move(heard),
                  c = std::move(control)](std::move_only_function<void(bool)> resume) mutable {
      auto work = [shared, thrown, h = std::move(h), c = std::move(c)]() mutable {
        try {
          (*shared)(h, c);
        } catch (...) {
          *thrown = std::current_exception();
        }
      };
      env.offload(std::move(work), [r = std::move(resume)]() mutable { r(true); });
    };
    static_cast<void>(co_await aio::suspend<bool>(std::move(begin)));
    if (*thrown) std::rethrow_exception(*thrown);
  };
}

struct Listener::State {
  explicit State(const aio::asio::any_io_executor& executor) : changed(executor) {}

  ListenOptions options;
  Handler handler;
  Control control;
  OnHandlerFailure on_failure;
  std::unique_ptr<log::Subscription> events;
  Control::Watch watch;
  aio::TaskGroup::Stopper stop_pump;
  Position read;  // everything up to here has been read, and handed to the lanes

  /// What waits for its handler, by run; what is about none has one lane of its own.
  std::map<RunId, std::deque<Heard>> lanes;
  std::deque<RunId> ready;       // lanes that have something and nobody at it
  std::set<RunId> at_work;       // lanes whose handler runs
  std::size_t waiting = 0;       // in all lanes
  std::multiset<Position> open;  // of events that are not handled yet

  Counts counts;
  std::optional<Error> error;
  std::optional<Position> close_at;
  bool stopped = false;
  bool pumping = true;
  bool reading = false;  // the pump waits for the log, with nothing in its hands
  aio::Signal changed;

  [[nodiscard]] bool finished() const { return !pumping && at_work.empty() && waiting == 0; }
  void stop() {
    if (stopped) return;
    stopped = true;
    lanes.clear();
    ready.clear();
    waiting = 0;
    stop_pump();
    changed.notify();
  }
};

Listener::~Listener() { state_->stop(); }
Listener::Counts Listener::counts() const { return state_->counts; }
bool Listener::is_finished() const { return state_->finished(); }
std::optional<Error> Listener::error() const { return state_->error; }

Position Listener::position() const {
  if (state_->open.empty()) return state_->read;
  return {state_->open.begin()->value - 1};
}

Async<> Listener::close() {
  const auto state = state_;
  if (!state->close_at) state->close_at = state->events->head();
  state->changed.notify();
  // Nothing may come any more: the reader is not left to wait for it.
  if (state->reading && state->events->position() >= *state->close_at) state->stop_pump();
  while (!state->finished()) co_await state->changed.wait();
}

Async<> Listener::stop() {
  const auto state = state_;
  state->stop();
  while (!state->finished()) co_await state->changed.wait();
}

Listening::Listening(Env& env, aio::asio::any_io_executor executor, log::Log& log)
    : env_(env), executor_(executor), log_(log), group_(std::move(executor)) {}

Listening::~Listening() = default;

std::unique_ptr<Listener> Listening::on(ListenOptions options, Handler handler, Control control,
                                        OnHandlerFailure failed) {
  const auto state = std::make_shared<Listener::State>(executor_);
  log::SubscribeOptions follow;
  follow.from = options.from;
  follow.deltas = options.deltas;
  follow.delta_capacity = options.delta_capacity;
  follow.block = options.policy == SlowPolicy::block;
  follow.patience = options.patience;
  if (options.run) {
    follow.filter.scopes = {Scope::of(*options.run)};
  } else if (options.session) {
    follow.filter.scopes = {Scope::of(*options.session)};
  } else {
    follow.filter.scopes = options.scopes;
  }
  follow.filter.kinds.assign(options.kinds.begin(), options.kinds.end());
  state->events = log_.subscribe(std::move(follow));
  state->read = state->events->position();
  state->options = std::move(options);
  state->handler = std::move(handler);
  state->control = std::move(control);
  state->on_failure = std::move(failed);
  state->watch = state->control.watch([this, weak = std::weak_ptr(state)] {
    env_.defer([this, weak] {
      const auto alive = weak.lock();
      if (!alive) return;
      if (alive->control.is_cancelled()) alive->stop();
      start_lanes(alive);
    });
  });
  listeners_.insert(state);
  state->stop_pump = group_.spawn("listen", pump(state));
  if (state->control.is_cancelled()) state->stop();
  return std::unique_ptr<Listener>(new Listener(state));
}

Async<> Listening::pump(StatePtr state) {
  const struct Ended {
    Listening& self;
    const StatePtr& state;
    ~Ended() {
      // It waited for the log: what was read was handed on, the rest was not for this listener.
      if (state->reading) state->read = std::max(state->read, state->events->position());
      state->pumping = false;
      self.listeners_.erase(state);
      state->changed.notify();
    }
  } ended{*this, state};
  while (!state->stopped && !(state->close_at && state->read >= *state->close_at)) {
    if (state->waiting >= state->options.queue) {
      co_await state->changed.wait();
      continue;
    }
    state->reading = true;
    auto frames = co_await state->events->next();
    state->reading = false;
    if (!frames) {
      state->error = frames.error();
      co_return;
    }
    for (auto& frame : *frames) {
      if (state->stopped) co_return;
      take(state, std::move(frame));
    }
    state->read = std::max(state->read, state->events->position());
    start_lanes(state);
  }
}

void Listening::take(const StatePtr& state, Frame frame) {
  if (std::holds_alternative<Progress>(frame)) return;
  if (const auto* gap = std::get_if<Gap>(&frame)) {
    state->counts.missed += gap->dropped;
    if (state->options.policy == SlowPolicy::disconnect) {
      state->error =
          Error(Errc::unavailable, "too slow for the deltas: " + std::to_string(gap->dropped) +
                                       " were dropped; go on behind position " +
                                       std::to_string(state->read.value));
      state->stop();
      return;
    }
  }
  auto heard = heard_of(std::move(frame), state->read);
  const auto& options = state->options;
  const bool is_gap = heard.kind == "Gap";
  // Events are filtered by the log; deltas by their scopes only.
  if (!is_gap && !options.kinds.empty() && !options.kinds.contains(heard.kind)) return;
  if (options.run && heard.run && heard.run != options.run) return;
  if (options.session && !is_gap && heard.session != options.session) return;
  if (options.predicate && !is_gap) {
    try {
      if (!options.predicate(heard)) return;
    } catch (const std::exception& error) {
      logging::warn("a listener's predicate threw: {}", error.what());
      return;
    }
  }
  if (std::holds_alternative<EventPtr>(heard.frame)) state->open.insert(heard.position);
  const auto lane = heard.run.value_or(RunId());
  auto& queue = state->lanes[lane];
  if (queue.empty() && !state->at_work.contains(lane)) state->ready.push_back(lane);
  queue.push_back(std::move(heard));
  ++state->waiting;
}

void Listening::start_lanes(const StatePtr& state) {
  const auto limit = state->control.concurrency_limit().value_or(1);
  while (!state->stopped && !state->ready.empty() && state->at_work.size() < limit) {
    const auto lane = state->ready.front();
    state->ready.pop_front();
    state->at_work.insert(lane);
    group_.spawn("handler", handle(state, lane));
  }
}

/// Handles what its lane has, until there is no more or others must have their turn.
Async<> Listening::handle(StatePtr state, RunId lane) {
  co_await aio::asio::this_coro::reset_cancellation_state(aio::asio::disable_cancellation());
  for (std::size_t done = 0; !state->stopped; ++done) {
    const auto found = state->lanes.find(lane);
    if (found == state->lanes.end()) break;
    if (found->second.empty()) {
      state->lanes.erase(found);
      break;
    }
    // Fair to other runs, and true to a limit that was lowered meanwhile.
    const auto limit = state->control.concurrency_limit().value_or(1);
    if (state->at_work.size() > limit || (done >= 64 && !state->ready.empty())) {
      state->ready.push_back(lane);
      break;
    }
    auto heard = std::move(found->second.front());
    found->second.pop_front();
    --state->waiting;
    if (state->waiting < state->options.queue) state->changed.notify();
    std::string why;
    try {
      co_await state->handler(heard, state->control);
    } catch (const std::exception& error) {
      why = error.what();
    } catch (...) {
      why = "something that is no std::exception";
    }
    ++state->counts.handled;
    if (!why.empty()) {
      ++state->counts.failed;
      ++log_.counters().handler_failures;
      if (state->on_failure) {
        state->on_failure(heard, why);
      } else {
        logging::warn("a handler of {} threw: {}", heard.kind, why);
      }
    }
    if (std::holds_alternative<EventPtr>(heard.frame))
      state->open.erase(state->open.find(heard.position));
  }
  state->at_work.erase(lane);
  start_lanes(state);
  state->changed.notify();
}

Async<> Listening::close() {
  const auto now = listeners_;
  for (const auto& weak : now) {
    if (const auto state = weak.lock()) state->stop();
  }
  co_await group_.join();
}

}  // namespace reeve::run
