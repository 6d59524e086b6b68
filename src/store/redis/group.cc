#include "store/redis/group.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <list>
#include <map>
#include <optional>
#include <unordered_map>
#include <utility>

#include "base/limits.h"
#include "base/overloaded.h"
#include "store/marks.h"
#include "store/redis/codec.h"

namespace reeve::store::redis {
namespace {

using wire::RedisReply;

/// Commits that touch more documents than this are told of in full.
constexpr std::size_t kPlainTouches = 16;

std::string text(std::uint64_t number) { return std::to_string(number); }
std::string ms(Time time) { return std::to_string(to_ms(time)); }

const DocKey* document_of(const Precondition& required) {
  if (const auto* at = std::get_if<DocAt>(&required)) return &at->key;
  if (const auto* absent = std::get_if<DocAbsent>(&required)) return &absent->key;
  return nullptr;
}
const DocKey* document_of(const Write& write) {
  if (const auto* put = std::get_if<PutDoc>(&write)) return &put->key;
  if (const auto* remove = std::get_if<RemoveDoc>(&write)) return &remove->key;
  return nullptr;
}

bool is_small(const Commit& commit) {
  return commit.require.size() + commit.writes.size() <= kPlainTouches;
}

/// Adds the documents that a commit touches; each once, if it is small.
void add_touched(const Commit& commit, std::vector<const DocKey*>& keys) {
  const auto first = static_cast<std::ptrdiff_t>(keys.size());
  const auto add = [&, once = is_small(commit)](const DocKey* key) {
    if (key == nullptr) return;
    const auto same = [&](const DocKey* other) { return *other == *key; };
    if (!once || std::none_of(keys.begin() + first, keys.end(), same)) keys.push_back(key);
  };
  for (const auto& required : commit.require) add(document_of(required));
  for (const auto& write : commit.writes) add(document_of(write));
}

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

/// What an event's header takes, mostly.
constexpr std::size_t kHeaderBytes = 512;

/// Events as entries of the log.
struct Entries {
  std::vector<std::string> texts;
  std::vector<std::size_t> counts;

  void add(const NewEvent& event) {
    if (texts.empty() || texts.back().size() >= kEntryBytes) {
      // Often the only one.
      texts.emplace_back().reserve(event.payload.size() + kHeaderBytes);
      counts.push_back(0);
    }
    append_event(texts.back(), event);
    ++counts.back();
  }
};

}  // namespace

/// Writes the script's arguments: what plain commits write, and in full those that may fail.
class Group::Writer {
 public:
  void add_plain(const Commit& commit, const Heads& heads) {
    for (const auto& event : commit.events) {
      run_.add(event);
      run_bytes_ += stored_bytes(event);
    }
    run_events_ += commit.events.size();
    run_going_ = true;
    for (const auto& write : commit.writes) {
      const auto& put = std::get<PutDoc>(write);
      const auto* head = heads.find(put.key);
      auto& words = given_[put.key.kind];
      words.push_back(put.key.id);
      words.push_back(encode_doc(put.body, head->marks, head->version + 1, head->rank));
    }
  }

  void add(const Commit& commit) {
    end_run();
    const auto entry = put_events(commit);
    Shape shape(*this);
    for (const auto count : entry.own.counts) put(count);
    std::ranges::copy(entry.own.texts, std::back_inserter(words_));
    if (commit.key)
      words_.insert(words_.end(), {key_name(*commit.key), commit.key->digest, commit.answer});
    for (const auto& required : commit.require) add(required);
    for (const auto& write : commit.writes) add(write);
    std::uint64_t bytes = 0;
    for (const auto& event : commit.events) bytes += stored_bytes(event);
    shape.close({.flags = (commit.key ? 1U : 0U) + (entry.begins ? 2U : 0U),
                 .conditions = commit.require.size(),
                 .writes = commit.writes.size(),
                 .events = commit.events.size(),
                 .bytes = bytes,
                 .length = entry.length,
                 .own = entry.own.counts.size()});
  }

  /// Answers the documents that are looked at.
  std::vector<DocKey> finish(std::vector<std::string>& words, const Setting& setting) {
    // Nothing may fail: that is all.
    const bool plain = items_ == 0;
    if (plain && finish_alone(words, setting.session_size)) return {};
    if (!plain) end_run();
    std::string plan;
    append_big_endian(plan, run_.texts.size(), 4);
    append_big_endian(plan, run_bytes_, 8);
    append_big_endian(plan, given_.size(), 4);
    for (const auto count : run_.counts) append_big_endian(plan, count, 4);
    for (const auto& [kind, given] : given_) append_big_endian(plan, given.size(), 4);
    const auto at = words.size();
    words.emplace_back();
    std::ranges::move(run_.texts, std::back_inserter(words));
    for (auto& [kind, given] : given_) {
      words.emplace_back(kind);
      std::ranges::move(given, std::back_inserter(words));
    }
    std::vector<DocKey> documents;
    if (!plain) {
      close_entry();
      append_big_endian(plan, items_, 4);
      append_big_endian(plan, marks_.texts().size(), 4);
      append_big_endian(plan, kinds_.texts().size(), 4);
      for (const auto& ids : ids_) append_big_endian(plan, ids.texts().size(), 4);
      plan += shapes_;
      words.push_back(setting.clock);
      words.push_back(ms(setting.now));
      words.push_back(std::to_string(Duration(limits::kIdempotencyTtl).count()));
      words.insert(words.end(), marks_.texts().begin(), marks_.texts().end());
      for (std::size_t kind = 0; kind < ids_.size(); ++kind) {
        const auto& name = words.emplace_back(kinds_.texts()[kind]);
        for (const auto id : ids_[kind].texts()) documents.push_back({name, std::string(id)});
        words.insert(words.end(), ids_[kind].texts().begin(), ids_[kind].texts().end());
      }
      std::ranges::move(words_, std::back_inserter(words));
    }
    words[at] = std::move(plan);
    return documents;
  }

