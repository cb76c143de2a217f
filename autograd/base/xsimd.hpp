#pragma once  // internal
/// \file xsimd, without gcc 12's false alarms in its own intrinsics (bug 105593). Goes before xtensor, which
/// includes it, too.

#include "unroll/detail/config.hpp"
//
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <xsimd/xsimd.hpp>
#pragma GCC diagnostic pop
#else
#include <xsimd/xsimd.hpp>
#endif
