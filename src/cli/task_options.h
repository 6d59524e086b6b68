#pragma once

#include <optional>
#include <string>

#include "base/error.h"
#include "cli/options.h"
#include "model/task_api.h"

namespace reeve::cli {

/// What a new task is told on the command line, whoever gets it.
class TaskOptions {
 public:
  /// Its text, the last positional, and its options.
  void declare(Options& options);
  /// What was asked for. Errors: read_text().
  Result<api::AssignRequest> read();

 private:
  api::AssignRequest request_;
  std::string priority_ = "normal";
  bool urgent_ = false;
};

}  // namespace reeve::cli
