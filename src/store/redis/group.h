#pragma once

#include <string>
#include <vector>

#include "store/redis/heads.h"
#include "store/store.h"
#include "wire/resp.h"

namespace reeve::store::redis {

/// What it costs about to send: what limits a group.
std::size_t size_of(const Commit& commit);

/// Commits of one moment: one call of lua/commit.lua. They and the heads outlive it.
class Group {
 public:
  Group(std::vector<const Commit*> commits, Heads& heads);
  ~Group();
  Group(const Group&) = delete;
  Group& operator=(const Group&) = delete;

  /// What the script is told besides.
  struct Setting {
    Time now;                      ///< what keys are kept from
    std::string clock;             ///< what leases are compared with (ms). Empty: Redis' own
    std::size_t session_size = 0;  ///< where the state has its numbers
  };
  /// Appends the script's arguments behind the session, from what is known now.
  void encode(std::vector<std::string>& words, const Setting& setting);

  /// For each commit the position of its first event, or what the script answered instead.
  struct Answer {
    Position first;
    wire::RedisReply* instead = nullptr;  ///< of the reply
  };
  /// Of the reply to what was encoded last. Learns from it how documents are now. Empty: it is not
  /// understood.
  std::vector<Answer> settle(wire::RedisReply& reply);

 private:
  /// Commits next to one another that were told of together.
  struct Item {
    std::size_t commits = 1;
  };
  class Writer;
  [[nodiscard]] bool is_plain(const Commit& commit) const;
  void learn(const std::vector<wire::RedisReply>* heads);
  /// `known`: how the documents are now.
  void let_go(bool known);

  std::vector<const Commit*> commits_;
  Heads& heads_;
  std::vector<const DocKey*> touched_;  // by them, for each what it touches
  bool settled_ = false;
  // Of what was encoded last:
  std::uint64_t epoch_ = 0;  // of the heads
  std::vector<bool> plain_;  // commits
  std::vector<Item> items_;
  std::vector<DocKey> looked_at_;  // documents
};

}  // namespace reeve::store::redis
