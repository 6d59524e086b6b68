#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "aio/task_group.h"
#include "log/follower.h"
#include "model/api.h"
#include "town/ground.h"
#include "town/webhook_channel.h"

namespace reeve::town {

/// The town's webhooks: what can be asked of them, and, between start() and close(), that they are
/// told.
///
/// Every change takes effect in one commit, and its effect on the deliveries follows the log. An
/// agent inside a round is denied all of it: who may add a webhook can send the town's log away.
///
/// Domain thread only. What it stands on outlives it; close() has returned before it goes.
class Webhooks {
 public:
  struct Options {
    /// Another name for each process and each start.
    std::string owner = "webhooks";
    /// The store is locked to this process: what a dead one had claimed is delivered again at once.
    bool sole = false;
  };

  Webhooks(Ground ground, aio::asio::any_io_executor executor, SendOut send, Options options);
  ~Webhooks();

  /// Takes up the webhooks that are there, and follows what becomes of them.
  Async<Status> start();
  Async<> close();

  /// The answer has the secret, once. invalid_argument: the URL, secret, a scope or the cursor.
  /// conflict: limits::kWebhooks.
  Async<Result<api::WebhookView>> add(Caller caller, api::WebhookRequest request);
  Async<Result<std::vector<api::WebhookView>>> list(Caller caller);
  /// It goes on where it was. Active already: nothing happens.
  Async<Result<Webhook>> enable(Caller caller, std::string reference);
  /// With all that still waits for it.
  Async<Result<Webhook>> remove(Caller caller, std::string reference);
  /// Sends a signed event of kind WebhookTest now, past the outbox, and says what came of it.
  Async<Result<api::WebhookTest>> test(Caller caller, std::string reference);

  /// Its dead letters, oldest first.
  Async<Result<api::DeadDeliveries>> dead(Caller caller, std::string reference, std::uint64_t after,
                                          std::size_t limit);
  /// Tries dead letters again, or forgets them; all, where none is named.
  enum class Dead { retry, discard };
  Async<Result<api::DeadReply>> settle_dead(Caller caller, std::string reference, Dead what,
                                            std::vector<std::string> ids);

 private:
  Async<> follow(log::Follower changes, std::vector<WebhookId> there);
  Async<> reconcile(WebhookId id);
  Async<Status> try_reconcile(WebhookId id);
  Async<Status> forget(WebhookId id);
  Async<Status> disable(WebhookId id, std::string reason);
  Async<Result<api::WebhookView>> view(Webhook webhook);
  Async<Result<Webhook>> become(Caller caller, std::string reference, WebhookState state);

  Ground ground_;
  aio::asio::any_io_executor executor_;
  SendOut send_;
  Options options_;
  log::Outbox outbox_;
  std::map<WebhookId, std::unique_ptr<WebhookChannel>> channels_;
  aio::TaskGroup group_;
};

/// What adds a webhook: the document as the fact says it. Pure. Errors: Webhooks::add().
Result<Webhook> decide_webhook(const api::WebhookRequest& request, std::vector<Scope> scopes,
                               WebhookId id, Time now);
/// The facts that bring it into that state; none: it is there already. conflict: it is removed.
Result<std::vector<Fact>> decide_webhook_state(const Webhook& webhook, WebhookState state,
                                               const std::string& reason);

}  // namespace reeve::town
