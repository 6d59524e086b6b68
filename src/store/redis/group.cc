#include "store/redis/group.h"

#include <charconv>

#include "base/overloaded.h"
#include "store/check.h"
#include "store/marks.h"
#include "store/redis/codec.h"

namespace reeve::store::redis {
namespace {

std::string text(std::uint64_t number) { return std::to_string(number); }
std::string ms(Time time) { return std::to_string(to_ms(time)); }

void encode(const Precondition& required, std::vector<std::string>& words) {
  const auto add = [&](auto... more) { (words.push_back(std::move(more)), ...); };
  std::visit(
      Overloaded{
          [&](const DocAt& at) { add("v", at.key.kind, at.key.id, text(at.version)); },
          [&](const DocAbsent& absent) { add("a", absent.key.kind, absent.key.id); },
          [&](const RunAt& at) { add("r", at.run.str(), text(at.epoch)); },
          [&](const QueueHolds& holds) { add("q", holds.queue, holds.item, holds.lease); },
          [&](const LeaseHeld& held) { add("l", held.name, held.holder, text(held.epoch)); }},
      required);
}

void encode(const Write& write, std::vector<std::string>& words) {
  const auto add = [&](auto... more) { (words.push_back(std::move(more)), ...); };
  std::visit(Overloaded{[&](const PutDoc& put) {
                          add("p", put.key.kind, put.key.id, join_marks(put.marks), put.body);
                        },
                        [&](const RemoveDoc& remove) { add("d", remove.key.kind, remove.key.id); },
                        [&](const QueuePush& push) {
                          add("+", push.queue, push.item, std::to_string(push.priority),
                              ms(push.not_before), std::to_string(push.attempt));
                        },
                        [&](const QueueTake& take) { add("t", take.queue, take.item, take.lease); },
                        [&](const QueueAck& ack) { add("-", ack.queue, ack.item); },
                        [&](const QueueReturn& back) {
                          add("<", back.queue, back.item, std::to_string(back.attempt),
                              ms(back.not_before));
                        },
                        [&](const SetRunEpoch& set) {
                          add("e", set.run.str(), set.epoch ? text(*set.epoch) : "");
                        }},
             write);
}

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

void encode_commit(const Commit& commit, std::vector<std::string>& words) {
  const auto begin = words.size();
  words.emplace_back();
  if (commit.key) {
    words.push_back(text(commit.key->writer.size()) + ":" + commit.key->writer + commit.key->key);
    words.push_back(commit.key->digest);
    words.push_back(commit.answer);
  }
  for (const auto& required : commit.require) encode(required, words);
  for (const auto& write : commit.writes) encode(write, words);
  std::uint64_t bytes = 0;
  for (const auto& event : commit.events) {
    words.push_back(encode_event(event));
    bytes += stored_bytes(event);
  }
  words.push_back(text(bytes));
  auto& shape = words[begin];
  for (const auto number : {words.size() - begin - 1, commit.require.size(), commit.writes.size(),
                            commit.events.size()}) {
    shape += static_cast<char>(number >> 8);
    shape += static_cast<char>(number & 0xff);
  }
  shape += static_cast<char>(commit.key ? 1 : 0);
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
