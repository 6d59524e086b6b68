#include "store/redis/group.h"

#include <algorithm>
#include <deque>
#include <iterator>
#include <optional>
#include <unordered_map>
#include <utility>

#include "base/overloaded.h"
#include "store/check.h"
#include "store/marks.h"
#include "store/redis/codec.h"

namespace reeve::store::redis {
namespace {

std::string text(std::uint64_t number) { return std::to_string(number); }
std::string ms(Time time) { return std::to_string(to_ms(time)); }

/// Distinct texts, numbered from 1 in the order of their coming. They outlive it.
class Numbered {
 public:
  std::size_t of(std::string_view text) {
    const auto [at, fresh] = numbers_.try_emplace(text, texts_.size() + 1);
    if (fresh) texts_.push_back(text);
    return at->second;
  }
  [[nodiscard]] const std::vector<std::string_view>& texts() const { return texts_; }

 private:
  std::vector<std::string_view> texts_;
  std::unordered_map<std::string_view, std::size_t> numbers_;
};

class GroupWriter {
 public:
  void add(const Commit& commit) {
    const auto shape = shapes_.size();
    shapes_.append(kShape, '\0');
    const auto entry = put_events(commit);
    const auto plan_begin = shapes_.size();
    const auto words_begin = words_.size();
    for (const auto count : entry.own) put(count);
    for (auto& one : own_) words_.push_back(std::move(one));
    own_.clear();
    if (commit.key) {
      words_.push_back(key_name(*commit.key));
      words_.push_back(commit.key->digest);
      words_.push_back(commit.answer);
    }
    for (const auto& required : commit.require) add(required);
    for (const auto& write : commit.writes) add(write);

    std::string head;
    std::uint64_t bytes = 0;
    for (const auto& event : commit.events) bytes += stored_bytes(event);
    append_big_endian(head, (commit.key ? 1U : 0U) + (entry.begins ? 2U : 0U), 1);
    append_big_endian(head, shapes_.size() - plan_begin, 4);
    append_big_endian(head, words_.size() - words_begin, 4);
    append_big_endian(head, commit.require.size(), 4);
    append_big_endian(head, commit.writes.size(), 4);
    append_big_endian(head, commit.events.size(), 4);
    append_big_endian(head, bytes, 8);
    append_big_endian(head, entry.length, 4);
    append_big_endian(head, entry.own.size(), 4);
    shapes_.replace(shape, kShape, head);
    ++commits_;
  }

  void finish(std::vector<std::string>& words) {
    close_entry();
    std::string plan;
    append_big_endian(plan, commits_, 4);
    append_big_endian(plan, marks_.texts().size(), 4);
    append_big_endian(plan, kinds_.texts().size(), 4);
    for (const auto& ids : ids_) append_big_endian(plan, ids.texts().size(), 4);
    words.push_back(plan += shapes_);
    words.insert(words.end(), marks_.texts().begin(), marks_.texts().end());
    for (std::size_t kind = 0; kind < ids_.size(); ++kind) {
      words.emplace_back(kinds_.texts()[kind]);
      words.insert(words.end(), ids_[kind].texts().begin(), ids_[kind].texts().end());
    }
    std::ranges::move(words_, std::back_inserter(words));
  }

 private:
  static constexpr std::size_t kShape = 37;
  /// Where a commit's events are.
  struct Entry {
    bool begins = false;           // the entry that is open, and theirs are its first
    std::size_t length = 0;        // there
    std::vector<std::size_t> own;  // or how many there are in each of their own
  };

  void put(std::uint64_t number) { append_big_endian(shapes_, number, 4); }
  void put(char op) { shapes_ += op; }
  void put(const DocKey& key) {
    const auto kind = kinds_.of(key.kind);
    if (kind > ids_.size()) ids_.emplace_back();
    put(kind);
    put(ids_[kind - 1].of(key.id));
  }
  /// A write whose parts are words.
  void put_words(char op, std::initializer_list<std::string> words) {
    put(op);
    shapes_.append(12, '\0');
    words_.insert(words_.end(), words);
  }

  void add(const Precondition& required) {
    std::visit(Overloaded{[&](const DocAt& at) {
                            put('v');
                            put(at.key);
                            append_big_endian(shapes_, at.version, 8);
                          },
                          [&](const DocAbsent& absent) {
                            put('a');
                            put(absent.key);
                            append_big_endian(shapes_, 0, 8);
                          },
                          [&](const RunAt& at) {
                            put('r');
                            words_.insert(words_.end(), {at.run.str(), text(at.epoch)});
                          },
                          [&](const QueueHolds& holds) {
                            put('q');
                            words_.insert(words_.end(), {holds.queue, holds.item, holds.lease});
                          },
                          [&](const LeaseHeld& held) {
                            put('l');
                            words_.insert(words_.end(), {held.name, held.holder, text(held.epoch)});
                          }},
               required);
  }
  void add(const Write& write) {
    std::visit(Overloaded{[&](const PutDoc& put) {
                            this->put('p');
                            this->put(put.key);
                            this->put(marks_.of(kept_.emplace_back(join_marks(put.marks))));
                            words_.push_back(put.body);
                          },
                          [&](const RemoveDoc& remove) {
                            put('d');
                            put(remove.key);
                            put(std::uint64_t{0});
                          },
                          [&](const QueuePush& push) {
                            put_words('+', {push.queue, push.item, std::to_string(push.priority),
                                            ms(push.not_before), std::to_string(push.attempt)});
                          },
                          [&](const QueueTake& take) {
                            put_words('t', {take.queue, take.item, take.lease});
                          },
                          [&](const QueueAck& ack) { put_words('-', {ack.queue, ack.item}); },
                          [&](const QueueReturn& back) {
                            put_words('<', {back.queue, back.item, std::to_string(back.attempt),
                                            ms(back.not_before)});
                          },
                          [&](const SetRunEpoch& set) {
                            put_words('e', {set.run.str(), set.epoch ? text(*set.epoch) : ""});
                          }},
               write);
  }

