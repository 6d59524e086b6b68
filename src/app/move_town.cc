#include "app/move_town.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <boost/asio/io_context.hpp>
#include <cerrno>
#include <chrono>

#include "aio/real_env.h"
#include "aio/run.h"
#include "app/check_redis.h"
#include "client/keeper_lock.h"
#include "client/settings_edit.h"
#include "client/settings_file.h"
#include "store/redis/place.h"

namespace reeve::app {
namespace fs = std::filesystem;
namespace {

using store::portable::Source;
using store::portable::Tally;
using store::portable::Target;

/// The settings as they will be.
struct NewSettings {
  std::string text;
  client::TownSettings settings;
};

Result<NewSettings> new_settings(const std::string& text, const std::string& path,
                                 const client::TownSettings& before, const MoveRequest& request) {
  if (auto good = client::check_store_url(request.to); !good) return fail(good.error());
  auto changed = client::with_setting(text, path, "store.url", request.to);
  const auto set = [&](std::string_view key, const std::string& value) {
    if (!changed) return;
    if (!value.empty()) {
      changed = client::with_setting(*changed, path, key, value);
    } else if (auto without = client::without_setting(*changed, path, key)) {
      changed = std::move(*without);
    } else if (!without.error().is(Errc::not_found)) {
      changed = fail(without.error());
    }
  };
  // First what one of them may not have beside the other.
  if (request.password_env.empty()) set("store.password_env", "");
  if (request.password_file.empty()) set("store.password_file", "");
  if (!request.password_env.empty()) set("store.password_env", request.password_env);
  if (!request.password_file.empty()) set("store.password_file", request.password_file);
  set("store.settings_asserted", request.settings_asserted ? "true" : "");
  set("durability", request.durability.empty() ? before.durability : request.durability);
  if (!changed) return fail(changed.error());
  auto settings = client::parse_settings(*changed, path);
  if (!settings) return fail(settings.error());
  return NewSettings{std::move(*changed), std::move(*settings)};
}

std::string stamp() {
  auto text = to_rfc3339(std::chrono::floor<Duration>(std::chrono::system_clock::now()));
  text = text.substr(0, text.find('.'));
  std::erase_if(text, [](char c) { return c == ':' || c == '-' || c == 'Z'; });
  return text + "Z";
}

/// The parts of a store's file, moved to where they are kept.
Result<fs::path> put_aside(const client::TownFolder& folder, const std::string& database) {
  const auto name = "before-migrate-" + stamp();
  auto into = folder.dir() / name;
  std::error_code seen;
  for (int number = 2; fs::exists(into, seen); ++number)
    into = folder.dir() / (name + "-" + std::to_string(number));
  if (::mkdir(into.c_str(), 0700) != 0) return fail(os_error(errno, "make " + into.string()));
  for (const char* end : {"", "-wal", "-shm", ".lock"}) {
    std::error_code error;
    const fs::path part = database + end;
    if (!fs::exists(part, error)) continue;
    fs::rename(part, into / part.filename(), error);
    if (error)
      return fail(os_error(error.value(), "move " + part.string() + " to " + into.string()));
  }
  return into;
}

class Mover {
 public:
  Mover(const client::TownFolder& folder, const MoveRequest& request, const MoveProgress& progress)
      : folder_(folder), request_(request), progress_(progress), env_(loop_) {}

  Result<MoveReport> run() {
    auto report = work();
    for (auto* source : {&source_, &written_}) {
      if (*source) await((*source)->close());
      source->reset();
    }
    if (target_) await(target_->close());
    target_.reset();
    if (held_.store) await(held_.store->close());
    return report;
  }

