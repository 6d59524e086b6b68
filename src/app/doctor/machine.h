#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string_view>

#include "app/doctor/finding.h"
#include "base/time.h"

/// The machine that a town stands on, as the doctor sees it.
namespace reeve::app {

/// Space, permissions, the socket's path: of the town's folder (.reeve).
void check_folder(const std::filesystem::path& dir, const std::filesystem::path& socket,
                  Findings& findings);
/// Open files, processes, memory: what this user and this control group may have.
void check_limits(Findings& findings);
/// `last`: of the newest event. A clock that was put back makes times in the log disagree with its
/// order.
void check_clock(Time now, std::optional<Time> last, Findings& findings);
/// Git itself, and whether `root` lies in a repository.
void check_git(const std::filesystem::path& root, std::string_view path, Findings& findings);

/// "max" and what cannot be read are no limit. Of a control group's file.
std::optional<std::uint64_t> read_limit(const std::filesystem::path& file);

}  // namespace reeve::app
