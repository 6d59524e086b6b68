// Precompiled from run/ upwards: Asio's, and what changes a town's documents, with all of model/
// that it needs.
#pragma once
#include "pch_aio.h"

#include "run/draft.h"
