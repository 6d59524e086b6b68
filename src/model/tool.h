#pragma once

#include <boost/describe.hpp>

#include <cstddef>
#include <string>

#include "base/json.h"
#include "base/limits.h"
#include "base/time.h"

namespace reeve {

/// What a tool is, for the model that calls it and for whoever runs it.
struct ToolDescriptor {
  std::string
      name;  ///< letters, digits, "_" and "-", at most limits::kName: what every provider takes
  std::string description;
  json::value input_schema = json::object{{"type", "object"}};  ///< JSON Schema of its arguments
  /// Running it twice with the same idempotency key is as good as once (G10): after a crash it is
  /// then run again by itself.
  bool idempotent = false;
  Duration timeout = limits::kToolTimeout;
  std::size_t output_limit = limits::kToolOutput;  ///< bytes of its result that the model is shown
};
BOOST_DESCRIBE_STRUCT(ToolDescriptor, (),
                      (name, description, input_schema, idempotent, timeout, output_limit))

/// invalid_argument: the name is not one that every provider takes.
Status check_tool_name(std::string_view name);

REEVE_JSON_DECLARE(ToolDescriptor);

}  // namespace reeve
