#include "model/fold.h"

#include <algorithm>
#include <type_traits>

#include "base/json.h"

namespace reeve {
namespace {

template <class... D>
struct Types {};
using Folded = Types<Agent, Task, Message, Run, Thread, ThreadMessage, Webhook>;

template <class Visit, class... D>
void for_each_type(Types<D...>, Visit visit) {
  (visit(std::type_identity<D>()), ...);
}

/// The documents of a type that a fact concerns. The town's own mailbox has no agent behind it.
template <class D>
std::vector<DocId<D>> ids_of(const Fact& fact) {
  auto about = concerned(fact);
  if constexpr (std::same_as<D, Agent>) {
    std::erase(about.agents, supervisor_id());
    return std::move(about.agents);
  } else if constexpr (std::same_as<D, Task>) {
    return std::move(about.tasks);
  } else if constexpr (std::same_as<D, Message>) {
    return std::move(about.messages);
  } else if constexpr (std::same_as<D, Run>) {
    return std::move(about.runs);
  } else if constexpr (std::same_as<D, Thread>) {
    return std::move(about.threads);
  } else if constexpr (std::same_as<D, Webhook>) {
    return std::move(about.webhooks);
  } else {
    static_assert(std::same_as<D, ThreadMessage>);
    return std::move(about.thread_messages);
  }
}

template <class D>
void apply_to(std::optional<D>& doc, const DocId<D>& id, const Fact& fact, Time at) {
  if constexpr (std::same_as<D, ThreadMessage>) {
    apply(doc, id, fact, at);
  } else {
    apply(doc, fact, at);
  }
}

}  // namespace

std::vector<std::string> Fold::kinds() {
  std::vector<std::string> kinds;
  for_each_type(Folded(), [&]<class D>(std::type_identity<D>) { kinds.emplace_back(kDocKind<D>); });
  return kinds;
}

Status Fold::put(const DocName& name, std::string_view body) {
  bool known = false;
  Status status;
  for_each_type(Folded(), [&]<class D>(std::type_identity<D>) {
    if (name.kind != kDocKind<D>) return;
    known = true;
    auto doc = parse_json_as<D>(body);
    if (doc) {
      const auto id = doc_id(*doc);
      std::get<Docs<D>>(docs_).insert_or_assign(id, std::move(*doc));
    } else {
      status = fail(doc.error().during(name.kind + " " + name.id));
    }
  });
  if (!known) strangers_[name] = body;
  return status;
}

Result<std::vector<DocName>> Fold::missing(const Event& event) const {
  const auto fact = fact_of(event);
  if (!fact) return fail(fact.error());
  std::vector<DocName> names;
  if (!*fact) return names;
  for_each_type(Folded(), [&]<class D>(std::type_identity<D>) {
    for (const auto& id : ids_of<D>(**fact)) {
      if (!all<D>().contains(id)) names.push_back({kDocKind<D>, id.str()});
    }
  });
  return names;
}

Status Fold::apply(const Event& event) {
  if (event.position <= position_) {
    return fail(Errc::conflict, "event " + std::to_string(event.position.value) +
                                    " does not follow position " + std::to_string(position_.value));
  }
  const auto fact = fact_of(event);
  if (!fact) return fail(fact.error());
  position_ = event.position;
  if (!*fact) return {};
  for_each_type(Folded(), [&]<class D>(std::type_identity<D>) { fold<D>(**fact, event.time); });
  return {};
}

template <class D>
void Fold::fold(const Fact& fact, Time at) {
  auto& docs = std::get<Docs<D>>(docs_);
  for (const auto& id : ids_of<D>(fact)) {
    const auto found = docs.find(id);
    std::optional<D> doc;
    if (found != docs.end()) doc = std::move(found->second);
    apply_to(doc, id, fact, at);
    if (!doc) continue;
    docs.insert_or_assign(id, std::move(*doc));
    std::get<Changed<D>>(changed_).insert(id);
  }
}

std::vector<FoldedDoc> Fold::documents() const {
  std::vector<FoldedDoc> out;
  for_each_type(Folded(), [&]<class D>(std::type_identity<D>) {
    for (const auto& [id, doc] : all<D>())
      out.push_back({{kDocKind<D>, id.str()}, write_json_of(doc)});
  });
  for (const auto& [name, body] : strangers_) out.push_back({name, body});
  std::ranges::sort(out, {}, &FoldedDoc::name);
  return out;
}

std::vector<FoldedDoc> Fold::take_changed() {
  std::vector<FoldedDoc> out;
  for_each_type(Folded(), [&]<class D>(std::type_identity<D>) {
    auto& changed = std::get<Changed<D>>(changed_);
    for (const auto& id : changed)
      out.push_back({{kDocKind<D>, id.str()}, write_json_of(all<D>().at(id))});
    changed.clear();
  });
  return out;
}

std::vector<std::string> Fold::differences(const std::vector<FoldedDoc>& live) const {
  std::vector<std::string> told;
  std::map<DocName, std::string> folded;
  for (auto& doc : documents()) folded.emplace(std::move(doc.name), std::move(doc.body));
  for (const auto& doc : live) {
    const auto words = doc.name.kind + " " + doc.name.id;
    const auto found = folded.find(doc.name);
    if (found == folded.end()) {
      told.push_back(words + " follows from no event: " + doc.body);
    } else if (found->second != doc.body) {
      told.push_back(words + " is " + doc.body + ", and its events say " + found->second);
    }
    if (found != folded.end()) folded.erase(found);
  }
  for (const auto& [name, body] : folded)
    told.push_back(name.kind + " " + name.id + " is not there, and its events say " + body);
  return told;
}

}  // namespace reeve
