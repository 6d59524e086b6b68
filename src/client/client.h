#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "client/requests.h"
#include "client/town_folder.h"
#include "event/event.h"
#include "model/api.h"
#include "model/emit.h"
#include "model/import_api.h"
#include "model/mirror_api.h"
#include "model/recovery_api.h"
#include "net/blocking_client.h"

/// The typed client of a daemon's API: for commands, tests, and library users in another process.
namespace reeve::client {

struct ClientSettings {
  std::string version;
  /// Of the round that this process runs in; empty outside. Then no daemon is ever started from
  /// here: it would be the round's child and end with it.
  std::string round_token;
  bool may_start_daemon = true;
  /// How long to look for a daemon that is away.
  std::chrono::milliseconds patience{30'000};
  /// The `reeve` that is started as the daemon; library users in other programs name theirs.
  std::filesystem::path program = "/proc/self/exe";
};
/// From REEVE_TOKEN and REEVE_NO_START.
ClientSettings settings_from_environment(std::string version);

/// Which agents, and which page of them.
struct AgentQuery {
  std::string state = {};   ///< a state, or "open"; empty: every agent
  std::uint64_t after = 0;  ///< `next` of the page before
  std::size_t limit = 100;
};

/// A page of the log.
struct EventPage {
  std::vector<Event> events;
  std::string cursor;  ///< behind what was looked at for it
};
BOOST_DESCRIBE_STRUCT(EventPage, (), (events, cursor))

/// Which tasks are asked for; empty: every one.
struct TaskQuery {
  std::string state;
  std::string agent;
  std::string tag;
  std::uint64_t after = 0;  ///< TaskPage::next of the page before
  std::size_t limit = 100;
};

/// One request at a time. Every changing request carries an idempotency key of its own and is
/// repeated after `unavailable` and `unknown_outcome`, so it takes effect once (G9). Errors: the
/// daemon's, and those of the way to it.
///
/// A client that waits or follows starts a daemon once, to begin with. When that is gone it goes on
/// with the one that a keeper brings back; without a keeper the town was stopped, and to start it
/// again would be against somebody's will: unavailable.
class Client {
 public:
  Client(TownFolder folder, ClientSettings settings);

  // --- Agents: client_agents.cc

  Result<api::AgentPage> agents(const AgentQuery& query = {});
  Result<api::AgentView> agent(const std::string& reference);
  Result<api::SpawnReply> spawn(const api::SpawnRequest& request);
  Result<Agent> kill(const std::string& agent, const std::string& reason);
  /// What became of each.
  Result<api::AgentOutcomes> kill_all(const std::string& reason);
  /// Its current_run, if it has one, is still ending.
  Result<Agent> interrupt(const std::string& agent, const std::string& reason);
  Result<Agent> resume(const std::string& agent, const std::string& reason);
  Result<Agent> close(const std::string& agent, const std::string& reason);
  Result<Agent> restart(const std::string& agent, const api::RestartRequest& request);
  Result<Agent> prune(const std::string& agent, const api::PruneRequest& request);
  Result<api::AgentOutcomes> prune_all(const api::PruneRequest& request);
  /// The last task that it completed.
  Result<api::TaskView> last_result(const std::string& agent);
  /// timeout: it has more to do still, or is not in that state.
  Result<api::WaitReply> wait_agent(const std::string& agent,
                                    std::optional<std::chrono::milliseconds> timeout,
                                    const std::string& state = {});
  Result<std::string> output(const std::string& agent, const std::string& run,
                             const std::string& stream);

  // --- Tasks: client_tasks.cc

  /// `key`: of an earlier request, which this one repeats; empty: a new request.
  Result<Task> assign(const std::string& agent, const api::AssignRequest& request,
                      const std::string& key = {});
  Result<api::TaskPage> tasks(const TaskQuery& query);
  Result<api::TaskView> task(const std::string& reference);
  Result<api::TaskView> current_task(const std::string& agent);
  /// What came of it. conflict: it is not over.
  Result<api::WaitReply> task_result(const std::string& reference);
  Result<Task> start_task(const std::string& task);
  /// `change`: "cancel" or "requeue".
  Result<Task> change_task(const std::string& task, const std::string& change,
                           const std::string& reason);
  Result<Task> retry_task(const std::string& task, const api::RetryRequest& request);
  /// `report`: "complete", "fail" or "progress".
  Result<Task> report(const std::string& task, const std::string& report, const std::string& text);
  Result<api::WaitReply> wait_task(const std::string& task,
                                   std::optional<std::chrono::milliseconds> timeout);

  // --- The backlog: client_tasks.cc

  Result<Task> add_task(const api::AssignRequest& request);
  /// `after`: of the page before, 0 for the first.
  Result<api::BacklogPage> backlog(std::uint64_t after, std::size_t limit);
  /// `agent`: empty inside a round for its own.
  Result<Task> claim_task(const std::string& task, const std::string& agent);
  Result<api::ClaimReport> claim_all(const std::string& agent);
  Result<Task> remove_task(const std::string& task, const std::string& reason);

  // --- Messages: client_messages.cc

