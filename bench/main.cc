// reeve_bench [--json] [--dir FOLDER] [NAME...]: runs the benches NAME, or all of NAME/....

#include <sys/vfs.h>

#include <algorithm>
#include <cstdio>
#include <iostream>
#include <string_view>

#include "harness.h"

int main(int argc, char** argv) {
  using namespace reeve::bench;
  bool json = false;
  // /var/tmp is on a disk where /tmp may be memory.
  std::filesystem::path folder = "/var/tmp";
  std::vector<std::string_view> names;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--json") {
      json = true;
    } else if (word == "--dir" && i + 1 < argc) {
      folder = argv[++i];
    } else if (word == "--list" || word.starts_with('-')) {
      for (const auto& bench : benches()) std::cout << bench.name << "  " << bench.about << '\n';
      return word == "--list" ? 0 : 2;
    } else {
      names.push_back(word);
    }
  }
  folder /= "reeve_bench." + std::to_string(::getpid());
  std::filesystem::create_directories(folder);
  struct statfs found{};
  ::statfs(folder.c_str(), &found);
  std::cerr << "files in " << folder << ", file system type 0x" << std::hex << found.f_type
            << std::dec << '\n';
  Run run(folder, json);
  for (const auto& bench : benches()) {
    const bool wanted =
        names.empty() || std::ranges::any_of(names, [&](auto name) {
          return bench.name == name || bench.name.starts_with(std::string(name) + "/");
        });
    if (!wanted) continue;
    std::cerr << "# " << bench.name << ": " << bench.about << '\n';
    bench.run(run);
  }
  std::filesystem::remove_all(folder);
}
