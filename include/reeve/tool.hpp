#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "reeve/result.hpp"

namespace reeve {
REEVE_INLINE namespace v1 {
  /// What a tool is, for the model that calls it and for whoever runs it.
  struct ToolSpec {
    std::string name;  ///< letters, digits, "_" and "-"
    std::string description;
    std::string input_schema = R"({"type":"object"})";  ///< JSON Schema of its arguments
    /// Running it twice with the same idempotency key is as good as once.
    bool idempotent = false;
    std::chrono::milliseconds timeout = std::chrono::minutes(2);
    std::size_t output_limit = 64 << 10;  ///< bytes of its result that the model is shown
  };

  /// A call of it.
  class REEVE_API ToolCall {
   public:
    std::string run;
    std::string id;
    /// The same for every try of this call, whatever happened in between.
    std::string idempotency_key;
    std::string arguments;  ///< JSON: an object that the schema allows

    /// Nobody waits any more: end soon, what is answered is not read.
    [[nodiscard]] bool is_stopped() const;
    /// Shown to people who watch, while the tool runs.
    void output(std::string_view text) const;

   private:
    friend class library::Engine;
    std::shared_ptr<library::ToolState> state_;
  };

  /// What the model is told.
  struct ToolAnswer {
    std::string content;  ///< a text, or JSON
    bool is_json = false;

    static ToolAnswer text(std::string text) { return {std::move(text), false}; }
    static ToolAnswer json(std::string json) { return {std::move(json), true}; }
  };

  /// May block: it runs on a thread of the library's pool (OpenOptions::blocking_threads). An
  /// error, or what it throws, becomes a failed result with its text, which the model reads.
  using ToolFunction = std::function<Result<ToolAnswer>(const ToolCall&)>;

}  // namespace v1
}  // namespace reeve
