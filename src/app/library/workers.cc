#include "app/library/workers.h"

#include <utility>

namespace reeve::library {

Workers::~Workers() {
  {
    const std::scoped_lock lock(mutex_);
    closing_ = true;
  }
  changed_.notify_all();
  threads_.clear();
}

void Workers::run(std::function<void()> work) {
  const std::scoped_lock lock(mutex_);
  waiting_.push_back(std::move(work));
  if (waiting_.size() > idle_ && threads_.size() < most_) {
    threads_.emplace_back([this] { serve(); });
  } else {
    changed_.notify_one();
  }
}

void Workers::serve() {
  std::unique_lock lock(mutex_);
  for (;;) {
    if (!waiting_.empty()) {
      auto work = std::move(waiting_.front());
      waiting_.pop_front();
      lock.unlock();
      work();
      work = nullptr;  // what it holds goes without the lock
      lock.lock();
    } else if (closing_) {
      return;
    } else {
      ++idle_;
      changed_.wait(lock);
      --idle_;
    }
  }
}

}  // namespace reeve::library
