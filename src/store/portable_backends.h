#pragma once

#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "store/memory/memory_store.h"
#include "store/portable.h"
#include "store/redis/place.h"
#include "store/redis/testing.h"
#include "store/sqlite/sqlite_store.h"
#include "store/testing.h"

/// The backends between which towns are moved by the tests. Not part of the library.
namespace reeve::store::portable {

struct Ground {
  boost::asio::io_context loop;
  TestEnv env{loop};
  ScratchDir dir;
};

/// Closed before it goes.
struct CloseFirst {
  Ground* ground = nullptr;
  template <class T>
  void operator()(T* one) const {
    aio::run(ground->loop, one->close());
    std::unique_ptr<T> goes(one);
  }
};
template <class T>
using Handle = std::unique_ptr<T, CloseFirst>;
template <class T>
Handle<T> handle(Ground& ground, std::unique_ptr<T> one) {
  return Handle<T>(one.release(), CloseFirst{&ground});
}

/// A place for one town.
class Side {
 public:
  virtual ~Side() = default;
  /// The store there, opened where it is not.
  virtual Store& store() = 0;
  /// Nobody has it open.
  virtual void close() = 0;
  virtual Handle<Source> source() = 0;
  virtual Handle<Target> target() = 0;
  [[nodiscard]] virtual bool has_town() const = 0;
};

class MemorySide final : public Side {
 public:
  explicit MemorySide(Ground& ground) : ground_(ground) {}
  Store& store() override {
    if (!store_) store_ = make_memory(ground_.env, ground_.loop.get_executor());
    return *store_;
  }
  void close() override {}
  Handle<Source> source() override { return handle(ground_, from_memory(*store_)); }
  Handle<Target> target() override {
    return handle(ground_,
                  to_memory(ground_.env, ground_.loop.get_executor(),
                            [this](std::unique_ptr<Store> made) { store_ = std::move(made); }));
  }
  [[nodiscard]] bool has_town() const override { return store_ != nullptr; }

 private:
  Ground& ground_;
  std::unique_ptr<Store> store_;
};

class SqliteSide final : public Side {
 public:
  SqliteSide(Ground& ground, const std::string& name)
      : ground_(ground), path_(ground.dir.file(name + ".db")) {}
  Store& store() override {
    if (!store_)
      store_ = open_sqlite(ground_.env, ground_.loop.get_executor(), {.path = path_}).value();
    return *store_;
  }
  void close() override {
    if (store_) aio::run(ground_.loop, store_->close());
    store_.reset();
  }
  Handle<Source> source() override { return handle(ground_, from_sqlite(path_).value()); }
  Handle<Target> target() override { return handle(ground_, to_sqlite(path_).value()); }
  [[nodiscard]] bool has_town() const override { return std::filesystem::exists(path_); }

 private:
  Ground& ground_;
  std::string path_;
  std::unique_ptr<Store> store_;
};

/// A town of its own on the server that the contract tests share.
class RedisSide final : public Side {
 public:
  RedisSide(Ground& ground, const std::string& name, net::RedisAddress address,
            RedisDurability durability)
      : ground_(ground),
        town_(ground.dir.path().filename().string() + "-" + name),
        address_(std::move(address)),
        durability_(durability) {}
  Store& store() override {
    if (!store_) {
      auto options = redis_options(address_, look().keys);
      options.durability = durability_;
      store_ = open_redis_now(ground_.env, ground_.loop, std::move(options)).value();
    }
    return *store_;
  }
  void close() override {
    if (store_) aio::run(ground_.loop, store_->close());
    store_.reset();
  }
  Handle<Source> source() override {
    return handle(
        ground_,
        aio::run(ground_.loop, from_redis(ground_.env, executor(), address_, town_)).value());
  }
  Handle<Target> target() override {
    return handle(ground_, aio::run(ground_.loop,
                                    to_redis(ground_.env, executor(), address_, town_, "the test"))
                               .value());
  }
  [[nodiscard]] bool has_town() const override { return look().exists; }

 private:
  [[nodiscard]] boost::asio::any_io_executor executor() const {
    return ground_.loop.get_executor();
  }
  [[nodiscard]] RedisPlace look() const {
    return aio::run(ground_.loop, look_at_redis(ground_.env, executor(), address_, town_)).value();
  }

  Ground& ground_;
  std::string town_;
  net::RedisAddress address_;
  RedisDurability durability_;
  std::unique_ptr<Store> store_;
};

struct SideKind {
  std::string name;
  std::function<std::unique_ptr<Side>(Ground&, const std::string& name)> make;
};
inline void PrintTo(const SideKind& kind, std::ostream* out) { *out << kind.name; }

inline SideKind memory_side() {
  return {"memory",
          [](Ground& ground, const std::string&) { return std::make_unique<MemorySide>(ground); }};
}
inline SideKind sqlite_side() {
  return {"sqlite", [](Ground& ground, const std::string& name) {
            return std::make_unique<SqliteSide>(ground, name);
          }};
}
inline SideKind redis_side() {
  return {"redis", [](Ground& ground, const std::string& name) {
            return std::make_unique<RedisSide>(ground, name, plain_redis().address(),
                                               RedisDurability::disk);
          }};
}
inline SideKind cluster_side() {
  return {"cluster", [](Ground& ground, const std::string& name) {
            return std::make_unique<RedisSide>(ground, name, cluster_redis(),
                                               RedisDurability::memory);
          }};
}

}  // namespace reeve::store::portable
