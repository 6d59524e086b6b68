#pragma once

#include <string>
#include <variant>

#include "aio/suspend.h"
#include "base/ids.h"
#include "base/json.h"
#include "model/tool.h"

namespace reeve::tool {

/// A call that wants to be run.
struct ApprovalRequest {
  RunId run;
  std::string call_id;
  ToolDescriptor tool;
  json::object arguments;
};

struct Allow {};
struct Deny {
  std::string reason;  ///< the model is told
};
/// Somebody will decide later; `ticket` is what the decision will name.
struct Suspend {
  std::string ticket;
};
using Decision = std::variant<Allow, Deny, Suspend>;

/// Who says whether a tool may be run. Domain thread only; cancellable.
class Approver {
 public:
  virtual ~Approver() = default;
  virtual aio::Async<Decision> decide(ApprovalRequest request) = 0;
};

/// Allows everything.
Approver& allow_all();

}  // namespace reeve::tool
