#include "disk.h"

#include <fcntl.h>
#include <unistd.h>

#include <stdexcept>
#include <string>

#include "base/fd.h"
#include "harness.h"

namespace reeve::bench {

std::vector<double> sync_times(const std::filesystem::path& folder, std::size_t bytes,
                               std::size_t samples, bool append) {
  const auto path = folder / "fdatasync";
  const Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!fd) throw std::runtime_error("no file to sync");
  const std::string block(bytes, 'x');
  const auto write = [&](std::size_t at) {
    if (::pwrite(fd.get(), block.data(), bytes, static_cast<off_t>(at * bytes)) !=
        static_cast<ssize_t>(bytes))
      throw std::runtime_error("write failed");
  };
  if (!append) {
    for (std::size_t i = 0; i < samples; ++i) write(i);
    ::fsync(fd.get());
  }
  std::vector<double> times;
  for (std::size_t i = 0; i < samples; ++i) {
    const auto start = Clock::now();
    write(i);
    ::fdatasync(fd.get());
    times.push_back(Seconds(Clock::now() - start).count());
  }
  std::filesystem::remove(path);
  return times;
}

double sync_median(const std::filesystem::path& folder) {
  return median(sync_times(folder, 4096, 200));
}

}  // namespace reeve::bench