  Result<Message> send(const api::SendRequest& request, const std::string& key = {});
  Result<api::InboxView> inbox(const std::string& agent);
  Result<api::BroadcastReply> broadcast(const api::SendRequest& request,
                                        const std::string& key = {});
  Result<api::MessageView> message(const std::string& reference);
  /// timeout: there is no answer yet; the question stays asked.
  Result<api::AnswerReply> wait_answer(const std::string& message,
                                       std::optional<std::chrono::milliseconds> timeout);
  Result<Message> reply(const std::string& message, const std::string& text);
  Result<Message> retry_message(const std::string& message);
  Result<api::DoneReply> done_with(const api::DoneRequest& request);
  /// Whether it speaks for the round that this process runs in.
  [[nodiscard]] bool in_round() const { return !settings_.round_token.empty(); }

  // --- The town: client_town.cc

  Result<api::TownView> town();
  Result<std::vector<api::WebhookView>> webhooks();
  Result<api::WebhookView> add_webhook(const api::WebhookRequest& request);
  /// `action`: "enable" or "remove".
  Result<Webhook> change_webhook(const std::string& webhook, const std::string& action);
  Result<api::WebhookTest> test_webhook(const std::string& webhook);
  Result<api::DeadDeliveries> dead_deliveries(const std::string& webhook, std::uint64_t after);
  /// `action`: "retry" or "discard"; `ids`: empty for all.
  Result<api::DeadReply> settle_dead(const std::string& webhook, const std::string& action,
                                     std::vector<std::string> ids);
  Result<api::MirrorView> mirror();
  Result<api::SpawnReply> adopt(const api::AdoptRequest& request);
  Result<api::RetentionView> retention();
  /// Returns when nothing is left to do.
  Result<api::RetentionReport> sweep();
  /// `after`: of the page before, 0 for the first.
  Result<api::SnapshotView> snapshot(std::uint64_t after, std::size_t limit);
  /// Asks a running daemon to stop and returns when its process has ended, or has its keeper not
  /// start one again. unavailable: there is neither; timeout: it has not ended yet (a drain is
  /// waited for as long as it takes).
  Status stop(api::StopMode mode);

  // --- Another program's town: client_recovery.cc

  /// One part; may be repeated (api::ImportRequest).
  Result<api::ImportReport> import_part(const api::ImportRequest& part);

  // --- Recovery: client_recovery.cc

  Result<api::RecoveryReport> recover(bool dry_run);
  /// Returns when all of it is moved.
  Result<api::ReclaimReport> reclaim(const api::ReclaimRequest& request);

  // --- Runs that are asked for (emit): client_runs.cc

  /// One message of a run's stream: "event", "delta", "gap" as the log tells them. Answers whether
  /// to go on listening; the run goes on in any case.
  using OnRun = std::function<bool(const std::string& name, const std::string& data)>;
  /// Asks, tells what happens, and answers the result. Without a client request id it is given one,
  /// so that a daemon that dies meanwhile is not asked for a second run. cancelled: `on_run` said
  /// no. `asked` is filled in when the run is known.
  Result<RunResult> emit(api::EmitCall call, api::Asked& asked, const OnRun& on_run);
  /// Asks, and returns as soon as it has begun or waits for its turn.
  Result<api::Asked> emit(const api::EmitCall& call);
  Result<api::RunView> run(const std::string& run);
  /// timeout: it goes on.
  Result<RunResult> run_result(const std::string& run,
                               std::optional<std::chrono::milliseconds> timeout);
  Result<api::Asked> cancel_run(const std::string& run, const api::CancelRequest& request);
  Result<std::vector<std::string>> providers();

  using EventQuery = client::EventQuery;
  struct Events {
    std::vector<std::string> events;  ///< each its JSON text
    std::string cursor;               ///< behind them
  };
  Result<Events> events(const EventQuery& query);
  Result<EventPage> read_events(const EventQuery& query);
  /// One frame: its name, JSON text, and cursor where it has one. Answers whether to go on.
  using OnFrame = std::function<bool(const std::string& name, const std::string& data,
                                     const std::string& cursor)>;
  /// Follows until told to stop; goes on behind the last cursor when its keeper restarts the daemon
  /// in between.
  Status follow(EventQuery query, const OnFrame& on_frame);

  [[nodiscard]] const TownFolder& folder() const { return folder_; }

 private:
  Result<net::Response> get(const std::string& target, std::chrono::milliseconds timeout);
  Result<net::Response> post(const std::string& target, const std::string& body,
                             const std::string& key = {});
  Result<net::Response> post(const std::string& target, const std::string& body,
                             const std::string& key, std::chrono::milliseconds timeout);
  Result<net::Response> send_until_answered(net::ClientRequest request,
                                            std::chrono::milliseconds timeout);
  Result<net::Response> wait(const std::string& target,
                             std::optional<std::chrono::milliseconds> timeout);
  /// Streams what `next_request` asks for, again and again until `on_message` says no: whoever it
  /// cut off is asked anew.
  Status stream(const std::function<net::ClientRequest()>& next_request,
                const std::function<bool(const wire::SseMessage&)>& on_message);
  net::ClientOptions options(std::chrono::milliseconds timeout) const;
  [[nodiscard]] bool may_start() const;
  Status revive();

  TownFolder folder_;
  ClientSettings settings_;
  bool lasting_ = false;  // it waits or follows, or has done so
  bool reached_ = false;  // there was a daemon
};

}  // namespace reeve::client
