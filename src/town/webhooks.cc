#include "town/webhooks.h"

#include <algorithm>

#include "aio/real_env.h"
#include "base/backoff.h"
#include "base/limits.h"
#include "base/logging.h"
#include "net/url.h"
#include "town/change.h"
#include "town/directory.h"

namespace reeve::town {
namespace {

/// Twice the time of one request: a delivery that is under way is not begun again.
constexpr Duration kLease{30'000};
/// One slow receiver gets this many requests at a time.
constexpr std::size_t kInFlight = 4;

Status may_manage(const Caller& caller) {
  if (!caller.round && !caller.agent) return {};
  return fail(Errc::denied,
              "webhooks are managed from outside of a round: ask the people who run the town");
}

log::RelayOptions relay_options(const WebhookId& id, const Webhooks::Options& options) {
  log::RelayOptions relay;
  relay.lane = webhook_lane(id);
  relay.owner = options.owner;
  relay.sole = options.sole;
  relay.in_flight = kInFlight;
  relay.lease = kLease;
  relay.last_retry = std::chrono::hours(1);
  return relay;
}

std::int64_t number(std::uint64_t value) { return static_cast<std::int64_t>(value); }

}  // namespace

Result<Webhook> decide_webhook(const api::WebhookRequest& request, std::vector<Scope> scopes,
                               WebhookId id, Time now) {
  const auto url = check_webhook_url(request.url, request.allow_http);
  if (!url) return fail(url.error());
  if (!request.secret.empty()) {
    if (auto good = check_webhook_secret(request.secret); !good) return fail(good.error());
  }
  if (request.kinds.size() > limits::kFilterTerms || scopes.size() > limits::kFilterTerms) {
    return fail(Errc::invalid_argument, "a webhook takes at most " +
                                            std::to_string(limits::kFilterTerms) +
                                            " kinds and as many scopes");
  }
  if (std::ranges::any_of(request.kinds, [](const auto& kind) {
        return kind.empty() || kind.size() > limits::kName;
      })) {
    return fail(Errc::invalid_argument, "a kind is a name like TaskCompleted");
  }
  Webhook webhook;
  webhook.id = id;
  webhook.origin = url->origin();
  webhook.kinds = request.kinds;
  webhook.scopes = std::move(scopes);
  webhook.created_at = webhook.updated_at = now;
  return webhook;
}

Result<std::vector<Fact>> decide_webhook_state(const Webhook& webhook, WebhookState state,
                                               const std::string& reason) {
  if (webhook.state == state) return std::vector<Fact>{};
  if (webhook.state == WebhookState::removed) {
    return fail(Errc::conflict, "webhook " + webhook.id.short_str() + " has been removed");
  }
  switch (state) {
    case WebhookState::active: return std::vector<Fact>{fact::WebhookEnabled{webhook.id}};
    case WebhookState::disabled:
      return std::vector<Fact>{fact::WebhookDisabled{webhook.id, reason}};
    case WebhookState::removed: return std::vector<Fact>{fact::WebhookRemoved{webhook.id}};
  }
  return std::vector<Fact>{};
}

Webhooks::Webhooks(Ground ground, aio::asio::any_io_executor executor, SendOut send,
                   Options options)
    : ground_(std::move(ground)),
      executor_(executor),
      send_(std::move(send)),
      options_(std::move(options)),
      outbox_(ground_.env, executor, ground_.log.store()),
      group_(std::move(executor)) {}

Webhooks::~Webhooks() = default;

// --- Keeping a channel for each active webhook --------------------------------------------------

Async<Status> Webhooks::start() {
  // Followed from before they are looked at, so that no change falls in between.
  log::EventFilter filter;
  filter.kinds = {"WebhookAdded", "WebhookEnabled", "WebhookDisabled", "WebhookRemoved"};
  log::Follower changes(ground_.env, ground_.log, std::move(filter), "webhooks");
  // Those that were removed and not forgotten yet have this document, too.
  store::DocQuery query;
  query.kind = webhook_private_key({}).kind;
  query.limit = limits::kPage;
  auto docs = co_await ground_.log.store().list(std::move(query));
  if (!docs) co_return fail(docs.error());
  std::vector<WebhookId> there;
  for (const auto& doc : *docs) {
    if (const auto id = WebhookId::parse(doc.key.id)) there.push_back(*id);
  }
  group_.spawn("follow webhooks", follow(std::move(changes), std::move(there)));
  co_return Status();
}

Async<> Webhooks::close() {
  group_.cancel();
  co_await group_.join();
  for (const auto& [id, channel] : channels_) co_await channel->close();
  channels_.clear();
}

Async<> Webhooks::follow(log::Follower changes, std::vector<WebhookId> there) {
  for (const auto& id : there) co_await reconcile(id);
  for (;;) {
    for (const auto& event : co_await changes.next()) {
      const auto fact = fact_of(*event);
      if (!fact || !*fact) continue;
      for (const auto& id : concerned(**fact).webhooks) co_await reconcile(id);
    }
  }
}

/// A store in trouble is waited out: a webhook that is neither told nor forgotten would stay so.
Async<> Webhooks::reconcile(WebhookId id) {
  for (Backoff trouble;;) {
    const auto done = co_await try_reconcile(id);
    if (done) co_return;
    logging::warn("webhook {}: {}", id.str(), done.error().message());
    // No waiting mends that, and the other webhooks go on.
    if (done.error().is(Errc::corrupt) || done.error().is(Errc::not_found)) co_return;
    co_await aio::sleep(ground_.env, trouble.next());
  }
}

/// Has a channel for it if it is active, and none if it is not.
Async<Status> Webhooks::try_reconcile(WebhookId id) {
  auto webhook = co_await run::load<Webhook>(ground_.log.store(), id);
  if (!webhook) co_return fail(webhook.error());
  const auto state = webhook->state;
  const auto found = channels_.find(id);
  if (state == WebhookState::active && found == channels_.end()) {
    auto disable = [this](WebhookId which, std::string reason) {
      return this->disable(which, std::move(reason));
    };
    auto channel =
        std::make_unique<WebhookChannel>(ground_, executor_, outbox_, relay_options(id, options_),
                                         std::move(*webhook), send_, disable);
    channel->start();
    channels_.emplace(id, std::move(channel));
  }
  if (state != WebhookState::active && found != channels_.end()) {
    co_await found->second->close();
    channels_.erase(id);
  }
  if (state == WebhookState::removed) co_return co_await forget(id);
  co_return Status();
}

/// The rows first: as long as the private document is there, it is known that they are to go.
Async<Status> Webhooks::forget(WebhookId id) {
  auto cleared = co_await outbox_.clear(webhook_lane(id));
  if (!cleared) co_return cleared;
  store::Commit commit;
  commit.writes.emplace_back(store::RemoveDoc{webhook_place_key(id)});
  commit.writes.emplace_back(store::RemoveDoc{webhook_private_key(id)});
  const auto done = co_await ground_.log.store().commit(std::move(commit));
  if (!done) co_return fail(done.error());
  co_return Status();
}

// --- What can be asked --------------------------------------------------------------------------

Async<Result<api::WebhookView>> Webhooks::add(Caller caller, api::WebhookRequest request) {
  if (auto may = may_manage(caller); !may) co_return fail(may.error());
  auto& store = ground_.log.store();
  std::vector<Scope> scopes;
  for (const auto& text : request.scopes) {
    auto scope = co_await find_scope(store, text);
    if (!scope) co_return fail(scope.error());
    scopes.push_back(std::move(*scope));
  }
  auto from = ground_.log.head();
  if (!request.after.empty()) {
    const auto position = ground_.log.position_of(request.after);
    if (!position) co_return fail(position.error());
    from = *position;
  }
  auto webhook =
      decide_webhook(request, std::move(scopes), WebhookId(ground_.env.uuid4()), ground_.env.now());
  if (!webhook) co_return fail(webhook.error());
  const WebhookPrivate known{
      request.url, request.secret.empty() ? new_webhook_secret(ground_.env) : request.secret};

  const auto decide = [&](run::Draft& draft) -> Async<Result<api::WebhookView>> {
    const auto there = co_await store.count("webhook", std::string(run::kOpen));
    if (!there) co_return fail(there.error());
    if (*there >= limits::kWebhooks) {
      co_return fail(Errc::conflict, "the town has " + std::to_string(*there) +
                                         " webhooks already: remove one first");
    }
    auto added = co_await draft.add(fact::WebhookAdded{*webhook});
    if (!added) co_return fail(added.error());
    draft.write(store::PutDoc{webhook_private_key(webhook->id), write_json_of(known), {}});
    draft.write(
        store::PutDoc{webhook_place_key(webhook->id), write_json_of(WebhookPlace{from}), {}});
    api::WebhookView made;
    made.webhook = *webhook;
    made.url = known.url;
    made.secret = known.secret;
    co_return made;
  };
  co_return co_await change<api::WebhookView>(ground_, std::move(caller), decide);
}

Async<Result<api::WebhookView>> Webhooks::view(Webhook webhook) {
  auto& store = ground_.log.store();
  auto known = co_await load_webhook_private(store, webhook.id);
  if (!known) co_return fail(known.error());
  auto place = co_await load_webhook_place(store, webhook.id);
  if (!place) co_return fail(place.error());
  auto counts = co_await outbox_.counts(webhook_lane(webhook.id));
  if (!counts) co_return fail(counts.error());
  api::WebhookView view;
  view.webhook = std::move(webhook);
  view.url = std::move(known->url);
  view.behind = number(ground_.log.head().value - place->position.value);
  view.waiting = number(counts->pending + counts->claimed);
  view.delivered = number(counts->delivered);
  view.dead = number(counts->dead);
  co_return view;
}

Async<Result<std::vector<api::WebhookView>>> Webhooks::list(Caller caller) {
  if (auto may = may_manage(caller); !may) co_return fail(may.error());
  auto webhooks = co_await run::load_all<Webhook>(ground_.log.store(), std::string(run::kOpen));
  if (!webhooks) co_return fail(webhooks.error());
  std::vector<api::WebhookView> views;
  for (auto& webhook : *webhooks) {
    auto view = co_await this->view(std::move(webhook));
    if (!view && view.error().is(Errc::not_found)) continue;  // removed just now
    if (!view) co_return fail(view.error());
    views.push_back(std::move(*view));
  }
  co_return views;
}

Async<Result<Webhook>> Webhooks::become(Caller caller, std::string reference, WebhookState state) {
  if (auto may = may_manage(caller); !may) co_return fail(may.error());
  auto found = co_await find_webhook(ground_.log.store(), std::move(reference));
  if (!found && caller.key && found.error().is(Errc::not_found)) {
    // A removal that is repeated finds nothing: what was it answered?
    const auto before = co_await first_answer(ground_, *caller.key);
    if (before && before->repeated) co_return parse_json_as<Webhook>(before->answer);
  }
  if (!found) co_return found;
  const auto id = found->id;
  const auto decide = [&](run::Draft& draft) -> Async<Result<Webhook>> {
    auto webhook = co_await draft.get<Webhook>(id);
    if (!webhook) co_return webhook;
    auto facts = decide_webhook_state(*webhook, state, "");
    if (!facts) co_return fail(facts.error());
    if (auto added = co_await add_all(draft, std::move(*facts)); !added)
      co_return fail(added.error());
    co_return co_await draft.get<Webhook>(id);
  };
  co_return co_await change<Webhook>(ground_, std::move(caller), decide);
}

Async<Result<Webhook>> Webhooks::enable(Caller caller, std::string reference) {
  return become(std::move(caller), std::move(reference), WebhookState::active);
}

Async<Result<Webhook>> Webhooks::remove(Caller caller, std::string reference) {
  return become(std::move(caller), std::move(reference), WebhookState::removed);
}

Async<Status> Webhooks::disable(WebhookId id, std::string reason) {
  const auto decide = [&](run::Draft& draft) -> Async<Result<Webhook>> {
    auto webhook = co_await draft.get<Webhook>(id);
    if (!webhook) co_return webhook;
    if (webhook->state != WebhookState::active) co_return webhook;
    auto facts = decide_webhook_state(*webhook, WebhookState::disabled, reason);
    if (!facts) co_return fail(facts.error());
    if (auto added = co_await add_all(draft, std::move(*facts)); !added)
      co_return fail(added.error());
    co_return co_await draft.get<Webhook>(id);
  };
  const auto done = co_await change<Webhook>(ground_, Caller{}, decide);
  if (!done) co_return fail(done.error());
  co_return Status();
}

Async<Result<api::WebhookTest>> Webhooks::test(Caller caller, std::string reference) {
  if (auto may = may_manage(caller); !may) co_return fail(may.error());
  auto webhook = co_await find_webhook(ground_.log.store(), std::move(reference));
  if (!webhook) co_return fail(webhook.error());
  auto known = co_await load_webhook_private(ground_.log.store(), webhook->id);
  if (!known) co_return fail(known.error());
  Event event;
  event.id = EventId(ground_.env.uuid7());
  event.kind = "WebhookTest";
  event.time = ground_.env.now();
  event.origin = caller.origin;
  event.payload = write_json(json::object{{"webhook", webhook->id.str()}});
  const WebhookTarget target{known->url, known->secret, ground_.town};
  auto request = webhook_request(target, event.id.str(), event_json(event), ground_.env.now());
  const auto began = ground_.env.uptime();
  const auto answer = co_await send_(std::move(request));
  api::WebhookTest test;
  test.took_ms = std::chrono::ceil<Duration>(ground_.env.uptime() - began);
  if (answer) test.status = answer->status;
  test.error = read_webhook_answer(answer, ground_.env.now()).delivery.error;
  co_return test;
}

Async<Result<api::DeadDeliveries>> Webhooks::dead(Caller caller, std::string reference,
                                                  std::uint64_t after, std::size_t limit) {
  if (auto may = may_manage(caller); !may) co_return fail(may.error());
  auto webhook = co_await find_webhook(ground_.log.store(), std::move(reference));
  if (!webhook) co_return fail(webhook.error());
  const auto lane = webhook_lane(webhook->id);
  limit = std::clamp<std::size_t>(limit, 1, limits::kPage);
  auto page = co_await outbox_.list(lane, log::OutboxState::dead, after, limit);
  if (!page) co_return fail(page.error());
  api::DeadDeliveries reply;
  for (auto& row : page->rows) {
    reply.dead.push_back(
        {row.id.substr(lane.size() + 1), row.attempts, std::move(row.error), row.updated_at});
  }
  if (page->rows.size() == limit) reply.next = page->last_rank;
  co_return reply;
}

Async<Result<api::DeadReply>> Webhooks::settle_dead(Caller caller, std::string reference, Dead what,
                                                    std::vector<std::string> ids) {
  if (auto may = may_manage(caller); !may) co_return fail(may.error());
  auto webhook = co_await find_webhook(ground_.log.store(), std::move(reference));
  if (!webhook) co_return fail(webhook.error());
  const auto lane = webhook_lane(webhook->id);
  for (auto& id : ids) id.insert(0, lane + "/");
  if (ids.empty()) {
    for (std::uint64_t after = 0;;) {
      auto page = co_await outbox_.list(lane, log::OutboxState::dead, after, limits::kPage);
      if (!page) co_return fail(page.error());
      for (auto& row : page->rows) ids.push_back(std::move(row.id));
      after = page->last_rank;
      if (page->rows.size() < limits::kPage) break;
    }
  }
  api::DeadReply reply;
  for (const auto& id : ids) {
    Status done;
    if (what == Dead::retry) {
      const auto revived = co_await outbox_.revive(id);
      if (!revived) done = fail(revived.error());
    } else {
      done = co_await outbox_.discard(id);
    }
    if (done) ++reply.number;
    // Somebody else was faster with this one.
    if (!done && !done.error().is(Errc::conflict) && !done.error().is(Errc::not_found)) {
      co_return fail(done.error());
    }
  }
  co_return reply;
}

}  // namespace reeve::town
