#include "run/run_handle.h"

#include <algorithm>

#include "model/fact.h"
#include "run/scope_id.h"

namespace reeve::run {

void Pending::finish(Result<RunResult> how) {
  stop = nullptr;
  result = std::move(how);
  changed.notify();
  const auto readers = readers_;
  for (auto* reader : readers) reader->pull();
}

Async<Result<RunResult>> RunHandle::result() {
  const auto pending = pending_;
  while (!pending->result) co_await pending->changed.wait();
  co_return *pending->result;
}

void RunHandle::cancel(std::string reason) {
  if (pending_->stop) pending_->stop(Stop::cancel, std::move(reason));
}

void RunHandle::abort(std::string reason) {
  if (pending_->stop) pending_->stop(Stop::abort, std::move(reason));
}

api::Asked RunHandle::asked() const {
  api::Asked asked;
  if (!pending_->run.is_nil()) asked.run = pending_->run;
  if (!pending_->session.is_nil()) asked.session = pending_->session;
  asked.message = pending_->message;
  asked.id = asked.message ? asked.message->str() : pending_->run.str();
  asked.finished = is_finished();
  return asked;
}

RunEvents::RunEvents(std::shared_ptr<Pending> pending, std::unique_ptr<log::Subscription> events)
    : pending_(std::move(pending)), events_(std::move(events)) {
  if (!pending_->run.is_nil()) runs_.insert(pending_->run);
}

/// Its end has been told, or there is none to come: it never began, or was a repetition of another.
bool RunEvents::is_over() const {
  if (!pending_->result) return false;
  if (!*pending_->result) return true;
  const auto last = (*pending_->result)->run;
  return ended_ == last || (!pending_->message && !runs_.contains(last));
}

Async<Result<std::vector<Frame>>> RunEvents::next() {
  const auto pending = pending_;
  std::vector<Frame> out;
  while (out.empty() && !is_over()) {
    aio::Stop stop;
    // Its end is known: what is left of it is in the log, and comes without waiting.
    const bool ended = pending->result.has_value();
    if (!ended) pending->readers_.insert(&stop);
    const struct Leave {
      Pending& pending;
      aio::Stop& stop;
      ~Leave() { pending.readers_.erase(&stop); }
    } leave{*pending, stop};
    auto frames = co_await aio::until(stop, events_->next());
    if (!frames) continue;
    if (!*frames) co_return fail(frames->error());
    for (auto& frame : **frames) {
      if (is_over()) break;
      if (take(frame)) out.push_back(std::move(frame));
    }
  }
  co_return out;
}

bool RunEvents::take(const Frame& frame) {
  if (const auto* delta = std::get_if<DeltaPtr>(&frame)) return runs_.contains((*delta)->run);
  if (const auto* gap = std::get_if<Gap>(&frame))
    return gap->run.is_nil() || runs_.contains(gap->run);
  const auto* event = std::get_if<EventPtr>(&frame);
  return event == nullptr || is_of_it(**event);
}

bool RunEvents::is_of_it(const Event& event) {
  const auto run = id_in<RunId>(event.scopes, "run");
  if (!run) return false;
  if (pending_->message && event.kind == "RunStarted") {
    const auto started = fact_of(event);
    const auto* fact = started && *started ? std::get_if<fact::RunStarted>(&**started) : nullptr;
    if (fact != nullptr && std::ranges::count(fact->run.messages, *pending_->message) > 0)
      runs_.insert(*run);
  }
  if (!runs_.contains(*run)) return false;
  if (event.kind == "RunCompleted" || event.kind == "RunFailed" || event.kind == "RunCancelled")
    ended_ = *run;
  return true;
}

}  // namespace reeve::run
