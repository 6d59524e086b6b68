#pragma once

#include <map>
#include <string>
#include <string_view>

#include "cli/command.h"

/// Events as lines for a person.
namespace reeve::cli {

/// A place in a JSON value: "run.error". A text as it is, anything else as JSON; empty: nothing.
std::string text_at(const json::value& value, std::string_view path);
/// What a person wants to see of a payload.
std::string gist(std::string_view kind, const json::value& payload);

/// Names of agents by their ids; those that come later are looked up when they are seen.
class AgentNames {
 public:
  void learn(client::Client& client);
  /// Of an agent that is not known, the id's first digits.
  std::string of(client::Client& client, const std::string& id);

 private:
  std::map<std::string, std::string> names_;  // by id
};

class EventLines {
 public:
  /// Names of agents instead of ids.
  void learn_names(client::Client& client) { names_.learn(client); }
  /// The line of an event's JSON; empty: it is none.
  std::string line(const Session& session, client::Client& client, const std::string& text);

 private:
  AgentNames names_;
};

}  // namespace reeve::cli
