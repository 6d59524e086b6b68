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

void tidy_rounds(const fs::path& rounds, const RunId& ended, std::size_t keep) {
  std::error_code error;
  const auto folder = round_folder(rounds, ended);
  fs::remove(folder / "spec.json", error);
  fs::remove(folder / "stdin", error);
  fs::remove(prompt_file(rounds, ended), error);

  std::vector<std::pair<fs::file_time_type, fs::path>> folders;
  for (fs::directory_iterator at(rounds, error), end; !error && at != end; at.increment(error)) {
    std::error_code unknown;
    folders.emplace_back(at->last_write_time(unknown), at->path());
  }
  if (folders.size() <= keep) return;
  std::ranges::sort(folders, std::greater());
  for (std::size_t i = keep; i < folders.size(); ++i) {
    // One that is still running refuses.
    static_cast<void>(proc::remove_round(folders[i].second));
  }
}

}  // namespace reeve::run