 private:
  /// What is said of an item before its conditions and writes.
  struct Facts {
    std::uint64_t flags = 0;
    std::size_t conditions = 0;
    std::size_t writes = 0;
    std::size_t events = 0;
    std::uint64_t bytes = 0;
    std::size_t length = 0;
    std::size_t own = 0;
  };
  /// An item of the plan; what is put into the plan and the words until it is closed belongs to it.
  class Shape {
   public:
    explicit Shape(Writer& writer) : writer_(writer), at_(writer.shapes_.size()) {
      writer.shapes_.append(kSize, '\0');
      words_ = writer.words_.size();
    }
    void close(const Facts& facts) {
      std::string head;
      append_big_endian(head, facts.flags, 1);
      append_big_endian(head, writer_.shapes_.size() - at_ - kSize, 4);
      append_big_endian(head, writer_.words_.size() - words_, 4);
      for (const auto number : {facts.conditions, facts.writes, facts.events})
        append_big_endian(head, number, 4);
      append_big_endian(head, facts.bytes, 8);
      append_big_endian(head, facts.length, 4);
      append_big_endian(head, facts.own, 4);
      writer_.shapes_.replace(at_, kSize, head);
      ++writer_.items_;
    }

   private:
    static constexpr std::size_t kSize = 37;
    Writer& writer_;
    std::size_t at_;
    std::size_t words_;
  };
  /// Where a commit's events are.
  struct Place {
    bool begins = false;     // the entry that is open, and theirs are its first
    std::size_t length = 0;  // there
    Entries own;             // or of their own
  };

