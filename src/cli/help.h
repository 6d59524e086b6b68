#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/options.h"

/// What `reeve COMMAND --help` says, for a person and for a program.
namespace reeve::cli {

struct CommandHelp {
  std::string name;  ///< "task list"
  std::string summary;
  std::string examples;             ///< lines
  std::vector<OptionInfo> options;  ///< positionals, too, in their order
};
BOOST_DESCRIBE_STRUCT(CommandHelp, (), (name, summary, examples, options))

std::string help_text(const CommandHelp& help);

}  // namespace reeve::cli
