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

class EventLines {
 public:
  /// Names of agents instead of ids; those that come later are looked up when they are seen.
  void learn_names(client::Client& client);
  /// The line of an event's JSON; empty: it is none.
  std::string line(const Session& session, client::Client& client, const std::string& text);

 private:
  std::string name_of(client::Client& client, const std::string& id);

  std::map<std::string, std::string> names_;  // by id
};

}  // namespace reeve::cli
