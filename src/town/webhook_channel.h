#pragma once

#include <boost/describe.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "aio/task_group.h"
#include "log/relay.h"
#include "model/webhook.h"
#include "town/ground.h"
#include "town/webhook_message.h"

namespace reeve::town {

/// What is known of a webhook and is nobody else's business: in no document and no event.
struct WebhookPrivate {
  std::string url;
  std::string secret;
};
BOOST_DESCRIBE_STRUCT(WebhookPrivate, (), (url, secret))
/// How far the log has been looked at for it.
struct WebhookPlace {
  Position position;
};
BOOST_DESCRIBE_STRUCT(WebhookPlace, (), (position))

/// Their bookkeeping documents.
store::DocKey webhook_private_key(const WebhookId& id);
store::DocKey webhook_place_key(const WebhookId& id);
/// The outbox lane of its deliveries.
std::string webhook_lane(const WebhookId& id);
/// not_found: it has been removed.
Async<Result<WebhookPrivate>> load_webhook_private(store::Store& store, WebhookId id);
Async<Result<WebhookPlace>> load_webhook_place(store::Store& store, WebhookId id);

/// Asks the world outside: net::HttpClient::request(), or what a test makes of it.
using SendOut = std::function<Async<Result<net::Response>>(net::OutgoingRequest request)>;

/// Tells one active webhook of its events: a reader of the log, which enqueues each delivery in the
/// commit that moves its place in the log, so that none is missed or enqueued twice; and a relay,
/// which makes the requests, each at least once.
///
/// Domain thread only; close() has returned before it goes.
class WebhookChannel {
 public:
  /// Told when it is to be disabled, and why. Called from within the channel.
  using Disable = std::function<Async<Status>(WebhookId id, std::string reason)>;

  WebhookChannel(Ground ground, const aio::asio::any_io_executor& executor, log::Outbox& outbox,
                 log::RelayOptions relay, Webhook webhook, SendOut send, Disable disable);

  void start();
  Async<> close();

 private:
  Async<> read();
  Async<Status> read_on();
  Async<> room();
  Async<Status> enqueue(const std::vector<Frame>& frames, Position to, std::uint64_t& version);
  Async<Status> skip(Position from, std::uint64_t version);
  Async<Status> move(store::Commit commit, Position to, std::uint64_t& version);
  Async<log::Delivery> deliver(log::OutboxClaim claim);
  Async<> count_dead(log::OutboxRow row);

  Ground ground_;
  log::Outbox& outbox_;
  Webhook webhook_;
  SendOut send_;
  Disable disable_;
  log::Relay relay_;
  aio::TaskGroup group_;
};

}  // namespace reeve::town
