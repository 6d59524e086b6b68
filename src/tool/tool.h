#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>

#include "aio/suspend.h"
#include "base/error.h"
#include "base/ids.h"
#include "base/json.h"
#include "event/agent_event.h"
#include "model/tool.h"

namespace reeve {
class Env;
}

namespace reeve::tool {

using aio::Async;

/// What a tool knows of the call that it runs for.
struct Context {
  RunId run;
  std::string call_id;
  /// The same for every try of this call, whatever happened in between; an idempotent tool hands it
  /// on to whom it asks.
  std::string idempotency_key;
  /// Told of the output as it comes, for people who watch. Domain thread only; may be empty.
  std::function<void(std::string_view)> on_output;
};

/// What the model is told.
struct Output {
  ToolOutcome outcome = ToolOutcome::succeeded;
  json::value content;    ///< a text, or something structured
  json::object metadata;  ///< not for the model

  static Output text(std::string_view text);
  static Output failed(std::string_view text);
};

/// Something that a model can have done.
class Tool {
 public:
  virtual ~Tool() = default;

  [[nodiscard]] virtual const ToolDescriptor& descriptor() const = 0;

  /// `arguments` are an object that the input schema allows. What it throws becomes a failed
  /// result. When it is cancelled (or its time has run out) it ends at once: its wait throws
  /// operation_aborted, and it lets that through.
  virtual Async<Output> run(Context context, json::object arguments) = 0;
};

/// What a blocking function gets. It may be used from the function's thread.
struct BlockingContext {
  RunId run;
  std::string call_id;
  std::string idempotency_key;
  std::stop_token stop;  ///< nobody waits any more: end soon, what is answered is not read
  std::function<void(std::string_view)> output;  ///< never empty
};
/// An error becomes a failed result with its text.
using BlockingFunction = std::function<Result<json::value>(const json::object& arguments,
                                                           const BlockingContext& context)>;

/// A tool from a plain function that may block: it runs in the Env's pool (Env::offload), several
/// of them at a time. When its call is cancelled it is told by the stop token and left to itself: a
/// function that does not look at it keeps its thread of the pool until it is done, and stopping
/// the program waits for it.
std::shared_ptr<Tool> make_blocking_tool(Env& env, ToolDescriptor descriptor,
                                         BlockingFunction function);

}  // namespace reeve::tool
