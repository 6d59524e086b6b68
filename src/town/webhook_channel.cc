#include "town/webhook_channel.h"

#include "aio/real_env.h"
#include "base/backoff.h"
#include "base/limits.h"
#include "base/logging.h"
#include "town/change.h"

namespace reeve::town {
namespace {

/// A reader for whom nothing happens saves how far it has looked this seldom: it is only about the
/// time that looking again would take.
constexpr std::uint64_t kSaveEvery = 5'000;
constexpr std::size_t kBatch = 100;
/// A delivery is tried for some three hours: over a deployment or a reboot, not for ever.
constexpr int kAttempts = 15;

template <class T>
Async<Result<T>> load_bookkeeping(store::Store& store, store::DocKey key) {
  auto doc = co_await store.get(key);
  if (!doc) co_return fail(doc.error());
  if (!*doc) co_return fail(Errc::not_found, "no " + key.kind + " " + key.id);
  co_return run::decode<T>(**doc);
}

}  // namespace

store::DocKey webhook_private_key(const WebhookId& id) { return {"_webhook", id.str()}; }
store::DocKey webhook_place_key(const WebhookId& id) { return {"_webhook_place", id.str()}; }
std::string webhook_lane(const WebhookId& id) { return "webhook:" + id.str(); }

Async<Result<WebhookPrivate>> load_webhook_private(store::Store& store, WebhookId id) {
  return load_bookkeeping<WebhookPrivate>(store, webhook_private_key(id));
}
Async<Result<WebhookPlace>> load_webhook_place(store::Store& store, WebhookId id) {
  return load_bookkeeping<WebhookPlace>(store, webhook_place_key(id));
}

WebhookChannel::WebhookChannel(Ground ground, const aio::asio::any_io_executor& executor,
                               log::Outbox& outbox, log::RelayOptions relay, Webhook webhook,
                               SendOut send, Disable disable)
    : ground_(std::move(ground)),
      outbox_(outbox),
      webhook_(std::move(webhook)),
      send_(std::move(send)),
      disable_(std::move(disable)),
      relay_(
          ground_.env, executor, outbox, std::move(relay),
          [this](log::OutboxClaim claim) { return deliver(std::move(claim)); },
          [this](log::OutboxRow row) { return count_dead(std::move(row)); }),
      group_(executor) {}

void WebhookChannel::start() {
  relay_.start();
  group_.spawn("webhook " + webhook_.id.str(), read());
}

Async<> WebhookChannel::close() {
  group_.cancel();
  co_await group_.join();
  co_await relay_.close();
}

// --- Reading the log ----------------------------------------------------------------------------

Async<> WebhookChannel::read() {
  for (Backoff trouble;;) {
    const auto ended = co_await read_on();
    if (ended) {
      trouble.reset();
      continue;
    }
    logging::warn("webhook {}: {}", webhook_.id.str(), ended.error().message());
    co_await aio::sleep(ground_.env, trouble.next());
  }
}

/// Reads on from its place until something is wrong. Success: go on from the place as it is now.
Async<Status> WebhookChannel::read_on() {
  auto doc = co_await ground_.log.store().get(webhook_place_key(webhook_.id));
  if (!doc) co_return fail(doc.error());
  if (!*doc) co_return fail(Errc::not_found, "its place in the log is not known");
  const auto place = run::decode<WebhookPlace>(**doc);
  if (!place) co_return fail(place.error());
  auto version = (*doc)->version;

  log::SubscribeOptions options;
  options.from = log::From::after(place->position);
  options.filter.kinds = webhook_.kinds;
  options.filter.scopes = webhook_.scopes;
  options.batch = kBatch;
  options.hold_as = "webhook " + webhook_.id.short_str();
  const auto subscription = ground_.log.subscribe(std::move(options));
  auto saved = place->position;
  for (;;) {
    co_await room();
    auto frames = co_await subscription->next();
    if (!frames && frames.error().is(Errc::cursor_expired)) {
      co_return co_await skip(subscription->position(), version);
    }
    if (!frames) co_return fail(frames.error());
    const auto to = subscription->position();
    const bool has_events = std::ranges::any_of(
        *frames, [](const Frame& frame) { return std::holds_alternative<EventPtr>(frame); });
    if (!has_events && to.value < saved.value + kSaveEvery) continue;
    const auto enqueued = co_await enqueue(*frames, to, version);
    if (!enqueued) co_return enqueued;
    saved = to;
  }
}

/// Waits while too many deliveries wait: the rest is in the log anyway.
Async<> WebhookChannel::room() {
  const auto lane = webhook_lane(webhook_.id);
  for (;;) {
    const auto seen = outbox_.wakings(lane);
    const auto counts = co_await outbox_.counts(lane);
    if (!counts || counts->pending + counts->claimed < limits::kWebhookBacklog) co_return;
    co_await outbox_.woken(lane, seen);
  }
}

Async<Status> WebhookChannel::enqueue(const std::vector<Frame>& frames, Position to,
                                      std::uint64_t& version) {
  log::OutboxStage stage;
  for (const auto& frame : frames) {
    const auto* event = std::get_if<EventPtr>(&frame);
    if (event == nullptr || !is_for_webhooks(**event)) continue;
    log::NewRow row;
    row.lane = webhook_lane(webhook_.id);
    row.key = (*event)->id.str();
    row.payload = webhook_body(**event);
    row.max_attempts = kAttempts;
    const auto staged = co_await outbox_.stage(stage, std::move(row));
    if (!staged) co_return fail(staged.error());
  }
  store::Commit commit;
  stage.add_to(commit);
  co_return co_await move(std::move(commit), to, version);
}

Async<Status> WebhookChannel::move(store::Commit commit, Position to, std::uint64_t& version) {
  const auto key = webhook_place_key(webhook_.id);
  commit.require.emplace_back(store::DocAt{key, version});
  commit.writes.emplace_back(store::PutDoc{key, write_json_of(WebhookPlace{to}), {}});
  const auto done = co_await outbox_.commit(std::move(commit));
  if (!done) co_return fail(done.error());
  ++version;
  co_return Status();
}

/// Goes on with what is left of the log, and says so.
Async<Status> WebhookChannel::skip(Position from, std::uint64_t version) {
  const Position last{ground_.log.store().log().oldest.value - 1};
  if (last <= from) co_return fail(Errc::corrupt, "the log's beginning is not known");
  store::Commit commit;
  const fact::WebhookSkipped skipped{webhook_.id, reeve::next(from), last};
  commit.events.push_back(to_event(ground_.env, skipped, "town"));
  co_return co_await move(std::move(commit), last, version);
}

// --- Delivering ---------------------------------------------------------------------------------

Async<log::Delivery> WebhookChannel::deliver(log::OutboxClaim claim) {
  auto known = co_await load_webhook_private(ground_.log.store(), webhook_.id);
  if (!known) co_return log::Delivery::retry(known.error().message());
  const WebhookTarget target{known->url, known->secret, ground_.town};
  const auto id = claim.row.id.substr(claim.row.lane.size() + 1);
  auto request = webhook_request(target, id, std::move(claim.payload), ground_.env.now());
  const auto answer = co_await send_(std::move(request));
  auto verdict = read_webhook_answer(answer, ground_.env.now());
  if (verdict.gone) {
    const auto disabled = co_await disable_(webhook_.id, "its receiver answered 410 (Gone)");
    if (!disabled) co_return log::Delivery::retry(disabled.error().message());
  }
  co_return std::move(verdict.delivery);
}

Async<> WebhookChannel::count_dead(log::OutboxRow row) {
  logging::warn("webhook {}: gave up {} after {} attempts: {}", webhook_.id.str(), row.id,
                row.attempts, row.error);
  const auto counts = co_await outbox_.counts(row.lane);
  if (!counts || counts->dead < limits::kWebhookDead) co_return;
  const auto disabled =
      co_await disable_(webhook_.id, std::to_string(counts->dead) + " deliveries were given up");
  if (!disabled) logging::warn("webhook {}: {}", webhook_.id.str(), disabled.error().message());
}

}  // namespace reeve::town
