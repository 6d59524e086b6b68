#include "doors/tinytown/writes.h"

#include <algorithm>

#include "doors/tinytown/forms_of.h"
#include "doors/tinytown/scripts.h"

namespace reeve::doors::tinytown {
namespace {

constexpr const char* kStopSeconds = "3600";

std::unexpected<Error> no_answer() {
  return fail(Errc::corrupt, "Redis answered the mirror's script with something else");
}

/// What an entry's heads and its position take, at most.
constexpr std::size_t kPacked = 32;

/// An array in MessagePack, which a script unpacks in one step: thousands of words for themselves
/// cost Redis more than what is done with them.
class Packed {
 public:
  Packed(std::size_t values, std::size_t bytes) {
    out_.reserve(bytes + kPacked);
    head(0xdd, values, 4);
  }
  Packed& text(std::string_view text) {
    if (text.size() < 32) {
      head(static_cast<unsigned char>(0xa0 + text.size()), 0, 0);
    } else {
      head(0xdb, text.size(), 4);
    }
    out_ += text;
    return *this;
  }
  Packed& number(std::size_t number) { return head(0xce, number, 4); }
  std::string take() { return std::move(out_); }

 private:
  Packed& head(unsigned char mark, std::size_t value, int bytes) {
    out_ += static_cast<char>(mark);
    for (auto shift = 8 * (bytes - 1); shift >= 0; shift -= 8)
      out_ += static_cast<char>(value >> shift & 0xff);
    return *this;
  }
  std::string out_;
};

}  // namespace

std::string position_text(const std::optional<Position>& position) {
  return position ? std::to_string(position->value) : "-";
}

void Writes::add(std::string word) {
  bytes_ += word.size();
  words_.push_back(std::move(word));
}

void Writes::add_shared(std::string key) {
  shared_.push_back(key);
  add(std::move(key));
}

void Writes::begin(const char* what, std::size_t arguments) {
  ++count_;
  add(what);
  add(std::to_string(arguments));
}

bool Writes::mentions(std::string_view word) const {
  return std::ranges::find(words_, word) != words_.end();
}

void Writes::clear() {
  words_.clear();
  shared_.clear();
  count_ = bytes_ = 0;
}

void Writes::hash(std::string key, const HashForm& form, const std::vector<std::string>& guard,
                  const std::string& wrote, Guard how) {
  begin("hash", 5 + guard.size() + form.cleared.size() + 2 * form.set.size() + 2);
  add_shared(std::move(key));
  add(how == Guard::keep ? "keep" : "over");
  add(wrote);
  add(std::to_string(guard.size()));
  add(std::to_string(form.cleared.size()));
  for (const auto& name : guard) add(name);
  for (const auto& name : form.cleared) add(name);
  for (const auto& [name, value] : form.set) {
    add(name);
    add(value);
  }
  add(std::string(kWroteField));
  add(wrote);
}

void Writes::heartbeat(const AgentId& agent, const std::string& moment) {
  begin("heartbeat", 2);
  add_shared(keys_.agent(agent));
  add(moment);
}

void Writes::remove(std::vector<std::string> keys) {
  begin("remove", keys.size());
  for (auto& key : keys) add_shared(std::move(key));
}

void Writes::messages(std::string key, const std::vector<std::string>& items) {
  begin("messages", 1 + items.size());
  add_shared(std::move(key));
  for (const auto& item : items) add(item);
}

void Writes::change_messages(std::string key, const std::vector<std::string>& gone,
                             const std::vector<std::string>& added) {
  begin("change", 2 + gone.size() + added.size());
  add_shared(std::move(key));
  add(std::to_string(gone.size()));
  for (const auto& item : gone) add(item);
  for (const auto& item : added) add(item);
}

void Writes::backlog(const std::vector<std::string>& ids) {
  begin("backlog", 1 + ids.size());
  add_shared(keys_.backlog());
  for (const auto& id : ids) add(id);
}

void Writes::activity(const AgentId& agent, const std::vector<std::string>& lines) {
  begin("activity", 1 + lines.size());
  add(keys_.activity(agent));
  for (const auto& line : lines) add(line);
}

void Writes::stop(const AgentId& agent) {
  begin("stop", 3);
  add_shared(keys_.stop(agent));
  add(kStopValue);
  add(kStopSeconds);
}

void Writes::publish(std::string text) {
  begin("publish", 2);
  add(keys_.broadcast());
  add(std::move(text));
}

void Writes::entries(const std::vector<Entry>& entries) {
  std::size_t size = 0;
  for (const auto& entry : entries) size += entry.type.size() + entry.data.size() + kPacked;
  Packed packed(3 * entries.size(), size);
  for (const auto& entry : entries)
    packed.text(entry.type).text(entry.data).text(std::to_string(entry.position.value));
  begin("entries", 1);
  add(packed.take());
}

void Writes::stream(std::string key, std::size_t most, const std::vector<std::size_t>& numbers) {
  Packed packed(numbers.size(), 5 * numbers.size());
  for (const auto number : numbers) packed.number(number);
  begin("stream", 3);
  add(std::move(key));
  add(std::to_string(most));
  add(packed.take());
}

std::string write_script() { return lua_of({"ours", "write"}); }
std::string_view begin_script() { return lua_file("begin"); }

Result<WriteReply> read_write_reply(const net::RedisReply& reply) {
  using Kind = net::RedisReply::Kind;
  if (reply.is_error()) return fail(net::redis_error(reply));
  if (!reply.is(Kind::array) || reply.elements.empty()) return no_answer();
  if (reply.elements.size() % 2 == 0) return no_answer();
  WriteReply out;
  const auto& word = reply.elements[0].text;
  if (word == "moved") {
    out.outcome = WriteReply::Outcome::moved;
  } else if (word == "emptied") {
    out.outcome = WriteReply::Outcome::emptied;
  } else if (word != "done") {
    return no_answer();
  }
  for (std::size_t i = 1; i + 1 < reply.elements.size(); i += 2) {
    const auto& what = reply.elements[i].text;
    auto& list = what == "changed"  ? out.changed
                 : what == "gone"   ? out.gone
                 : what == "long"   ? out.too_long
                 : what == "failed" ? out.failed
                 : what == "why"    ? out.why
                                    : out.wrong_type;
    list.push_back(reply.elements[i + 1].text);
  }
  return out;
}

net::RedisWords write_call(std::string_view verb, std::string script, const Keys& keys,
                           std::string_view town, const Place& expected,
                           const std::optional<Position>& position, const std::string& by,
                           const Writes& writes) {
  net::RedisWords words{std::string(verb),
                        std::move(script),
                        "2",
                        mirror_place_key(town),
                        keys.mark(),
                        expected.log.str(),
                        position_text(expected.position),
                        expected.nonce,
                        position_text(position),
                        keys.prefix(),
                        by};
  words.insert(words.end(), writes.words().begin(), writes.words().end());
  return words;
}

}  // namespace reeve::doors::tinytown
