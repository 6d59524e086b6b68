#pragma once

#include <cstdint>
#include <string>

#include "store/commit.h"

namespace reeve::store::redis {

/// Why the script did not do a commit.
struct Verdict {
  /// Which of its conditions (from 1) did not hold, negative: which of its writes cannot be; 0: its
  /// key was used for something else.
  std::int64_t which = 0;
  std::string instead;  ///< what is there
};
/// The error that every store gives for it.
Error refusal(const Commit& commit, const Verdict& verdict);

}  // namespace reeve::store::redis
