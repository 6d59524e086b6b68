#pragma once

#include <string>
#include <variant>
#include <vector>

#include "aio/testing.h"
#include "llm/provider.h"

/// What the tests of this folder share. Not part of the library.
namespace reeve::llm::testing {

/// All that a provider told.
struct Heard {
  [[nodiscard]] OnEvent on_event() {
    return [this](AgentEvent event) { events.push_back(std::move(event)); };
  }
  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> out;
    for (const auto& event : events) out.emplace_back(type_name(event));
    return out;
  }
  /// Of one type.
  template <class T>
  [[nodiscard]] std::vector<T> all() const {
    std::vector<T> out;
    for (const auto& event : events) {
      if (const auto* one = std::get_if<T>(&event)) out.push_back(*one);
    }
    return out;
  }
  /// The text that still counts: since the last StreamReset.
  [[nodiscard]] std::string text() const {
    std::string out;
    for (const auto& event : events) {
      if (std::holds_alternative<StreamReset>(event)) out.clear();
      if (const auto* delta = std::get_if<TextDelta>(&event)) out += delta->delta;
    }
    return out;
  }
  /// Everything, as JSON, to compare.
  [[nodiscard]] std::vector<std::string> told() const {
    std::vector<std::string> out;
    for (const auto& event : events) out.push_back(write_json(to_json(event)));
    return out;
  }

  std::vector<AgentEvent> events;
};

}  // namespace reeve::llm::testing
