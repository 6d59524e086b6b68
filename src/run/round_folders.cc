#include "run/round_folders.h"

#include <algorithm>
#include <system_error>
#include <utility>
#include <vector>

#include "proc/rounds.h"

namespace reeve::run {
namespace fs = std::filesystem;

fs::path round_folder(const fs::path& rounds, const RunId& run) { return rounds / run.str(); }

fs::path prompt_file(const fs::path& rounds, const RunId& run) {
  return rounds.parent_path() / "prompts" / (run.str() + ".md");
}

std::vector<RunId> rounds_on_disk(const fs::path& rounds) {
  std::vector<RunId> found;
  std::error_code error;
  for (fs::directory_iterator at(rounds, error), end; !error && at != end; at.increment(error)) {
    if (const auto run = RunId::parse(at->path().filename().string())) found.push_back(*run);
  }
  return found;
}

void tidy_rounds(const fs::path& rounds, const std::vector<RunId>& ended,
                 const std::set<RunId>& open, std::size_t keep) {
  std::error_code error;
  for (const auto& run : ended) {
    const auto folder = round_folder(rounds, run);
    fs::remove(folder / "spec.json", error);
    fs::remove(folder / "stdin", error);
    fs::remove(prompt_file(rounds, run), error);
  }
  std::vector<std::pair<fs::file_time_type, fs::path>> folders;
  for (const auto& run : rounds_on_disk(rounds)) {
    auto folder = round_folder(rounds, run);
    const auto written = fs::last_write_time(folder, error);
    if (!open.contains(run)) folders.emplace_back(written, std::move(folder));
  }
  if (folders.size() <= keep) return;
  std::ranges::sort(folders, std::greater());
  for (std::size_t i = keep; i < folders.size(); ++i) {
    // One that is still running refuses.
    static_cast<void>(proc::remove_round(folders[i].second));
  }
}

}  // namespace reeve::run
