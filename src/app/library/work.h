#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "app/library/engine.h"
#include "app/library/face.h"
#include "base/json.h"

/// What Agents, Tasks and Messages share: each call is a request of the API, answered by the town
/// wherever it is.
namespace reeve::library {

/// "/v1/agents/ada/kill", its names escaped.
std::string target_of(std::string_view family, std::string_view name, std::string_view what = {});

/// The answer's body. timeout: not within `timeout` (empty: as long as it takes).
Result<std::string> ask(Engine& engine, std::string method, std::string target,
                        std::string body = {},
                        std::optional<std::chrono::milliseconds> timeout = {});

/// The answer as a value; of an inner type.
template <class T>
Result<T> ask_for(Engine& engine, std::string method, std::string target, std::string body = {},
                  std::optional<std::chrono::milliseconds> timeout = {}) {
  auto text = ask(engine, std::move(method), std::move(target), std::move(body), timeout);
  if (!text) return fail(text.error());
  return parse_json_as<T>(*text);
}

}  // namespace reeve::library
