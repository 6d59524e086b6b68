#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "doors/tinytown/forms.h"
#include "doors/tinytown/keys.h"
#include "net/redis.h"

/// What the mirror writes, and how one script call does all of it, and nothing twice.
namespace reeve::doors::tinytown {

/// What a call is conditioned on: the mirror's place (mirror_place_key), a hash, and our mark below
/// tinytown's prefix (Keys::mark), a string.
///
///   log       whose town this is
///   position  up to there the log is mirrored; "-": all of it is being written
///   nonce     another one for each time that all is written; what the mark holds, too: where it
///             holds anything else, or is gone, tinytown's keys were emptied
///   seen      when the mirror last wrote, in seconds by Redis' clock
///   by        who did: a machine and a town's folder
struct Place {
  LogId log;
  std::optional<Position> position;  ///< none: "-"
  std::string nonce;

  friend bool operator==(const Place&, const Place&) = default;
};
std::string position_text(const std::optional<Position>& position);

/// Writes, in order. Keys that hold another type than is to be written are left alone, and told.
class Writes {
 public:
  explicit Writes(const Keys& keys) : keys_(keys) {}

  /// A hash whose guard is not what we wrote last has been changed by tinytown meanwhile. `keep`:
  /// then its guard's fields stay as tinytown wrote them, and it is told; otherwise they are
  /// written over.
  enum class Guard { over, keep };
  void hash(std::string key, const HashForm& form, const std::vector<std::string>& guard,
            const std::string& wrote, Guard how);
  /// Sets last_heartbeat of an agent of ours. It is told if the hash is gone, or if its guard shows
  /// a change.
  void heartbeat(const AgentId& agent, const std::string& moment);
  void remove(std::vector<std::string> keys);
  /// What stands in a list of messages and is ours is made equal to `items`; what others put there
  /// stays, before or behind ours as it was.
  void messages(std::string key, const std::vector<std::string>& items);
  /// Of a long list whose items of ours are known: these go, those come behind all others.
  void change_messages(std::string key, const std::vector<std::string>& gone,
                       const std::vector<std::string>& added);
  /// The same as messages() of the backlog: ids whose task has our mark are ours.
  void backlog(const std::vector<std::string>& ids);
  /// Lines, the newest last.
  void activity(const AgentId& agent, const std::vector<std::string>& lines);
  void stop(const AgentId& agent);
  void publish(std::string text);
  /// What the streams that follow take their entries from.
  struct Entry {
    std::string type;
    std::string data;
    Position position;  ///< of the log, for the echo
  };
  void entries(const std::vector<Entry>& entries);
  /// These entries, by their numbers, at least one; then the stream keeps about `most`.
  void stream(std::string key, std::size_t most, const std::vector<std::size_t>& numbers);

  [[nodiscard]] const Keys& keys() const { return keys_; }
  [[nodiscard]] bool empty() const { return words_.empty(); }
  [[nodiscard]] std::size_t count() const { return count_; }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }
  /// The script's arguments behind the conditions.
  [[nodiscard]] const std::vector<std::string>& words() const { return words_; }
  /// The keys that tt writes as well, as far as they are among what is written.
  [[nodiscard]] const std::vector<std::string>& shared_keys() const { return shared_; }
  /// Whether any of the words is this one.
  [[nodiscard]] bool mentions(std::string_view word) const;
  void clear();

 private:
  void begin(const char* what, std::size_t arguments);
  void add(std::string word);
  void add_shared(std::string key);

  const Keys& keys_;
  std::vector<std::string> words_;
  std::vector<std::string> shared_;
  std::size_t count_ = 0;
  std::size_t bytes_ = 0;
};

/// A stop flag of ours. tt asks only whether there is one; its own is "1".
inline constexpr const char* kStopValue = "reeve";

/// The script: KEYS are the place and the mark; ARGV log, position, nonce, the new position, the
/// prefix of tinytown's keys, who writes, then Writes::words().
std::string write_script();
/// What it answers.
struct WriteReply {
  enum class Outcome {
    done,
    moved,    ///< the place is another: another mirror wrote, or an earlier call of ours did
    emptied,  ///< the mark is gone: tinytown's keys were emptied
  };
  Outcome outcome = Outcome::done;
  std::vector<std::string> changed;     ///< hashes that tinytown has changed
  std::vector<std::string> gone;        ///< hashes that should be there
  std::vector<std::string> wrong_type;  ///< keys that hold something else
  std::vector<std::string> too_long;    ///< lists that are longer than is written
  std::vector<std::string> failed;      ///< keys that could not be written, and ...
  std::vector<std::string> why;         ///< ... what Redis said, for each
};
/// corrupt: this is no such answer.
Result<WriteReply> read_write_reply(const net::RedisReply& reply);

/// The words of EVAL or EVALSHA (`sha`) for a call.
net::RedisWords write_call(std::string_view verb, std::string script, const Keys& keys,
                           std::string_view town, const Place& expected,
                           const std::optional<Position>& position, const std::string& by,
                           const Writes& writes);

/// Takes the place over: KEYS as above; ARGV the log and nonce that were seen there (blank: there
/// was none), then ours, and who writes. Sets both, with position "-". Answers 1, or 0 if somebody
/// was faster.
std::string_view begin_script();

}  // namespace reeve::doors::tinytown
