#pragma once

#include <span>
#include <string>
#include <vector>

#include "store/store.h"

/// Commits of one moment as the arguments of one script call, and what it answers.
namespace reeve::store::redis {

/// What it costs about to send: what limits a group.
std::size_t size_of(const Commit& commit);
/// Appends the commits' arguments, as lua/commit.lua reads them: its plan, and words.
void encode_group(std::span<const Commit* const> commits, std::vector<std::string>& words);

/// Why the script did not do one.
struct Verdict {
  /// Which of its conditions (from 1) did not hold, negative: which of its writes cannot be; 0: its
  /// key was used for something else.
  std::int64_t which = 0;
  std::string instead;  ///< what is there
};
/// The error that every store gives for it.
Error refusal(const Commit& commit, const Verdict& verdict);

}  // namespace reeve::store::redis
