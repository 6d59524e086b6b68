#include "doors/tinytown/place.h"

namespace reeve::doors::tinytown {
namespace {

using What = Decision::What;

Decision rewrite(const OurSide& ours, std::string reason, bool lost) {
  return {What::rewrite, lost && !ours.unfinished, std::move(reason)};
}

}  // namespace

Decision decide_place(const Sight& sight, const OurSide& ours) {
  if (!sight.place) return rewrite(ours, "the mirror's place was gone", ours.was_there);
  const auto& place = *sight.place;
  if (place.log == ours.former) return rewrite(ours, "the town began anew", true);
  if (place.log != ours.log) {
    if (sight.now - sight.seen < ours.live) {
      return {What::refuse, false,
              "a town of the same name is mirrored there (log " + place.log.str() +
                  "): give one of them another name, or another Redis"};
    }
    return rewrite(ours, "another log was mirrored there", true);
  }
  // A town that was copied has the original's log.
  if (sight.by != ours.by && sight.now - sight.seen < ours.live) {
    return {What::refuse, false,
            "the same town, or what it was copied from, is mirrored there by " + sight.by +
                ": reeve config mirror.enabled false ends that in one of them"};
  }
  if (!place.position) return rewrite(ours, "it was being written", false);
  if (sight.mark != place.nonce) return rewrite(ours, "tinytown's keys were emptied", true);
  // What it lacks, or shows of tt, says nothing of what tt did since.
  const bool older = ours.written && *place.position < *ours.written;
  if (older || (ours.written && !ours.nonce.empty() && place.nonce != ours.nonce)) {
    return rewrite(ours,
                   "Redis was put back to an older state: it had " +
                       std::to_string(place.position->value) + " of " +
                       std::to_string(ours.written->value) + " events",
                   true);
  }
  if (*place.position > ours.head)
    return rewrite(ours, "it was ahead of the log: the town's store was put back", true);
  if (*place.position < ours.oldest_mark)
    return rewrite(ours, "retention removed what follows", false);
  if (ours.head.value - place.position->value > ours.far)
    return rewrite(ours, "it was far behind", false);
  return {};
}

}  // namespace reeve::doors::tinytown