 private:
  Result<MoveReport> work() {
    const auto path = folder_.settings().string();
    auto text = client::read_small_file(path);
    if (!text) return fail(text.error());
    auto before = client::parse_settings(*text, path);
    if (!before) return fail(before.error());
    auto from = plan_store(folder_, *before);
    if (!from) return fail(from.error());
    auto wanted = new_settings(*text, path, *before, request_);
    if (!wanted) return fail(wanted.error());
    auto to = plan_store(folder_, wanted->settings);
    if (!to) return fail(to.error());
    report_.from = from->display;
    report_.to = to->display;
    if (from->display == to->display)
      return fail(Errc::conflict, "the town is there already: " + to->display);

    // Nobody can start a daemon while this is held.
    auto keeper = client::KeeperLock::take(folder_, "it is being moved (reeve migrate)");
    if (!keeper && keeper.error().is(Errc::conflict))
      return fail(Errc::conflict, "the town's daemon runs: reeve stop, then migrate again");
    if (!keeper) return fail(keeper.error());

    if (auto opened = open_source(*from, *to); !opened) return fail(opened.error());
    report_.log = source_->summary().log.str();
    if (auto free = look_at(*to); !free) return fail(free.error());
    if (request_.dry_run) return dry_run();
    if (!report_.followed) {
      if (auto opened = open_target(*to); !opened) return fail(opened.error());
      if (auto copied = copy(*from); !copied) return fail(copied.error());
    }
    if (auto written = client::replace_file(path, wanted->text); !written)
      return fail(written.error());
    // From here on the town is there. What may fail is the tidying.
    forget_witnesses(folder_);
    auto kept = keep_aside(*from);
    if (!kept) {
      return fail(
          kept.error().during("the town is moved, and its settings name the new store; "
                              "only the old one could not be put aside"));
    }
    report_.kept_in = std::move(*kept);
    report_.done = true;
    return report_;
  }

  /// Whether that is this very town: an earlier call was cut off behind its copy, or it was moved
  /// from another folder.
  [[nodiscard]] bool is_ours(const LogId& log, Position head) const {
    const auto& here = source_->summary();
    return log == here.log && (moved_ || head == here.head);
  }

  Status look_at(const StorePlan& to) {
    if (const auto* sqlite = to.sqlite()) {
      std::error_code error;
      occupied_ = fs::exists(sqlite->path, error);
      if (!occupied_) return {};
      if (const auto there = store::portable::from_sqlite(sqlite->path)) {
        const auto summary = (*there)->summary();
        await((*there)->close());
        report_.followed = is_ours(summary.log, summary.head);
        if (report_.followed) return {};
      }
      if (!request_.replace) {
        return fail(Errc::conflict, "there is a store at " + sqlite->path +
                                        " already: --replace keeps that one aside");
      }
      return {};
    }
    const auto& redis = *to.redis();
    auto fit = await(check_redis(env_, loop_.get_executor(), redis));
    if (!fit) return fail(fit.error());
    auto place = await(store::look_at_redis(env_, loop_.get_executor(), redis.address, to.town));
    if (!place) return fail(place.error());
    const auto there = LogId::parse(place->log);
    report_.followed =
        place->exists && place->moved.empty() && there && is_ours(*there, {place->head});
    if (report_.followed) return {};
    if (!place->holder.empty() && place->exists)
      return fail(Errc::conflict, "a town " + to.town + " on " + to.display + " is run by " +
                                      place->who + ": stop that first, or take another database");
    if (place->exists && !request_.replace) {
      return fail(Errc::conflict,
                  "there is a town " + to.town + " on " + to.display + " already (log " +
                      place->log + ", " + std::to_string(place->head) +
                      " events): --replace keeps that one aside, another database or name (reeve "
                      "config name) leaves it alone");
    }
    return {};
  }

  Status open_source(const StorePlan& from, const StorePlan& to) {
    if (from.redis() != nullptr) {
      auto place =
          await(store::look_at_redis(env_, loop_.get_executor(), from.redis()->address, from.town));
      if (!place) return fail(place.error());
      moved_ = place->moved.starts_with(to.display + " (");
    }
    auto opened = await(open_store(
        env_, loop_.get_executor(), folder_, from, [this](Error why) { lost_ = std::move(why); },
        moved_));
    if (!opened) return fail(opened.error());
    if (const auto* sqlite = from.sqlite()) {
      // Opened and closed: whatever its last daemon left behind is in order now.
      await(opened->store->close());
      opened->store.reset();
      auto source = store::portable::from_sqlite(sqlite->path);
      if (!source) return fail(source.error());
      source_ = std::move(*source);
      return {};
    }
    held_ = std::move(*opened);
    auto source = await(
        store::portable::from_redis(env_, loop_.get_executor(), from.redis()->address, from.town));
    if (!source) return fail(source.error());
    source_ = std::move(*source);
    return {};
  }

