#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/env.h"
#include "base/json.h"
#include "llm/provider.h"

/// A model without a model: it says what a script says, at once or in the script's time. For tests,
/// measurements and demonstrations. docs/providers.md has the script's form.
namespace reeve::llm {

/// What it does, piece by piece.
namespace act {
struct Say {
  std::vector<std::string> pieces;  ///< a TextDelta each
};
struct Think {
  std::string text;
};
struct Call {
  std::string id;  ///< empty: one that is unique in the conversation
  std::string name;
  std::string arguments;  ///< as text: it need not be JSON
};
struct Wait {
  Duration time{};
};
/// Until it is cancelled.
struct Hang {};
/// What it has said is void; it begins again.
struct Reset {
  std::string reason;
};
/// The end of the answer, and of the turn.
struct Fail {
  Trouble trouble = Trouble::overloaded;
  std::string message;
  std::optional<Duration> retry_after;
};
struct Count {
  Usage usage;
};
struct Finish {
  FinishReason reason = FinishReason::stop;
};
}  // namespace act
using Act = std::variant<act::Say, act::Think, act::Call, act::Wait, act::Hang, act::Reset,
                         act::Fail, act::Count, act::Finish>;

struct Script {
  /// What decides which turn answers a request.
  enum class By {
    step,  ///< how many answers stand behind the last user message: each run begins with the first
    call,  ///< how many calls came before, whoever made them
  };
  BOOST_DESCRIBE_NESTED_ENUM(By, step, call)

  std::vector<std::vector<Act>> turns;
  By by = By::step;
  bool repeat = false;  ///< behind the last turn comes the first; otherwise that is bad_request
  std::string model = "scripted";

  /// The shortest script: one answer, whatever is asked.
  static Script saying(std::string text);
};

/// invalid_argument: not a script; the text names the place ("turns[1][0]").
Result<Script> read_script(const json::value& value);

class ScriptedProvider final : public Provider {
 public:
  /// `env` outlives it.
  ScriptedProvider(std::string name, Env& env, Script script);

  [[nodiscard]] std::string_view name() const override { return name_; }
  [[nodiscard]] std::string_view default_model() const override { return script_.model; }
  Async<ChatResult> chat(const ChatRequest& request, OnEvent on_event) override;

  /// How many calls have begun.
  [[nodiscard]] std::uint64_t calls() const { return calls_; }

 private:
  [[nodiscard]] const std::vector<Act>* turn_of(const ChatRequest& request);

  std::string name_;
  Env& env_;
  Script script_;
  std::uint64_t calls_ = 0;
};

}  // namespace reeve::llm
