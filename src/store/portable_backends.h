#pragma once

#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "store/memory/memory_store.h"
#include "store/portable.h"
#include "store/sqlite/sqlite_store.h"
#include "store/testing.h"

/// The backends between which towns are moved by the tests. Not part of the library.
namespace reeve::store::portable {

struct Ground {
  boost::asio::io_context loop;
  TestEnv env{loop};
  ScratchDir dir;
};

/// A place for one town.
class Side {
 public:
  virtual ~Side() = default;
  /// The store there, opened where it is not.
  virtual Store& store() = 0;
  /// Nobody has it open.
  virtual void close() = 0;
  virtual std::unique_ptr<Source> source() = 0;
  virtual std::unique_ptr<Target> target() = 0;
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
  std::unique_ptr<Source> source() override { return from_memory(*store_); }
  std::unique_ptr<Target> target() override {
    return to_memory(ground_.env, ground_.loop.get_executor(),
                     [this](std::unique_ptr<Store> made) { store_ = std::move(made); });
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
  std::unique_ptr<Source> source() override { return from_sqlite(path_).value(); }
  std::unique_ptr<Target> target() override { return to_sqlite(path_).value(); }
  [[nodiscard]] bool has_town() const override { return std::filesystem::exists(path_); }

 private:
  Ground& ground_;
  std::string path_;
  std::unique_ptr<Store> store_;
};

struct SideKind {
  std::string name;
  std::function<std::unique_ptr<Side>(Ground&, std::string name)> make;
  std::function<bool()> is_there = [] { return true; };
};
inline void PrintTo(const SideKind& kind, std::ostream* out) { *out << kind.name; }

inline std::vector<SideKind> sides() {
  return {{"memory",
           [](Ground& ground, const std::string&) { return std::make_unique<MemorySide>(ground); }},
          {"sqlite", [](Ground& ground, const std::string& name) {
             return std::make_unique<SqliteSide>(ground, name);
           }}};
}

}  // namespace reeve::store::portable
