#pragma once

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "model/fact.h"

/// The state of a town at any moment, rebuilt from its log: documents in memory, changed by facts
/// and by nothing else. Pure.
namespace reeve {

/// The kind that a document has in a store.
template <class D>
inline constexpr const char* kDocKind = nullptr;
template <>
inline constexpr const char* kDocKind<Agent> = "agent";
template <>
inline constexpr const char* kDocKind<Task> = "task";
template <>
inline constexpr const char* kDocKind<Message> = "message";
template <>
inline constexpr const char* kDocKind<Run> = "run";
template <>
inline constexpr const char* kDocKind<Thread> = "thread";
template <>
inline constexpr const char* kDocKind<ThreadMessage> = "thread_message";
template <>
inline constexpr const char* kDocKind<Webhook> = "webhook";

/// A document of a store by its name.
struct DocName {
  std::string kind;
  std::string id;
  friend auto operator<=>(const DocName&, const DocName&) = default;
};

struct FoldedDoc {
  DocName name;
  std::string body;  ///< JSON text, byte for byte what a commit writes
};

/// What a document is called by within its kind.
template <class D>
auto doc_id(const D& doc) {
  return doc.id;
}
inline ThreadMessageId doc_id(const ThreadMessage& message) { return message.id(); }
template <class D>
using DocId = decltype(doc_id(std::declval<const D&>()));

class Fold {
 public:
  template <class D>
  using Docs = std::map<DocId<D>, D>;

  /// Begins with the documents as they were behind `at` (put() them); without any at the beginning
  /// of the log.
  explicit Fold(Position at = {}) : position_(at) {}

  /// A document as it stands at position(). One of a kind that this program does not know stays as
  /// it is. invalid_argument: it cannot be read.
  Status put(const DocName& name, std::string_view body);
  /// Which documents apply() of the event may change that are not held: to be put() before, where
  /// they exist. invalid_argument: a fact that cannot be read.
  [[nodiscard]] Result<std::vector<DocName>> missing(const Event& event) const;
  /// Folds the next event of the log; those that are no facts may be left out. conflict: it is not
  /// behind position(). invalid_argument: a fact that cannot be read. Nothing has changed then.
  Status apply(const Event& event);
  /// What follows up to here is no fact.
  void reach(Position position) { position_ = std::max(position_, position); }

  /// The last event that is folded in.
  [[nodiscard]] Position position() const { return position_; }
  /// All documents of a type, by id.
  template <class D>
  [[nodiscard]] const Docs<D>& all() const {
    return std::get<Docs<D>>(docs_);
  }
  /// nullptr: there is none.
  template <class D>
  [[nodiscard]] const D* find(const DocId<D>& id) const {
    const auto found = all<D>().find(id);
    return found == all<D>().end() ? nullptr : &found->second;
  }
  /// Every document, by kind and id.
  [[nodiscard]] std::vector<FoldedDoc> documents() const;
  /// The documents that facts concerned since this was asked last.
  [[nodiscard]] std::vector<FoldedDoc> take_changed();

  /// Where the fold and the documents of a store differ, a sentence each; nothing: they are the
  /// same. `live`: every document but the bookkeeping (kinds that begin with an underscore).
  [[nodiscard]] std::vector<std::string> differences(const std::vector<FoldedDoc>& live) const;

  /// The kinds of documents that are folded.
  static std::vector<std::string> kinds();

 private:
  template <class... D>
  using TablesOf = std::tuple<Docs<D>...>;
  template <class D>
  struct Changed : std::set<DocId<D>> {};  // a type of its own for each D
  template <class... D>
  using ChangesOf = std::tuple<Changed<D>...>;
  template <class D>
  void fold(const Fact& fact, Time at);

  Position position_;
  TablesOf<Agent, Task, Message, Run, Thread, ThreadMessage, Webhook> docs_;
  ChangesOf<Agent, Task, Message, Run, Thread, ThreadMessage, Webhook> changed_;
  std::map<DocName, std::string> strangers_;  // of kinds that a newer program made
};

}  // namespace reeve
