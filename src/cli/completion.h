#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/command.h"

/// What a shell offers behind `reeve ...`, made from the table of commands and their options.
namespace reeve::cli {

struct Candidate {
  std::string text;
  std::string help;
};

/// What may stand at the place of the last of `words` (those behind `reeve`; it may be empty), from
/// what it begins with. Names of agents are asked of the town that `words` or `session` name, if
/// its daemon runs and answers at once; none is ever started.
std::vector<Candidate> candidates(const Session& session, std::span<const std::string> words);

/// The script that a shell reads: "bash", "zsh" or "fish".
std::string_view completion_script(std::string_view shell);

}  // namespace reeve::cli
