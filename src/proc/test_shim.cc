// What the tests start as `reeve shim DIR`.
#include "proc/shim.h"

int main(int argc, char** argv) { return argc == 2 ? reeve::proc::run_shim(argv[1]) : 2; }
