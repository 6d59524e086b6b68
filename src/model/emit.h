#pragma once

#include <boost/describe.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "base/json.h"
#include "model/chat.h"
#include "model/run.h"
#include "model/tool.h"

/// What `emit` is asked, and what it gives: in process, by the library, and through a daemon.
namespace reeve {

/// What is asked of a model, or of an agent of the town: one of `provider` and `agent` is set.
struct EmitRequest {
  std::string provider;
  std::string agent;  ///< a name or an id: the input goes into its inbox
  std::string model;  ///< empty: the provider's default
  std::vector<ChatPart> input;
  std::string system;
  std::optional<ThreadId> session;  ///< empty: a new conversation
  /// The same id with the same request has no second effect, and gives the first result (for
  /// limits::kIdempotencyTtl); with another request it is a conflict.
  std::optional<std::string> client_request_id;
  json::value metadata;
  ToolChoice tool_choice;
  Sampling sampling;
  std::optional<std::vector<std::string>> tools;  ///< by name; empty: all that there are
  std::optional<Durability> durability;           ///< empty: the town's default
  std::int64_t max_steps = 50;

  static EmitRequest ask(std::string provider, std::string model, std::string text);
};
BOOST_DESCRIBE_STRUCT(EmitRequest, (),
                      (provider, agent, model, input, system, session, client_request_id, metadata,
                       tool_choice, sampling, tools, durability, max_steps))
/// invalid_argument: it names no provider and no agent, or both; it says nothing; or it asks of an
/// agent what is the agent's own affair (its model, its tools, ...).
Status check(const EmitRequest& request);

/// What a finished run gives to whoever asked for it.
struct RunResult {
  RunId run;
  ThreadId session;
  RunState state = RunState::completed;
  std::string reason;  ///< "stop", "length", ...; of a run that failed or was cancelled, its code
  std::string error;   ///< the same for a person
  std::string text;    ///< the final answer
  std::vector<ChatMessage> messages;  ///< what the run added to its conversation, the input first
  Usage usage;
  std::int64_t steps = 0;  ///< model calls
};
BOOST_DESCRIBE_STRUCT(RunResult, (),
                      (run, session, state, reason, error, text, messages, usage, steps))

namespace api {

/// POST /v1/runs: a request, and what its caller's control says.
struct EmitCall : EmitRequest {
  std::string text;                               ///< short for an input of this one text
  std::optional<std::int64_t> timeout_ms;         ///< from the moment of the call
  std::optional<std::int64_t> concurrency_limit;  ///< tool calls at a time
};
BOOST_DESCRIBE_STRUCT(EmitCall, (EmitRequest), (text, timeout_ms, concurrency_limit))

/// What is known of a run that was asked for.
struct Asked {
  std::string id;            ///< what it is asked about by: the run's, or of an agent the message's
  std::optional<RunId> run;  ///< empty: no run of the agent has the message yet
  std::optional<ThreadId> session;
  std::optional<MessageId> message;  ///< in the agent's inbox
  bool finished = false;
};
BOOST_DESCRIBE_STRUCT(Asked, (), (id, run, session, message, finished))

/// The same with the run's document, once there is one.
struct RunView : Asked {
  std::optional<Run> document;
};
BOOST_DESCRIBE_STRUCT(RunView, (Asked), (document))

struct CancelRequest {
  std::string reason;
  bool abort = false;  ///< what was not committed yet is forgotten
};
BOOST_DESCRIBE_STRUCT(CancelRequest, (), (reason, abort))

/// Changes the limits of a run that goes on. What is absent stays.
struct ControlRequest {
  std::optional<std::int64_t> timeout_ms;  ///< still from the moment of the call
  std::optional<std::int64_t> concurrency_limit;
};
BOOST_DESCRIBE_STRUCT(ControlRequest, (), (timeout_ms, concurrency_limit))

}  // namespace api

REEVE_JSON_DECLARE(EmitRequest);
REEVE_JSON_DECLARE(RunResult);
REEVE_JSON_DECLARE(api::EmitCall);
REEVE_JSON_DECLARE(api::Asked);
REEVE_JSON_DECLARE(api::RunView);

}  // namespace reeve
