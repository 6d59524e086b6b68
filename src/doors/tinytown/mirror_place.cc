#include <charconv>
#include <utility>

#include "base/limits.h"
#include "base/logging.h"
#include "doors/tinytown/mirror.h"
#include "doors/tinytown/whole.h"
#include "run/documents.h"
#include "run/draft.h"

/// Where the mirror goes on after a start or a trouble, and what the town keeps of it.
namespace reeve::doors::tinytown {
namespace {

constexpr const char* kOrigin = "tinytown";

std::int64_t number(const std::string& text) {
  std::int64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

std::optional<LogId> former_log(const Event& event) {
  const auto fact = fact_of(event);
  if (!fact || !*fact) return std::nullopt;
  const auto* reset = std::get_if<fact::TownReset>(&**fact);
  const auto log = reset != nullptr ? LogId::parse(reset->former_log) : LogId();
  return log ? std::optional(*log) : std::nullopt;
}

}  // namespace

Async<Result<Sight>> Mirror::look() {
  std::vector<net::RedisWords> words;
  words.push_back(
      {"HMGET", mirror_place_key(ground_.town), "log", "position", "nonce", "seen", "by"});
  words.push_back({"GET", keys_.mark()});
  words.push_back({"TIME"});
  const auto replies = co_await redis_.ask_all(std::move(words));
  if (!replies) co_return fail(replies.error());
  for (const auto& reply : *replies) {
    if (reply.is_error()) co_return fail(net::redis_error(reply));
  }
  const auto& place = replies->at(0).elements;
  const auto& time = replies->at(2).elements;
  if (place.size() != 5 || time.empty())
    co_return fail(Errc::corrupt, "Redis answered something else than the mirror's place");
  Sight sight;
  sight.mark = replies->at(1).text;
  sight.by = place[4].text;
  sight.seen = number(place[3].text);
  sight.now = number(time[0].text);
  if (const auto log = LogId::parse(place[0].text)) {
    sight.place = Place{*log, std::nullopt, place[2].text};
    if (place[1].text != "-")
      sight.place->position = Position{static_cast<std::uint64_t>(number(place[1].text))};
  }
  co_return sight;
}

/// Finds the place where it goes on, and writes all of the town where there is none.
Async<Status> Mirror::attach() {
  auto& store = ground_.log.store();
  complaint_ = {};
  const auto sight = co_await look();
  if (!sight) co_return fail(sight.error());
  auto noted = co_await load_mirror_note(store);
  if (!noted) co_return fail(noted.error());
  note_ = std::move(*noted);
  OurSide ours;
  ours.log = owner_;
  ours.by = options_.by;
  ours.head = ground_.log.head();
  ours.oldest_mark = store.log().mark();
  ours.was_there = note_.redis == where_.display();
  ours.unfinished = ours.was_there && note_.writing;
  if (written_) {
    ours.written = written_->position;
    ours.nonce = written_->nonce;
  } else if (ours.was_there) {
    ours.written = note_.written;
  }
  ours.far = options_.far;
  if (sight->place && sight->place->log != owner_) {
    store::EventFilter resets;
    resets.kinds = {"TownReset"};
    const auto reset = co_await store.latest(std::move(resets), 1);
    if (!reset) co_return fail(reset.error());
    if (!reset->empty()) ours.former = former_log(*reset->front());
  }
  const auto decision = decide_place(*sight, ours);
  if (decision.what == Decision::What::refuse) co_return fail(Errc::conflict, decision.reason);

  const auto keep = [&](bool writing, bool tell) -> Async<Status> {
    if (!tell && note_.redis == where_.display() && note_.writing == writing) co_return Status();
    run::Caller caller;
    caller.origin = kOrigin;
    run::Draft draft(ground_.env, store, caller);
    if (tell) {
      auto told = co_await draft.add(fact::MirrorRewritten{where_.display(), decision.reason});
      if (!told) co_return told;
    }
    note_ = {where_.display(), writing, writing ? Position() : *place_.position};
    draft.write(store::PutDoc{mirror_note_key(), write_json_of(note_), {}});
    const auto committed = co_await draft.commit();
    if (!committed) co_return fail(committed.error());
    co_return Status();
  };

  if (decision.what == Decision::What::rewrite) {
    become(api::MirrorState::rewriting);
    logging::info("the mirror in {} is written anew: {}", where_.display(), decision.reason);
    auto begins = co_await keep(true, decision.tell);
    if (!begins) co_return begins;
    const auto upto = ground_.log.head();
    place_ = {owner_, std::nullopt, ground_.env.uuid4().str()};
    net::RedisWords words{"EVAL",
                          std::string(begin_script()),
                          "2",
                          mirror_place_key(ground_.town),
                          keys_.mark(),
                          sight->place ? sight->place->log.str() : "",
                          sight->place ? sight->place->nonce : "",
                          owner_.str(),
                          place_.nonce,
                          options_.by};
    const auto begun = co_await redis_.ask(std::move(words));
    if (!begun) co_return fail(begun.error());
    if (begun->is_error()) co_return fail(net::redis_error(*begun));
    if (begun->integer != 1) co_return fail(Errc::conflict, "another mirror was faster");
    composer_.forget();
    auto send_chunk = [this](Writes& writes) { return send(writes, std::nullopt); };
    tinytown::Whole whole(ground_, redis_, composer_, keys_, owner_, send_chunk);
    auto written = co_await whole.write(upto);
    if (!written) co_return written;
    Writes nothing(keys_);
    auto ended = co_await send(nothing, upto);
    if (!ended) co_return ended;
    ++rewritten_;
  } else {
    place_ = *sight->place;
    auto touched = co_await touch_what_tt_did(*place_.position);
    if (!touched) co_return touched;
  }
  written_ = place_;
  upto_ = *place_.position;
  auto ends = co_await keep(false, false);
  if (!ends) co_return ends;
  become(api::MirrorState::following);
  co_return Status();
}

/// What was done for tt, and is not shown yet, is written over what stands there: that is tt's verb
/// still, and somebody may have undone meanwhile what it did.
Async<Status> Mirror::touch_what_tt_did(Position after) {
  const auto head = ground_.log.head();
  store::EventFilter filter;
  filter.kinds = fact_kinds();
  while (after < head) {
    const auto page = co_await ground_.log.store().read(after, filter, limits::kPage);
    if (!page) co_return fail(page.error());
    for (const auto& event : page->events) {
      if (event->origin != kOrigin) continue;
      touched_.backlog = true;
      for (const auto& scope : event->scopes) {
        const auto id = Uuid::parse(scope.id());
        if (!id) continue;
        if (scope.family() == "task") touched_.tasks.insert(TaskId(*id));
        if (scope.family() != "agent") continue;
        touched_.agents.insert(AgentId(*id));
        touched_.mail.insert(AgentId(*id));
      }
    }
    if (page->scanned <= after) break;
    after = page->scanned;
  }
  co_return Status();
}

Async<> Mirror::keep_position() {
  const auto* known = written_ && written_->position ? &*written_->position : nullptr;
  if (known == nullptr || note_.writing || note_.written == *known) co_return;
  auto note = note_;
  note.written = *known;
  run::Caller caller;
  caller.origin = kOrigin;
  run::Draft draft(ground_.env, ground_.log.store(), caller);
  draft.write(store::PutDoc{mirror_note_key(), write_json_of(note), {}});
  const auto committed = co_await draft.commit();
  // It is tried again, and the next mirror does without.
  if (committed) note_ = std::move(note);
}

}  // namespace reeve::doors::tinytown
