#include "town/directory.h"

#include <algorithm>

#include "base/limits.h"

namespace reeve::town {
namespace {

constexpr std::size_t kShortest = 4;

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  });
  return out;
}

bool may_be_short_id(std::string_view text) {
  const auto digit = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || c == '-';
  };
  return text.size() >= kShortest && text.size() < 36 && std::ranges::all_of(text, digit);
}

/// Levenshtein's distance, for short texts.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    auto diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const auto above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

/// The one value whose id begins with `digits`.
template <class D>
Result<D> one_of(std::vector<D> found, const std::string& digits, const char* what) {
  if (found.size() == 1) return std::move(found.front());
  std::string ids;
  for (const auto& value : found) ids += (ids.empty() ? "" : ", ") + value.id.str();
  return fail(Errc::conflict, "\"" + digits + "\" may be any of these " + what + "s: " + ids +
                                  " (use more digits)");
}

}  // namespace

store::DocKey name_key(std::string_view name) { return {run::kNameKind, lower(name)}; }

std::vector<std::string> near_names(std::string_view wanted,
                                    const std::vector<std::string>& names) {
  std::vector<std::pair<std::size_t, std::string>> ranked;
  const auto key = lower(wanted);
  for (const auto& name : names) {
    const auto other = lower(name);
    const auto slips = distance(key, other);
    if (slips <= std::max<std::size_t>(1, key.size() / 3) ||
        (key.size() >= 2 && other.starts_with(key))) {
      ranked.emplace_back(slips, name);
    }
  }
  std::ranges::sort(ranked);
  std::vector<std::string> out;
  for (auto& [slips, name] : ranked) {
    if (out.size() < 3) out.push_back(std::move(name));
  }
  return out;
}

Task<Result<std::vector<Agent>>> all_agents(store::Store& store) {
  std::vector<Agent> agents;
  store::DocQuery query;
  query.kind = run::DocOf<Agent>::kKind;
  query.limit = limits::kPage;
  for (;;) {
    auto docs = co_await store.list(query);
    if (!docs) co_return fail(docs.error());
    for (const auto& doc : *docs) {
      auto agent = run::decode<Agent>(doc);
      if (!agent) co_return fail(agent.error());
      agents.push_back(std::move(*agent));
      query.after_rank = doc.rank;
    }
    if (docs->size() < query.limit) co_return agents;
  }
}

Task<Result<Agent>> find_agent(store::Store& store, std::string reference) {
  if (const auto id = AgentId::parse(reference)) co_return co_await run::load<Agent>(store, *id);
  auto key = name_key(reference);
  auto named = co_await store.get(std::move(key));
  if (!named) co_return fail(named.error());
  if (*named) {
    const auto id = parse_json_as<AgentId>((*named)->body);
    if (!id) co_return fail(Errc::corrupt, "the name " + reference + " has no agent");
    co_return co_await run::load<Agent>(store, *id);
  }
  auto agents = co_await all_agents(store);
  if (!agents) co_return fail(agents.error());
  if (may_be_short_id(reference)) {
    std::vector<Agent> found;
    std::ranges::copy_if(*agents, std::back_inserter(found),
                         [&](const Agent& agent) { return agent.id.str().starts_with(reference); });
    if (!found.empty()) co_return one_of(std::move(found), reference, "agent");
  }
  std::vector<std::string> names;
  for (const auto& agent : *agents) names.push_back(agent.name);
  std::string hint;
  for (const auto& name : near_names(reference, names)) hint += (hint.empty() ? "" : " or ") + name;
  co_return fail(Errc::not_found, "no agent " + reference +
                                      (hint.empty() ? " (reeve list shows who is there)"
                                                    : ": did you mean " + hint + "?"));
}

Task<Result<reeve::Task>> find_task(store::Store& store, std::string reference) {
  if (const auto id = TaskId::parse(reference))
    co_return co_await run::load<reeve::Task>(store, *id);
  if (may_be_short_id(reference)) {
    store::DocQuery query;
    query.descending = true;
    query.limit = limits::kPage;
    auto tasks = co_await run::load_list<reeve::Task>(store, std::move(query));
    if (!tasks) co_return fail(tasks.error());
    std::erase_if(*tasks,
                  [&](const reeve::Task& task) { return !task.id.str().starts_with(reference); });
    if (!tasks->empty()) co_return one_of(std::move(*tasks), reference, "task");
  }
  co_return fail(Errc::not_found, "no task " + reference + " (reeve task list shows them)");
}

Task<std::string> display_name(store::Store& store, std::string from) {
  const auto id = AgentId::parse(from);
  if (!id) co_return from;
  if (*id == supervisor_id()) co_return std::string(kSupervisor);
  auto agent = co_await run::load<Agent>(store, *id);
  co_return agent ? agent->name : from;
}

}  // namespace reeve::town
