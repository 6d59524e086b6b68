#include "run/invocation_active.h"

#include <algorithm>

#include "aio/real_env.h"
#include "aio/run.h"
#include "base/backoff.h"
#include "base/digest.h"
#include "base/limits.h"
#include "base/logging.h"
#include "run/redact.h"

namespace reeve::run {
namespace {

/// What a repeated request is answered.
struct Started {
  RunId run;
  ThreadId session;
};
BOOST_DESCRIBE_STRUCT(Started, (), (run, session))

Error was_cancelled(const Control& control) {
  return Error(Errc::cancelled,
               "cancelled before it began: " + control.cancel_reason().value_or(""));
}

Error left_at_close() {
  return Error(Errc::unavailable,
               "the town was closed while its store was away: the next one tells the run's end");
}

/// A conversation that a model takes begins with what a user said: a result without its call, or a
/// half of an exchange, is refused.
void trim(std::vector<ChatMessage>& messages, std::size_t keep) {
  // The first place is the system's. Not at each run, so that it costs nothing on average.
  if (messages.size() <= 2 * keep + 1) return;
  auto from = messages.end() - static_cast<std::ptrdiff_t>(keep);
  while (from != messages.end() && from->role != ChatRole::user) ++from;
  messages.erase(messages.begin() + 1, from);
}

}  // namespace

std::optional<store::IdempotencyKey> key_of_request(const EmitRequest& request) {
  if (!request.client_request_id) return std::nullopt;
  return store::IdempotencyKey{"emit", *request.client_request_id,
                               sha256_hex(canonical_json(to_json_value(request)))};
}

Invocation::Invocation(Env& env, aio::asio::any_io_executor executor, log::Log& log,
                       llm::Registry& providers, tool::Registry& tools, Options options)
    : env_(env),
      executor_(executor),
      log_(log),
      providers_(providers),
      tools_(tools),
      options_(std::move(options)),
      forgotten_(executor),
      group_(std::move(executor)) {}

Invocation::~Invocation() = default;

Async<Result<RunHandle>> Invocation::emit(Configure configure, bool with_events) {
  Control control;
  control.share_data_of(shared_);
  auto request = co_await configure(control);
  if (!request) co_return fail(request.error());
  co_return co_await emit(std::move(*request), std::move(control), with_events);
}

Async<Result<RunHandle>> Invocation::emit(EmitRequest request, Control control, bool with_events) {
  if (closing_) co_return fail(Errc::unavailable, "the town stops");
  if (auto good = check(request); !good) co_return fail(good.error());
  control.share_data_of(shared_);
  if (control.is_cancelled()) co_return fail(was_cancelled(control));
  if (!request.agent.empty())
    co_return co_await emit_agent(std::move(request), std::move(control), with_events);
  co_return co_await emit_native(std::move(request), std::move(control), with_events);
}

// --- Model providers -----------------------------------------------------------------------------

Async<Result<NativeOptions>> Invocation::options_for(const EmitRequest& request) {
  auto provider = providers_.find(request.provider);
  if (!provider) co_return fail(provider.error());
  NativeOptions options;
  options.provider = std::move(*provider);
  options.model =
      request.model.empty() ? std::string(options.provider->default_model()) : request.model;
  options.system = request.system;
  options.tool_choice = request.tool_choice;
  options.sampling = request.sampling;
  options.max_steps = request.max_steps;
  options.history = options_.history;
  options.redactor = options_.redactor;
  options.normaliser = options_.normaliser;
  if (request.tools) {
    auto chosen = std::make_shared<tool::Registry>();
    for (const auto& name : *request.tools) {
      const auto* entry = tools_.find(name);
      if (entry == nullptr) co_return fail(Errc::not_found, "no tool is called " + name);
      if (auto added = chosen->add(entry->tool); !added) co_return fail(added.error());
    }
    options.tools = std::move(chosen);
  } else {
    options.tools = std::make_shared<const tool::Registry>(tools_);
  }
  co_return options;
}

Async<Result<RunHandle>> Invocation::emit_native(EmitRequest request, Control control,
                                                 bool with_events) {
  auto options = co_await options_for(request);
  if (!options) co_return fail(options.error());
  auto active = std::make_shared<Active>(executor_);
  active->called_at = env_.uptime();
  active->options = std::move(*options);
  active->pending->control = std::move(control);
  active->new_session = !request.session;
  active->pending->run = RunId(env_.uuid4());
  active->pending->session = request.session.value_or(ThreadId(env_.uuid4()));
  active->request = std::move(request);

  std::unique_ptr<log::Subscription> events;
  if (with_events) events = events_of(Scope::of(active->pending->run), log::From::now());
  active_.emplace(active->pending->run, active);
  watch_control(active);
  auto handle = handle_of(active, std::move(events));
  if (!active->new_session && sessions_[active->pending->session].busy) {
    active->interrupt = group_.spawn("run", wait_and_execute(active));
    co_return handle;
  }
  const auto first = active->pending->run;
  const auto session = active->pending->session;
  Status begun;
  std::exception_ptr thrown;
  try {
    begun = co_await begin(active);
  } catch (...) {
    thrown = std::current_exception();
    begun = fail(Errc::cancelled, "nobody waited for its beginning");
  }
  if (!begun) {
    forget(first);
    end_turn(session);
    if (thrown) std::rethrow_exception(thrown);
    co_return fail(begun.error());
  }
  if (active->pending->run != first) {  // the request was made before
    forget(first);
    co_return co_await find(active->pending->run, with_events);
  }
  active->interrupt = group_.spawn("run", execute(active));
  co_return handle;
}

std::unique_ptr<log::Subscription> Invocation::events_of(Scope scope, log::From from) {
  log::SubscribeOptions options;
  options.deltas = true;
  options.heartbeat = std::chrono::seconds(15);  // whoever hears nothing for a minute asks again
  options.from = from;
  options.filter.scopes = {std::move(scope)};
  return log_.subscribe(std::move(options));
}

RunHandle Invocation::handle_of(const ActivePtr& active,
                                std::unique_ptr<log::Subscription> events) {
  active->pending->stop = [this, weak = std::weak_ptr(active)](Stop how, std::string why) {
    const auto alive = weak.lock();
    if (alive && !alive->pending->result) stop(*alive, how, std::move(why));
  };
  std::shared_ptr<RunEvents> told;
  if (events) told = std::make_shared<RunEvents>(active->pending, std::move(events));
  return {active->pending, std::move(told)};
}

void Invocation::stop(Active& active, Stop how, std::string why) {
  if (active.native && active.pending->began) {
    active.native->stop(how, std::move(why), active.interrupt);
  } else if (active.agents) {
    if (desk_ == nullptr) return;
    if (!active.stopped) active.stopped = std::pair(how, why);
    const auto ask = [](AgentDesk& desk, std::optional<MessageId> message, RunId run,
                        std::string reason) -> Async<> {
      const auto done = message ? co_await desk.take_back(*message, std::move(reason))
                                : co_await desk.stop_run(run, std::move(reason));
      if (!done) logging::warn("a run cannot be stopped: {}", done.error().message());
    };
    group_.spawn("take back",
                 ask(*desk_, active.pending->message, active.pending->run, std::move(why)));
  } else {
    if (!active.stopped) active.stopped = std::pair(how, std::move(why));
    active.turn.notify();
  }
}

Async<> Invocation::wait_and_execute(ActivePtr active) {
  const auto first = active->pending->run;
  if (auto turn = co_await take_turn(active); !turn) {
    forget(first);
    finish(*active, fail(turn.error()));
    co_return;
  }
  if (auto begun = co_await begin(active); !begun) {
    forget(first);
    end_turn(active->pending->session);
    finish(*active, fail(begun.error()));
    co_return;
  }
  if (active->pending->run == first) {
    co_await execute(active);
    co_return;
  }
  forget(first);  // the request was made before
  auto earlier = co_await find(active->pending->run);
  auto result = earlier ? co_await earlier->result() : Result<RunResult>(fail(earlier.error()));
  finish(*active, std::move(result));
}

/// Waits until no other run is at the session. cancelled: it was ended while it waited.
Async<Status> Invocation::take_turn(ActivePtr active) {
  auto& session = sessions_[active->pending->session];
  const auto place = std::shared_ptr<aio::Signal>(active, &active->turn);
  session.waiting.push_back(place);
  while (!active->stopped && (session.busy || session.waiting.front() != place))
    co_await place->wait();
  std::erase(session.waiting, place);
  if (!active->stopped) co_return Status();
  if (!session.busy && !session.waiting.empty()) session.waiting.front()->notify();
  co_return fail(Errc::cancelled, "ended before it began: " + active->stopped->second);
}

void Invocation::end_turn(const ThreadId& id) {
  const auto found = sessions_.find(id);
  if (found == sessions_.end()) return;
  auto& session = found->second;
  session.busy = false;
  if (!session.waiting.empty()) {
    session.waiting.front()->notify();
  } else if (session.kept) {
    session.recent = recent_.insert(recent_.end(), id);
    forget_conversations();
  } else {
    sessions_.erase(found);
  }
}

void Invocation::forget_conversations() {
  while (recent_.size() > options_.conversations) {
    sessions_.erase(recent_.front());
    recent_.pop_front();
  }
}

/// The conversation as it stands, for a run that has its turn.
Async<Result<Conversation>> Invocation::open_conversation(const Active& active) {
  const auto id = active.pending->session;
  Conversation talk;
  if (active.new_session) {
    talk.thread.id = id;
    talk.thread.created_at = talk.thread.updated_at = env_.now();
    co_return talk;
  }
  auto& session = sessions_[id];
  if (session.kept) {
    talk = std::move(*session.kept);
    session.kept.reset();
    co_return talk;
  }
  auto key = key_of<reeve::Thread>(id);
  auto doc = co_await log_.store().get(std::move(key));
  if (!doc) co_return fail(doc.error());
  if (!*doc) co_return fail(Errc::not_found, "no session " + id.str());
  auto thread = decode<reeve::Thread>(**doc);
  if (!thread) co_return fail(thread.error());
  if (thread->agent)
    co_return fail(Errc::invalid_argument, "session " + id.str() + " is an agent's: ask the agent");
  talk.thread = std::move(*thread);
  talk.version = (*doc)->version;
  store::DocQuery query;
  query.mark = thread_mark(id);
  query.descending = true;
  query.limit = std::min(options_.history, limits::kPage);
  auto messages = co_await load_list<reeve::ThreadMessage>(log_.store(), std::move(query));
  if (!messages) co_return fail(messages.error());
  std::ranges::sort(*messages, {}, &ThreadMessage::number);
  auto from = messages->begin();
  while (from != messages->end() && from->message.role != ChatRole::user) ++from;
  for (; from != messages->end(); ++from) talk.messages.push_back(std::move(from->message));
  co_return talk;
}

/// Commits the start of a run that has its turn. A repeated request changes `pending` to the run
/// that it began first.
Async<Status> Invocation::begin(ActivePtr active) {
  auto& pending = *active->pending;
  auto& session = sessions_[pending.session];
  if (session.recent) recent_.erase(*session.recent);
  session.recent.reset();
  session.busy = true;
  auto talk = co_await open_conversation(*active);
  if (!talk) co_return fail(talk.error());
  if (active->pending->control.is_cancelled()) co_return fail(was_cancelled(pending.control));
  trim(talk->messages, active->options.history);

  Backoff backoff;
  Result<store::Committed> done;
  // The same in every try: one of which the outcome is not known may be the one that happened.
  const auto started_at = env_.now();
  for (bool uncertain = false;;) {
    done = co_await commit_start(*active, *talk, started_at);
    if (done) break;
    const auto& why = done.error();
    uncertain = uncertain || why.is(Errc::unknown_outcome);
    if (!uncertain) co_return fail(why);
    // Whatever is wrong now: a run that has begun is not left alone.
    auto run_key = key_of<reeve::Run>(pending.run);
    const auto run = co_await log_.store().get(std::move(run_key));
    if (run && *run) break;  // it had happened
    if (run && !why.is(Errc::unknown_outcome)) co_return fail(why);
    if (!run && closing_) co_return fail(run.error());  // the next process ends it: recover()
    co_await aio::sleep(env_, backoff.next());
  }
  Started began{pending.run, pending.session};
  if (done && done->repeated) {
    auto first = parse_json_as<Started>(done->answer);
    if (!first) co_return fail(first.error());
    began = *first;
  }
  if (began.run != pending.run) {
    if (talk->version > 0) session.kept = std::move(*talk);
    end_turn(pending.session);
    pending.run = began.run;
    pending.session = began.session;
    co_return Status();
  }
  pending.began = true;
  pending.changed.notify();
  co_return Status();
}

Async<Result<store::Committed>> Invocation::commit_start(Active& active, Conversation& talk,
                                                         Time started_at) {
  const auto& pending = *active.pending;
  const auto& request = active.request;
  Caller caller{.origin = "emit"};
  caller.key = key_of_request(request);
  reeve::Run run;
  run.id = pending.run;
  run.thread = pending.session;
  run.provider = request.provider;
  run.model = active.options.model;
  run.metadata = request.metadata;
  run.durability = request.durability.value_or(options_.durability);
  run.started_at = started_at;

  Draft draft(env_, log_.store(), std::move(caller));
  draft.adopt<reeve::Run>(0, std::nullopt, run.id);
  if (talk.version == 0) {
    draft.adopt<reeve::Thread>(0, std::nullopt, talk.thread.id);
    if (auto added = co_await draft.add(fact::ThreadStarted{talk.thread}); !added)
      co_return fail(added.error());
  } else {
    draft.adopt<reeve::Thread>(talk.version, talk.thread, talk.thread.id);
  }
  if (auto added = co_await draft.add(fact::RunStarted{run}); !added) co_return fail(added.error());
  ChatMessage input{.role = ChatRole::user, .parts = request.input};
  fact::MessagesAppended appended{
      run.thread, run.id, talk.thread.messages + 1, {redacted(options_.redactor, input)}};
  const auto added = run.durability == Durability::disabled
                         ? co_await draft.fold_only(appended, run.started_at)
                         : co_await draft.add(std::move(appended));
  if (!added) co_return fail(added.error());
  draft.write(store::SetRunEpoch{run.id, run.epoch});
  const auto answer = write_json_of(Started{run.id, run.thread});
  draft.answer(answer);
  const auto thread = *draft.held<reeve::Thread>(run.thread);
  auto done = co_await draft.commit();
  // A repetition of another call's request; our own is one whose answer was lost.
  const bool earlier = done && done->answer != answer;
  const bool uncertain =
      !done && (done.error().is(Errc::conflict) || done.error().is(Errc::unknown_outcome));
  if ((done && !earlier) || uncertain) {
    // Also where it turns out later that our commit has happened: the run goes on from here.
    const auto version = talk.version + 1;
    Conversation after = done ? std::move(talk) : talk;  // without an answer it may be tried again
    if (done) talk = {};
    after.thread = *thread;
    after.version = version;
    after.messages.push_back(std::move(input));
    active.native = std::make_unique<NativeRun>(env_, log_, active.options, std::move(run),
                                                std::move(after), 1);
    if (const auto limit = active.pending->control.concurrency_limit())
      active.native->set_concurrent_calls(*limit);
  }
  co_return done;
}

Async<> Invocation::execute(ActivePtr active) {
  // Whoever asked is answered first.
  co_await aio::yield();
  auto& pending = *active->pending;
  if (closing_) active->native->leave(left_at_close());
  // Somebody may have asked for its end while it began.
  if (active->stopped)
    active->native->stop(active->stopped->first, active->stopped->second, active->interrupt);
  Result<RunResult> result = co_await active->native->execute();
  if (const auto& left = active->native->left()) result = fail(*left);
  auto& session = sessions_[pending.session];
  session.kept = std::move(*active->native).take_conversation();
  forget(pending.run);
  end_turn(pending.session);
  finish(*active, std::move(result));
}

void Invocation::forget(const RunId& run) {
  active_.erase(run);
  forgotten_.notify();
}

void Invocation::finish(Active& active, Result<RunResult> result) {
  active.watch = {};
  active.deadline.reset();
  active.pending->finish(std::move(result));
}

void Invocation::watch_control(const ActivePtr& active) {
  active->watch = active->pending->control.watch([this, weak = std::weak_ptr(active)] {
    env_.defer([this, weak] {
      if (const auto alive = weak.lock()) look_at_control(*alive);
    });
  });
  look_at_control(*active);
}

void Invocation::look_at_control(Active& active) {
  if (active.pending->result) return;
  if (const auto limit = active.pending->control.concurrency_limit(); limit && active.native)
    active.native->set_concurrent_calls(*limit);
  if (const auto reason = active.pending->control.cancel_reason(); reason && active.pending->stop)
    active.pending->stop(Stop::cancel, *reason);
  active.deadline.reset();
  if (const auto timeout = active.pending->control.timeout()) {
    const auto left = std::chrono::nanoseconds(*timeout) - (env_.uptime() - active.called_at);
    active.deadline = env_.after(std::max(left, std::chrono::nanoseconds::zero()), [&active] {
      const auto ms =
          std::to_string(active.pending->control.timeout().value_or(Duration()).count());
      if (active.pending->stop)
        active.pending->stop(Stop::timeout, "not done within " + ms + " ms");
    });
  }
}

Async<> Invocation::wait_idle() {
  while (!active_.empty()) co_await forgotten_.wait();
}

void Invocation::stop_all(const std::string& reason, const Error& leave) {
  // A copy: what ends takes itself out.
  const auto now = active_;
  for (const auto& [id, active] : now) {
    if (active->native) active->native->leave(leave);
    if (active->pending->stop) active->pending->stop(Stop::cancel, reason);
  }
}

void Invocation::abandon(const Error& why) { stop_all(why.message(), why); }

Async<> Invocation::close() {
  closing_ = true;
  stop_all("the town stops", left_at_close());
  while (!active_.empty()) co_await forgotten_.wait_uncancelled();
  group_.cancel();
  co_await group_.join();
}

}  // namespace reeve::run
