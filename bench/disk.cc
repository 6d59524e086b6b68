#include "disk.h"

#include <fcntl.h>
#include <unistd.h>

#include <stdexcept>
#include <string>

#include "harness.h"

namespace reeve::bench {

std::vector<double> sync_times(const std::filesystem::path& folder, std::size_t bytes,
                               std::size_t samples, bool append) {
  const auto path = folder / "fdatasync";
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) throw std::runtime_error("no file to sync");
  const std::string block(bytes, 'x');
  const auto write = [&](std::size_t at) {
    if (::pwrite(fd, block.data(), bytes, static_cast<off_t>(at * bytes)) !=
        static_cast<ssize_t>(bytes))
      throw std::runtime_error("write failed");
  };
  if (!append) {
    for (std::size_t i = 0; i < samples; ++i) write(i);
    ::fsync(fd);
  }
  std::vector<double> times;
  for (std::size_t i = 0; i < samples; ++i) {
    const auto start = Clock::now();
    write(i);
    ::fdatasync(fd);
    times.push_back(Seconds(Clock::now() - start).count());
  }
  ::close(fd);
  std::filesystem::remove(path);
  return times;
}

double sync_median(const std::filesystem::path& folder) {
  return median(sync_times(folder, 4096, 200));
}

}  // namespace reeve::bench