  /// Behind those of the commits before, if there is room.
  Entry put_events(const Commit& commit) {
    if (commit.events.empty()) return {};
    std::string fresh;
    for (const auto& event : commit.events) append_event(fresh, event);
    if (fresh.size() > kEntryBytes) return put_apart(commit);
    if (place_ && entry_.size() + fresh.size() > kEntryBytes) close_entry();
    Entry entry{.begins = !place_, .length = fresh.size(), .own = {}};
    if (!place_) {
      place_ = words_.size();
      words_.emplace_back();
    }
    entry_ += fresh;
    return entry;
  }
  /// In entries of their own.
  Entry put_apart(const Commit& commit) {
    close_entry();
    Entry entry;
    for (const auto& event : commit.events) {
      if (own_.empty() || own_.back().size() >= kEntryBytes) {
        own_.emplace_back();
        entry.own.push_back(0);
      }
      append_event(own_.back(), event);
      ++entry.own.back();
    }
    return entry;
  }
  void close_entry() {
    if (!place_) return;
    words_[*place_] = std::exchange(entry_, {});
    place_.reset();
  }

  std::size_t commits_ = 0;
  Numbered marks_;
  std::deque<std::string> kept_;  // what marks_ numbers
  Numbered kinds_;
  std::vector<Numbered> ids_;  // by kind
  std::string shapes_;
  std::vector<std::string> words_;
  std::string entry_;                 // the one that is open
  std::optional<std::size_t> place_;  // of its word
  std::vector<std::string> own_;      // of the commit that is added
};

std::optional<std::uint64_t> number_in(std::string_view digits) {
  const auto number = whole_number<std::uint64_t>(digits);
  return number ? std::optional(*number) : std::nullopt;
}

/// The state of affairs in which exactly one condition was looked at.
class Seen final : public Facts {
 public:
  explicit Seen(std::string_view instead) : instead_(instead) {}
  std::optional<std::uint64_t> doc_version(const DocKey&) override { return number_in(instead_); }
  std::optional<std::uint64_t> run_epoch(const RunId&) override { return number_in(instead_); }
  std::optional<std::string> held_by(std::string_view, std::string_view) override {
    if (!instead_.starts_with('=')) return std::nullopt;
    return std::string(instead_.substr(1));
  }
  std::optional<Lease> lease(std::string_view name) override {
    // "EPOCH UNTIL HOLDER"
    const auto first = instead_.find(' ');
    const auto second = instead_.find(' ', first + 1);
    if (first == std::string_view::npos || second == std::string_view::npos) return std::nullopt;
    const auto epoch = whole_number<std::uint64_t>(instead_.substr(0, first));
    const auto until = whole_number<std::int64_t>(instead_.substr(first + 1, second - first - 1));
    if (!epoch || !until) return std::nullopt;
    return Lease{std::string(name), std::string(instead_.substr(second + 1)), *epoch,
                 from_ms(*until)};
  }

 private:
  std::string_view instead_;
};

}  // namespace

std::size_t size_of(const Commit& commit) {
  constexpr std::size_t kRest = 64;
  std::size_t size = commit.answer.size() + kRest * (1 + commit.require.size());
  for (const auto& write : commit.writes) {
    size += kRest;
    if (const auto* put = std::get_if<PutDoc>(&write)) size += put->body.size();
  }
  for (const auto& event : commit.events) size += stored_bytes(event) + kRest;
  return size;
}

void encode_group(std::span<const Commit* const> commits, std::vector<std::string>& words) {
  GroupWriter writer;
  for (const auto* commit : commits) writer.add(*commit);
  writer.finish(words);
}

Error refusal(const Commit& commit, const Verdict& verdict) {
  Commit one;
  Seen seen(verdict.instead);
  if (verdict.which == 0 && commit.key) {
    if (auto same = check_digest(*commit.key, verdict.instead); !same) return same.error();
  }
  if (verdict.which > 0) {
    const auto index = static_cast<std::size_t>(verdict.which - 1);
    if (index < commit.require.size()) one.require = {commit.require[index]};
  }
  if (verdict.which < 0) {
    const auto index = static_cast<std::size_t>(-verdict.which - 1);
    if (index < commit.writes.size()) one.writes = {commit.writes[index]};
  }
  // Of a lease that Redis found to have run out, by its own clock, it has.
  if (auto holds = check_preconditions(one, seen, Time::max()); !holds) return holds.error();
  return Error(Errc::conflict, "a condition of the commit does not hold");
}

}  // namespace reeve::store::redis
