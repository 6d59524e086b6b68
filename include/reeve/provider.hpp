#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "reeve/run.hpp"
#include "reeve/tool.hpp"

namespace reeve {
REEVE_INLINE namespace v1 {
  /// One call of a model.
  struct ModelRequest {
    std::string model;
    std::vector<Message> messages;  ///< the whole conversation, system first
    std::vector<ToolSpec> tools;
    ToolChoice tool_choice;
    Sampling sampling;
  };

  /// What a model wants done.
  struct ModelToolCall {
    std::string id;  ///< unique in its answer
    std::string name;
    std::string arguments = "{}";  ///< JSON: an object. Otherwise the model is told to try again
  };

  struct ModelAnswer {
    std::string text;
    std::string reasoning;
    std::vector<ModelToolCall> tool_calls;
    std::string finish_reason = "stop";  ///< stop, tool_calls, length, content_filter
    Usage usage;
    std::string model;  ///< the one that answered; empty: the one that was asked
  };

  /// Where a model's words are told while they come. What is told here is shown live; the answer is
  /// what counts. Telling may wait, until who follows and blocks has room (OnOptions::Slow::block).
  class REEVE_API Stream {
   public:
    void text(std::string_view piece);
    void reasoning(std::string_view piece);
    /// The run was ended: return soon, what is answered is not read.
    [[nodiscard]] bool is_stopped() const;

   private:
    friend class library::Engine;
    std::shared_ptr<library::StreamState> state_;
  };

  /// A model of the program's own. May block: it runs on a thread of the library's pool
  /// (OpenOptions::blocking_threads), several of them at a time. An error fails the run.
  using ModelFunction = std::function<Result<ModelAnswer>(const ModelRequest&, Stream&)>;

}  // namespace v1
}  // namespace reeve
