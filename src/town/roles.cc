#include "town/roles.h"

#include <algorithm>
#include <array>
#include <span>

#include "base/near_names.h"

namespace reeve::town {
namespace {

using Words = std::span<const std::string_view>;

/// Who has it: words of an agent's role or name.
constexpr std::array<std::string_view, 6> kFrontend{"front", "frontend", "ui",
                                                    "ux",    "web",      "client"};
constexpr std::array<std::string_view, 4> kBackend{"back", "backend", "api", "server"};
constexpr std::array<std::string_view, 5> kTester{"test", "tests", "tester", "testing", "qa"};
constexpr std::array<std::string_view, 5> kReviewer{"review", "reviews", "reviewer", "audit",
                                                    "auditor"};
constexpr std::array<std::string_view, 4> kDocs{"doc", "docs", "documentation", "writer"};
constexpr std::array<std::string_view, 5> kDevops{"devops", "ops", "infra", "deploy", "deployment"};
constexpr std::array<std::string_view, 2> kSecurity{"security", "sec"};

/// What is for it: tags, and words of a task's text.
constexpr std::array<std::string_view, 6> kForFrontend{"frontend", "front", "ui",
                                                       "ux",       "web",   "client"};
constexpr std::array<std::string_view, 7> kForBackend{"backend",  "back", "api", "server",
                                                      "database", "data", "db"};
constexpr std::array<std::string_view, 9> kForTester{"tester",     "test",       "tests",
                                                     "testing",    "tested",     "qa",
                                                     "validation", "regression", "regressions"};
constexpr std::array<std::string_view, 7> kForReviewer{"reviewer", "review", "reviews",   "qa",
                                                       "security", "audit",  "validation"};
constexpr std::array<std::string_view, 6> kForDocs{"docs", "doc",   "documentation",
                                                   "spec", "specs", "readme"};
constexpr std::array<std::string_view, 8> kForDevops{
    "devops", "ops", "infra", "infrastructure", "deploy", "deployment", "ci", "reliability"};
constexpr std::array<std::string_view, 6> kForSecurity{
    "security", "sec", "vulnerability", "vulnerabilities", "hardening", "audit"};

struct Row {
  Role role = Role::general;
  Words whose;
  Words what;
};
/// In this order: a "web-api" is frontend.
constexpr std::array<Row, 7> kRows{Row{Role::frontend, kFrontend, kForFrontend},
                                   Row{Role::backend, kBackend, kForBackend},
                                   Row{Role::tester, kTester, kForTester},
                                   Row{Role::reviewer, kReviewer, kForReviewer},
                                   Row{Role::docs, kDocs, kForDocs},
                                   Row{Role::devops, kDevops, kForDevops},
                                   Row{Role::security, kSecurity, kForSecurity}};

bool has(Words words, std::string_view word) {
  return std::ranges::find(words, word) != words.end();
}

std::string_view without_number(std::string_view word) {
  const auto last = word.find_last_not_of("0123456789");
  return last == std::string_view::npos ? word : word.substr(0, last + 1);
}

}  // namespace

std::vector<std::string> words_of(std::string_view text) {
  const auto in_word = [](char c) {
    // Bytes of other alphabets' letters join words, too.
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           static_cast<unsigned char>(c) >= 0x80;
  };
  std::vector<std::string> words;
  for (auto at = text.begin(); at != text.end();) {
    const auto begin = std::find_if(at, text.end(), in_word);
    at = std::find_if_not(begin, text.end(), in_word);
    if (begin != at) words.push_back(to_lower(std::string_view(begin, at)));
  }
  return words;
}

Role role_of(std::string_view text) {
  const auto words = words_of(text);
  for (const auto& row : kRows) {
    if (std::ranges::any_of(words,
                            [&](const auto& word) { return has(row.whose, without_number(word)); }))
      return row.role;
  }
  return Role::general;
}

Role role_of(const Agent& agent) {
  return role_of(agent.role ? std::string_view(*agent.role) : std::string_view(agent.name));
}

bool suits(Role role, const reeve::Task& task) {
  if (role == Role::general) return true;
  const auto* row = std::ranges::find(kRows, role, &Row::role);
  const auto is_word = [&](const std::string& word) { return has(row->what, word); };
  if (std::ranges::any_of(task.tags, [&](const auto& tag) { return is_word(to_lower(tag)); }))
    return true;
  return std::ranges::any_of(words_of(task.text), is_word);
}

}  // namespace reeve::town