  Status open_target(const StorePlan& to) {
    if (const auto* sqlite = to.sqlite()) {
      if (occupied_) {
        auto aside = put_aside(folder_, sqlite->path);
        if (!aside) return fail(aside.error());
      }
      auto target = store::portable::to_sqlite(sqlite->path);
      if (!target) return fail(target.error());
      target_ = std::move(*target);
      return {};
    }
    auto target = await(store::portable::to_redis(env_, loop_.get_executor(), to.redis()->address,
                                                  to.town, holder_text(env_.now())));
    if (!target) return fail(target.error());
    target_ = std::move(*target);
    return {};
  }

  Result<MoveReport> dry_run() {
    auto counted = await(store::portable::count(*source_, teller("counted")));
    if (!counted) return fail(counted.error());
    tell(*counted);
    return report_;
  }

  Status copy(const StorePlan& from) {
    auto copied = await(store::portable::copy(*source_, *target_, teller("copied")));
    if (!copied) return fail(copied.error());
    auto written = await(target_->written());
    if (!written) return fail(written.error());
    written_ = std::move(*written);
    auto compared = await(store::portable::count(*written_, teller("compared")));
    if (!compared) return fail(compared.error());
    if (*compared != *copied ||
        compared->digest(written_->summary()) != copied->digest(source_->summary())) {
      return fail(Errc::corrupt,
                  "what was written is not what was read: nothing was moved, the town is where it "
                  "was");
    }
    tell(*copied);
    await(written_->close());
    written_.reset();
    if (auto left = leave(from); !left) {
      return fail(left.error().during(
          "nothing was moved, the town is where it was; migrate again when nobody runs it"));
    }
    if (auto finished = await(target_->finish()); !finished)
      return fail(finished.error().during("the town is copied; migrate again to end it"));
    return {};
  }

  /// From here on nobody goes on with the old one, and nobody has since it was read.
  Status leave(const StorePlan& from) {
    if (from.redis() == nullptr) return {};
    if (lost_) return fail(*lost_);
    auto place =
        await(store::look_at_redis(env_, loop_.get_executor(), from.redis()->address, from.town));
    if (!place) return fail(place.error());
    const auto& read = source_->summary();
    return await(store::mark_redis_moved(env_, loop_.get_executor(), from.redis()->address,
                                         place->keys,
                                         report_.to + " (by " + holder_text(env_.now()) + ")",
                                         Cursor{read.log, read.head}, held_.holder));
  }

  Result<std::string> keep_aside(const StorePlan& from) {
    if (const auto* sqlite = from.sqlite()) {
      await(source_->close());
      source_.reset();
      auto kept = put_aside(folder_, sqlite->path);
      if (!kept) return fail(kept.error());
      return kept->string();
    }
    auto place =
        await(store::look_at_redis(env_, loop_.get_executor(), from.redis()->address, from.town));
    if (!place) return fail(place.error());
    return from.display + ", keys " + store::redis_prefix(place->keys) + "*";
  }

  void tell(const Tally& tally) {
    for (std::size_t kind = 0; kind < store::portable::kRowKinds; ++kind)
      report_.rows[std::string(store::portable::name_of_kind(kind))] = tally.rows(kind);
    report_.digest = tally.digest(source_->summary());
  }

  store::portable::Progress teller(std::string_view doing) {
    return [this, doing](const Tally& tally) {
      if (progress_) progress_(doing, tally.rows());
    };
  }

  template <class T>
  T await(aio::Async<T> work) {
    return aio::run(loop_, std::move(work));
  }

  const client::TownFolder& folder_;
  const MoveRequest& request_;
  const MoveProgress& progress_;
  boost::asio::io_context loop_;
  aio::RealEnv env_;
  MoveReport report_;
  bool occupied_ = false;
  bool moved_ = false;         // from here to there, by an earlier call
  std::optional<Error> lost_;  // the hold on the old one
  OpenedStore held_;           // the old one, where it has to be held
  std::unique_ptr<Source> source_;
  std::unique_ptr<Source> written_;
  std::unique_ptr<Target> target_;
};

}  // namespace

Result<MoveReport> move_town(const client::TownFolder& folder, const MoveRequest& request,
                             const MoveProgress& progress) {
  return Mover(folder, request, progress).run();
}

}  // namespace reeve::app
