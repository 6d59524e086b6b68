#include "town/place.h"

#include "base/json.h"
#include "town/change.h"

namespace reeve::town {
namespace fs = std::filesystem;
namespace {

const store::DocKey& place_key() {
  static const store::DocKey key{"_town", "place"};
  return key;
}

struct Place {
  std::string root;
};
BOOST_DESCRIBE_STRUCT(Place, (), (root))

bool is_copied(const fs::path& from, const fs::path& root) {
  std::error_code error;
  const auto store = fs::path(".reeve") / "town.db";
  return fs::exists(from / store, error) && !fs::equivalent(from / store, root / store, error);
}

Async<Result<store::Committed>> write_place(Ground ground, std::uint64_t version, fs::path root,
                                            std::vector<Fact> facts) {
  run::Draft draft(ground.env, ground.log.store(), Caller{});
  if (auto added = co_await add_all(draft, std::move(facts)); !added) co_return fail(added.error());
  if (version == 0)
    draft.require(store::DocAbsent{place_key()});
  else
    draft.require(store::DocAt{place_key(), version});
  draft.write(store::PutDoc{place_key(), write_json_of(Place{root.string()}), {}});
  co_return co_await draft.commit();
}

}  // namespace

Async<Result<std::optional<Moved>>> tell_place(Ground ground, fs::path root,
                                               std::optional<fact::TownReset> reset) {
  auto& store = ground.log.store();
  auto known = co_await store.get(place_key());
  if (!known) co_return fail(known.error());
  std::uint64_t version = 0;
  std::vector<Fact> facts;
  std::optional<Moved> moved;
  if (*known) {
    version = (*known)->version;
    const auto place = parse_json_as<Place>((*known)->body);
    const fs::path from = place ? place->root : std::string();
    std::error_code error;
    if (from == root || fs::equivalent(from, root, error)) co_return moved;
    moved = Moved{from, is_copied(from, root)};
    facts.emplace_back(fact::TownMoved{from.string(), root.string()});
  } else if (ground.log.head() == Position()) {
    facts.emplace_back(fact::TownCreated{ground.town, root.string()});
    if (reset) facts.emplace_back(std::move(*reset));
  }
  const auto told = co_await write_place(ground, version, std::move(root), std::move(facts));
  if (!told) co_return fail(told.error());
  co_return moved;
}

Async<Status> part_from_original(Ground ground, fs::path rounds) {
  auto runs = co_await run::look_through<reeve::Run>(ground.log.store(), std::string(run::kOpen));
  if (!runs) co_return fail(runs.error());
  std::vector<std::string> ids;
  for (const auto& run : runs->readable) ids.push_back(run.id.str());
  for (const auto& damaged : runs->damaged) {
    if (RunId::parse(damaged.key.id)) ids.push_back(damaged.key.id);
  }
  const auto aside = rounds.parent_path() / "rounds-of-the-original";
  for (const auto& id : ids) {
    std::error_code error;
    const auto folder = rounds / id;
    if (!fs::exists(folder, error)) continue;
    fs::create_directories(aside, error);
    fs::rename(folder, aside / id, error);
    if (error)
      co_return fail(os_error(error.value(), "put " + folder.string() + " out of the way"));
  }
  co_return Status();
}

}  // namespace reeve::town
