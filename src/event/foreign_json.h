#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/json.h"
#include "event/agent_event.h"

/// What the projections to other projects' JSON have in common.
///
/// A text of theirs that was read comes back exactly: what an AgentEvent has no member for, and
/// what its own projection would say differently, stands in `more` under the project's name.
namespace reeve::foreign {

/// The members of `told` that `own` has not, or has otherwise; of objects in both, their
/// difference.
json::object difference(const json::object& told, const json::object& own);
/// Puts a difference back: what stands in it wins.
void overlay(json::object& out, const json::object& over);

/// What `event` keeps of its text in that project's JSON; null if there is none.
const json::object* kept(const AgentEvent& event, std::string_view project);
/// Keeps what `own`, the event's own projection, lacks of `told`.
void keep(AgentEvent& event, std::string_view project, const json::object& told,
          const json::object& own);
/// An event that has no counterpart here, whole.
AgentEvent unknown(std::string_view project, std::string_view type, const json::object& told);

/// Reads members of an object; the first that does not fit makes the whole fail.
class Reader {
 public:
  /// `path` stands before the names in errors, e.g. "result".
  explicit Reader(const json::object& object, std::string path = {})
      : object_(object), path_(std::move(path)) {}
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  /// The member must be there.
  template <class T>
  void need(std::string_view name, T& out) {
    if (find(name) == nullptr) return refuse(name, "is missing");
    may(name, out);
  }
  /// Absent or null, `out` stays as it is. An enumerator that is not known here is no error.
  template <class T>
  void may(std::string_view name, T& out) {
    const auto* found = find(name);
    if (!status_ || found == nullptr || found->is_null()) return;
    if constexpr (json_detail::DescribedEnum<T>) {
      if (found->is_string() && !enum_from_name<T>(found->get_string())) return not_known();
    }
    if (auto read = read_json(*found, out); !read) status_ = fail(inside(name, read.error()));
  }
  /// Like may(), of an id: one that is no UUID is none of ours.
  template <class Tag>
  void may(std::string_view name, std::optional<Id<Tag>>& out) {
    std::string text;
    may(name, text);
    if (auto id = Id<Tag>::parse(text)) out = *id;
  }
  /// Null if it is absent.
  [[nodiscard]] const json::value* find(std::string_view name) const {
    return object_.if_contains(name);
  }
  /// An object that must be there; `read(Reader&)` reads it.
  template <class Read>
  void need_object(std::string_view name, Read read) {
    const auto* found = find(name);
    if (!status_) return;
    if (found == nullptr) return refuse(name, "is missing");
    if (!found->is_object()) return refuse(name, "expected an object");
    Reader inner(found->get_object(), path_of(name));
    read(inner);
    status_ = inner.status_;
    if (!inner.is_known_) not_known();
  }
  /// The same, where it is not absent or null.
  template <class Read>
  void may_object(std::string_view name, Read read) {
    const auto* found = find(name);
    if (found != nullptr && !found->is_null()) need_object(name, std::move(read));
  }
  void refuse(std::string_view name, std::string_view why);

  /// What was read says something that has no counterpart here: the event as a whole is unknown.
  void not_known() { is_known_ = false; }

  [[nodiscard]] const Status& status() const { return status_; }
  [[nodiscard]] bool is_known() const { return is_known_; }

 private:
  [[nodiscard]] Error inside(std::string_view name, const Error& error) const {
    return json_detail::inside(path_of(name), error);
  }
  [[nodiscard]] std::string path_of(std::string_view name) const {
    return path_.empty() ? std::string(name) : path_ + "." + std::string(name);
  }

  const json::object& object_;
  std::string path_;
  Status status_;
  bool is_known_ = true;
};

}  // namespace reeve::foreign
