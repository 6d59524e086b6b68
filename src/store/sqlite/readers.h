#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "store/sqlite/reader.h"

namespace reeve::store::sqlite {

/// The threads that read, each with a connection of its own, made when it is first needed.
class Readers {
 public:
  /// Given a Reader, or why there is none.
  using Work = std::move_only_function<void(Result<Reader*>)>;

  Readers(Connection::Options file, Durability durability, std::size_t threads);
  /// Works off what is queued.
  ~Readers();
  /// Domain thread.
  void push(Work work);

 private:
  void loop();

  Connection::Options file_;
  Durability durability_;
  std::mutex mutex_;  // guards what follows
  std::condition_variable wake_;
  std::deque<Work> queue_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace reeve::store::sqlite
