#pragma once

#include <istream>
#include <memory>
#include <ostream>
#include <span>
#include <string>
#include <string_view>

#include "cli/command.h"

namespace reeve::app {

inline constexpr std::string_view kAgentScriptUsage =
    "usage: reeve agent-script [--dialect NAME] FILE [ARGUMENT ...]";

/// `reeve agent-script`: an agent CLI without a model, for demonstrations and tests. It does what
/// the lines of a file say (docs/agent-script.md) and writes the stream of the dialect: claude,
/// codex, gemini, qwen, opencode, pi or text.
///
/// `args` are those behind the command's name: options, FILE, and what a real CLI would be given,
/// of which only a session's id is looked at. `prompt` is read to its end first, unless it is
/// std::cin and a terminal. Returns the exit status; 2 for a mistake in the arguments or the
/// script, which `err` is told. `hang` never returns.
int run_agent_script(std::span<const std::string> args, std::istream& prompt, std::ostream& out,
                     std::ostream& err);

/// Its place in `reeve help`. main() runs it before any option of ours is looked for.
std::unique_ptr<cli::Command> make_agent_script();

}  // namespace reeve::app
