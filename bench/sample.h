#pragma once

#include <string>
#include <vector>

#include "base/env.h"
#include "event/event.h"

namespace reeve::bench {

/// Events of about 350 bytes in three scopes: the town, one of 7 missions, one of 1,000 agents.
class Sample {
 public:
  explicit Sample(Env& env);
  NewEvent next();

 private:
  Env& env_;
  std::vector<Scope> missions_;
  std::vector<Scope> agents_;
  std::string payload_;
  std::uint64_t count_ = 0;
};

}  // namespace reeve::bench
