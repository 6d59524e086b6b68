#pragma once

#include <memory>
#include <string>

#include "base/error.h"
#include "base/json.h"

namespace reeve::tool {

/// A JSON Schema (draft 7), read once.
class Schema {
 public:
  /// Allows everything.
  Schema() = default;

  /// invalid_argument: not a schema, or one that refers to another document (nothing is fetched).
  static Result<Schema> read(const json::value& schema);

  /// invalid_argument: `value` is not what the schema allows; the text names up to five places and
  /// what is wrong there, for whoever wrote the value (a model) to do better.
  [[nodiscard]] Status check(const json::value& value) const;

 private:
  struct Compiled;
  std::shared_ptr<const Compiled> compiled_;
};

}  // namespace reeve::tool
