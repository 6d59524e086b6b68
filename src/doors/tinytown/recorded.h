#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "base/json.h"
#include "doors/tinytown/forms.h"

/// The town of the real tt in tests/fixtures/tinytown, read. Not part of the library.
namespace reeve::doors::tinytown::testing {

inline constexpr const char* kRecordedTown = "gold";

inline std::string fixture(const std::string& name) {
  const std::ifstream file(std::string(REEVE_FIXTURES) + "/tinytown/" + name);
  EXPECT_TRUE(file) << name;
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

struct RecordedKey {
  std::string type;
  json::value value;
};
/// All keys after a step: "13-inbox".
inline std::map<std::string, RecordedKey> recorded_state(const std::string& step) {
  std::map<std::string, RecordedKey> state;
  const auto whole = parse_json(fixture(step + ".redis.json")).value();
  for (const auto& [key, entry] : whole.as_object()) {
    state[std::string(key)] = {std::string(entry.at("type").as_string()), entry.at("value")};
  }
  return state;
}

struct RecordedStep {
  std::string name;
  std::vector<std::string> said;  ///< what tt printed, without its log's prefix
};
inline std::vector<RecordedStep> recorded_steps() {
  std::vector<RecordedStep> steps;
  const auto whole = parse_json(fixture("steps.json")).value();
  for (const auto& entry : whole.as_array()) {
    RecordedStep step{std::string(entry.at("step").as_string()), {}};
    std::istringstream lines(std::string(entry.at("stdout").as_string()));
    for (std::string line; std::getline(lines, line);) {
      constexpr std::string_view kPrefix = "INFO tt: ";
      const auto at = line.find(kPrefix);
      step.said.push_back(at == std::string::npos ? line : line.substr(at + kPrefix.size()));
    }
    steps.push_back(std::move(step));
  }
  return steps;
}
inline std::vector<std::string> said_in(const std::string& step) {
  for (auto& known : recorded_steps()) {
    if (known.name == step) return known.said;
  }
  ADD_FAILURE() << "no step " << step;
  return {};
}

/// A command as it was sent, and on which connection.
struct RecordedCommand {
  int connection = 0;
  std::vector<std::string> words;
};
/// Those of commands.txt, whose words are quoted as Redis' MONITOR quotes them.
inline std::vector<RecordedCommand> recorded_commands() {
  std::vector<RecordedCommand> commands;
  std::istringstream lines(fixture("commands.txt"));
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with('[')) continue;
    RecordedCommand command;
    command.connection = std::stoi(line.substr(1));
    for (auto at = line.find('"'); at < line.size(); at = line.find('"', at + 1)) {
      std::string word;
      for (++at; at < line.size() && line[at] != '"'; ++at) {
        if (line[at] != '\\') {
          word += line[at];
          continue;
        }
        const char escape = line[++at];
        if (escape == 'x') {
          word += static_cast<char>(std::stoi(line.substr(at + 1, 2), nullptr, 16));
          at += 2;
        } else {
          word += escape == 'n' ? '\n' : escape == 'r' ? '\r' : escape == 't' ? '\t' : escape;
        }
      }
      command.words.push_back(std::move(word));
    }
    commands.push_back(std::move(command));
  }
  return commands;
}

inline Fields fields_of(const json::value& hash) {
  Fields fields;
  for (const auto& [name, value] : hash.as_object()) fields.emplace_back(name, value.as_string());
  return fields;
}

}  // namespace reeve::doors::tinytown::testing
