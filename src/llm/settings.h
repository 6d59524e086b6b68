#pragma once

#include <boost/asio/any_io_executor.hpp>

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/env.h"
#include "base/json.h"
#include "llm/openai/provider.h"
#include "llm/registry.h"
#include "llm/scripted.h"

/// Providers as a person sets them up: `[providers.NAME]` in the town's settings.
/// docs/providers.md.
namespace reeve::llm {

/// A server of OpenAI's kind, and whom to trust when speaking to it.
struct OpenAiPlan {
  openai::Settings settings;
  std::string ca_file;
};
using ProviderPlan = std::variant<OpenAiPlan, Script>;

/// One table. Relative paths in it begin at `root`, where the settings lie; "~/" is the home
/// folder. A key that cannot be read is no error here: it is the plan's, for the calls to answer.
/// invalid_argument: no known kind, an unknown setting, a wrong one; the text names it. Other
/// codes: a script's file cannot be read.
Result<ProviderPlan> read_provider(std::string_view name, const json::value& table,
                                   const std::filesystem::path& root);

/// All of `[providers]`: an object of tables by name. `env` outlives the registry.
Result<Registry> make_registry(const json::object& providers, const std::filesystem::path& root,
                               Env& env, const aio::asio::any_io_executor& executor);

}  // namespace reeve::llm
