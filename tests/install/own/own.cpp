// A user's program whose own headers have names that the library has, too: each is found, by quotes and by the include
// path, before and after the library's.
#include "data/text.hpp"
#include "layers/module.hpp"
//
#include <unroll/unroll.hpp>
//
#include <error.hpp>
#include <io/text.hpp>
#include <layers/module.hpp>
#include <train/loop.hpp>

#include "error.hpp"
#include "io/text.hpp"
#include "train/loop.hpp"

static_assert(own::data_text && own::layers_module && own::error && own::io_text && own::train_loop);
static_assert(UNROLL_VERSION >= 100 && sizeof(unroll::Variable<float>) > 0);

int main() { return 0; }
