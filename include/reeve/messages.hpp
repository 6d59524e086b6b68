#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "reeve/result.hpp"
#include "reeve/tasks.hpp"

namespace reeve {
REEVE_INLINE namespace v1 {
  /// When a message reaches its agent.
  enum class Delivery {
    next,  ///< it starts a round, or joins the very next one
    now,   ///< a round in progress is interrupted for it
    idle,  ///< when nothing else waits
  };

  /// A message to send.
  struct Letter {
    std::string to;  ///< an agent's name or id, or "supervisor"
    std::string text;
    std::string type = "task";  ///< task, query, informational, confirmation, custom
    Priority priority = Priority::normal;
    Delivery delivery = Delivery::next;
    std::optional<std::string> correlation;
  };

  /// A message as it is now.
  struct LetterInfo {
    std::string id;
    std::string from;  ///< an agent's name or id, or "supervisor"
    std::string type;
    std::string text;
    std::string state;  ///< queued, taken, handled, dead
    std::optional<std::string> correlation;
    std::optional<std::string> reply_to;
    std::string json;  ///< all that is known: docs/api.md, Message
  };

  /// What came back.
  struct Answer {
    std::string text;
    std::string from;        ///< the agent's name
    bool by_message = true;  ///< false: it is the last word of the round that read the question
  };

  /// The messages of a town. What is sent from here comes from its supervisor: the people and
  /// programs who run it. Errors of all: not_found; conflict: the agent takes no mail; and the
  /// town's. Any thread.
  class REEVE_API Messages {
   public:
    /// Answers when it is in the inbox.
    Result<LetterInfo> send(const Letter& letter);
    /// What waits for an agent, or for the supervisor, in the order of serving. Consumes nothing.
    Result<std::vector<LetterInfo>> inbox(const std::string& of = "supervisor");
    /// Sends a question and waits for its answer. timeout: it stays asked.
    Result<Answer> ask(const std::string& agent, const std::string& question,
                       std::optional<std::chrono::milliseconds> timeout = {});
    /// Answers a message of the supervisor's inbox, which is done with then.
    Result<LetterInfo> reply(const std::string& message, const std::string& text);

   private:
    friend class Town;
    explicit Messages(std::shared_ptr<library::Engine> engine) : engine_(std::move(engine)) {}

    std::shared_ptr<library::Engine> engine_;
  };

}  // namespace v1
}  // namespace reeve
