// Precompiled for tests from run/ upwards: with the world that they share.
#pragma once
#include "pch_aio_test.h"

#include "run/testing.h"
