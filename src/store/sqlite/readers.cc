#include "store/sqlite/readers.h"

#include <pthread.h>

#include <memory>
#include <utility>

namespace reeve::store::sqlite {

Readers::Readers(Connection::Options file, Durability durability, std::size_t threads)
    : file_(std::move(file)), durability_(durability) {
  for (std::size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { loop(); });
}

Readers::~Readers() {
  {
    const std::scoped_lock guard(mutex_);
    stopping_ = true;
    wake_.notify_all();
  }
  for (auto& thread : threads_) thread.join();
}

void Readers::push(Work work) {
  const std::scoped_lock guard(mutex_);
  queue_.push_back(std::move(work));
  wake_.notify_one();
}

void Readers::loop() {
  ::pthread_setname_np(::pthread_self(), "store-reader");
  std::unique_ptr<Reader> reader;
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [&] { return stopping_ || !queue_.empty(); });
    if (queue_.empty()) return;
    auto work = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    Status ready;
    if (!reader) {
      auto opened = Reader::open(file_, durability_);
      if (opened) {
        reader = std::move(*opened);
      } else {
        ready = fail(opened.error());
      }
    }
    if (ready) {
      work(reader.get());
    } else {
      work(fail(ready.error()));
    }
    lock.lock();
  }
}

}  // namespace reeve::store::sqlite
