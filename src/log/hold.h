#pragma once

#include <algorithm>
#include <iterator>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/ids.h"

namespace reeve::log {

/// Somebody who has not dealt yet with what follows a position of the log.
struct Held {
  std::string name;  ///< for people: "webhook ci", "run 3fa2 of ada"
  Position position;
};

/// Who keeps retention from removing events, and where from. Domain thread only.
class Holds {
  using List = std::list<Held>;

 public:
  /// Held until it is destroyed, which may be after the Holds.
  class Hold {
   public:
    Hold(std::shared_ptr<List> among, List::iterator entry)
        : among_(std::move(among)), entry_(entry) {}
    ~Hold() { among_->erase(entry_); }
    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;
    /// What lies up to here has been dealt with. A position only grows.
    void advance(Position position) { entry_->position = std::max(entry_->position, position); }
    [[nodiscard]] Position position() const { return entry_->position; }

   private:
    std::shared_ptr<List> among_;
    List::iterator entry_;
  };

  [[nodiscard]] std::unique_ptr<Hold> add(std::string name, Position position) {
    list_->push_back({std::move(name), position});
    return std::make_unique<Hold>(list_, std::prev(list_->end()));
  }
  /// The one that holds back the most. Nothing: nobody holds.
  [[nodiscard]] std::optional<Held> lowest() const;

 private:
  std::shared_ptr<List> list_ = std::make_shared<List>();
};

}  // namespace reeve::log