  /// For lua/alone.lua. False: there is more.
  bool finish_alone(std::vector<std::string>& words, std::size_t session_size) {
    if (run_.texts.size() != 1 || given_.size() > 1) return false;
    std::array<std::string_view, 2> name;
    if (!given_.empty()) {
      const auto& [kind, given] = *given_.begin();
      if (given.size() != 2) return false;
      name = {kind, given.front()};
    }
    constexpr std::size_t kMost = 255;
    if (std::ranges::any_of(name, [](auto part) { return part.size() > kMost; })) return false;
    const auto count = run_.counts.front();
    const auto entry = "%d-" + text(count);
    const auto numbers = text(session_size);
    std::string plan;
    plan.reserve(64);
    append_big_endian(plan, 1, 1);
    append_big_endian(plan, count, 4);
    append_big_endian(plan, run_bytes_, 8);
    for (const std::string_view part :
         {std::string_view(entry), std::string_view(numbers), name[0], name[1]}) {
      append_big_endian(plan, part.size(), 1);
      plan += part;
    }
    words.reserve(words.size() + 3);
    words.push_back(std::move(plan));
    words.push_back(std::move(run_.texts.front()));
    if (!given_.empty()) words.push_back(std::move(given_.begin()->second.back()));
    return true;
  }

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
    std::visit(Overloaded{[&](const PutDoc& doc) {
                            put('p');
                            put(doc.key);
                            put(marks_.of(kept_.emplace_back(join_marks(doc.marks))));
                            words_.push_back(doc.body);
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
  Place put_events(const Commit& commit) {
    Place place;
    if (commit.events.empty()) return place;
    std::string fresh;
    for (const auto& event : commit.events) append_event(fresh, event);
    if (fresh.size() > kEntryBytes) {
      close_entry();
      for (const auto& event : commit.events) place.own.add(event);
      return place;
    }
    if (open_ && entry_.size() + fresh.size() > kEntryBytes) close_entry();
    place.begins = !open_;
    place.length = fresh.size();
    if (!open_) {
      open_ = words_.size();
      words_.emplace_back();
    }
    entry_ += fresh;
    return place;
  }
  void close_entry() {
    if (!open_) return;
    words_[*open_] = std::exchange(entry_, {});
    open_.reset();
  }

  /// Of the plain commits before one that may fail, the events are an item.
  void end_run() {
    if (!run_going_) return;
    close_entry();
    Shape shape(*this);
    for (const auto count : run_.counts) put(count);
    std::ranges::move(run_.texts, std::back_inserter(words_));
    shape.close({.events = run_events_, .bytes = run_bytes_, .own = run_.counts.size()});
    run_ = {};
    run_bytes_ = 0;
    run_events_ = 0;
    run_going_ = false;
  }

  // Of plain commits: events since the last other one, and documents by kind: ids and what they
  // are.
  Entries run_;
  std::uint64_t run_bytes_ = 0;
  std::size_t run_events_ = 0;
  bool run_going_ = false;
  std::map<std::string_view, std::vector<std::string>> given_;

  std::size_t items_ = 0;
  Numbered marks_;
  std::list<std::string> kept_;  // what marks_ numbers
  Numbered kinds_;
  std::vector<Numbered> ids_;  // by kind
  std::string shapes_;
  std::vector<std::string> words_;
  std::string entry_;                // of several commits, that is open
  std::optional<std::size_t> open_;  // its word
};

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

Group::Group(std::vector<const Commit*> commits, Heads& heads)
    : commits_(std::move(commits)), heads_(heads) {
  for (const auto* commit : commits_) add_touched(*commit, touched_);
  for (const auto* key : touched_) heads_.begin(*key);
}

Group::~Group() {
  if (!settled_) let_go(false);
}

/// Whether it is known that it will be done, and what it writes.
bool Group::is_plain(const Commit& commit) const {
  if (commit.key || !is_small(commit)) return false;
  for (const auto& required : commit.require) {
    const auto* at = std::get_if<DocAt>(&required);
    const auto* head = at != nullptr ? heads_.find(at->key) : nullptr;
    if (head == nullptr || head->version != at->version) return false;
  }
  for (auto write = commit.writes.begin(); write != commit.writes.end(); ++write) {
    const auto* put = std::get_if<PutDoc>(&*write);
    const auto* head = put != nullptr ? heads_.find(put->key) : nullptr;
    if (head == nullptr || head->marks != join_marks(put->marks)) return false;
    const auto same = [&](const Write& other) { return *document_of(other) == put->key; };
    if (std::any_of(commit.writes.begin(), write, same)) return false;
  }
  return true;
}

void Group::encode(std::vector<std::string>& words, const Setting& setting) {
  Writer writer;
  epoch_ = heads_.epoch();
  items_.clear();
  plain_.clear();
  bool run = false;
  for (const auto* commit : commits_) {
    const bool plain = is_plain(*commit);
    plain_.push_back(plain);
    if (plain) {
      writer.add_plain(*commit, heads_);
    } else {
      writer.add(*commit);
    }
    if (run && plain) {
      ++items_.back().commits;
    } else {
      items_.push_back({});
    }
    run = plain;
  }
  looked_at_ = writer.finish(words, setting);
}

std::vector<Group::Answer> Group::settle(RedisReply& reply) {
  std::vector<Answer> answers;
  const bool pair = reply.elements.size() == 2;
  auto& done = pair ? reply.elements[0] : reply;
  const bool all = done.is(RedisReply::Kind::integer);
  if (!(all || (pair && done.elements.size() == items_.size()))) return answers;
  auto commit = commits_.begin();
  Position first{all ? static_cast<std::uint64_t>(done.integer) : 0};
  for (std::size_t i = 0; i < items_.size(); ++i) {
    auto* answer = all ? nullptr : &done.elements[i];
    const bool is_done = all || answer->is(RedisReply::Kind::integer);
    if (is_done && !all) first = {static_cast<std::uint64_t>(answer->integer)};
    for (std::size_t n = 0; n < items_[i].commits; ++n, ++commit) {
      answers.push_back({first, is_done ? nullptr : answer});
      first.value += (*commit)->events.size();
    }
  }
  settled_ = true;
  if (heads_.epoch() == epoch_) learn(all && pair ? &reply.elements[1].elements : nullptr);
  let_go(heads_.epoch() == epoch_);
  return answers;
}

/// What plain commits wrote is as they wrote it. Of documents that were looked at the script told
/// what they are now; or it is not known.
void Group::learn(const std::vector<RedisReply>* heads) {
  std::map<DocKey, std::string> marks;
  for (std::size_t i = 0; i < commits_.size(); ++i) {
    for (const auto& write : commits_[i]->writes) {
      const auto* put = std::get_if<PutDoc>(&write);
      if (put == nullptr) continue;
      if (plain_[i]) {
        heads_.written(put->key);
      } else {
        marks[put->key] = join_marks(put->marks);
      }
    }
  }
  const bool told = heads != nullptr && heads->size() == 2 * looked_at_.size();
  for (std::size_t i = 0; i < looked_at_.size(); ++i) {
    const auto put = marks.find(looked_at_[i]);
    const auto version = told ? static_cast<std::uint64_t>((*heads)[2 * i].integer) : 0;
    if (put == marks.end() || version == 0) {
      heads_.forget(looked_at_[i]);
    } else {
      const auto rank = static_cast<std::uint64_t>((*heads)[2 * i + 1].integer);
      heads_.set(looked_at_[i], {.version = version, .rank = rank, .marks = put->second});
    }
  }
}

void Group::let_go(bool known) {
  for (const auto* key : touched_) {
    if (!known) heads_.forget(*key);
    heads_.end(*key);
  }
}

}  // namespace reeve::store::redis
