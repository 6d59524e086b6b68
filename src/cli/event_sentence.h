#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/json.h"

namespace reeve::cli {

/// An agent's name by its id.
using NameOf = std::function<std::string(const std::string& id)>;

/// A fact of the town as a person tells it, in one line without a full stop: "ada began task 3fa2".
/// A kind that is no fact, or not known, is told by its name.
std::string sentence(std::string_view kind, const json::value& payload, const NameOf& name_of);

}  // namespace reeve::cli
