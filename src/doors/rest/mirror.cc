#include "doors/rest/call.h"

/// The mirror in tinytown's keys.
namespace reeve::doors {

Async<net::Answer> get_mirror(Call& call) {
  const Result<api::MirrorView> view = call.rest.mirror ? call.rest.mirror() : api::MirrorView();
  co_return reply(view);
}

}  // namespace reeve::doors
