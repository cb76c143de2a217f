#pragma once
/// \file Those of xtensor's headers that the library does not need, wherever the installed version keeps them.

#include "unroll/autograd/xtensor.hpp"
//
#if __has_include(<xtensor/misc/xsort.hpp>)
#include <xtensor/io/xio.hpp>
#include <xtensor/misc/xmanipulation.hpp>
#include <xtensor/misc/xsort.hpp>
#include <xtensor/views/xindex_view.hpp>
#include <xtensor/views/xmasked_view.hpp>
#include <xtensor/views/xstrided_view.hpp>
#else
#include <xtensor/xindex_view.hpp>
#include <xtensor/xio.hpp>
#include <xtensor/xmanipulation.hpp>
#include <xtensor/xmasked_view.hpp>
#include <xtensor/xsort.hpp>
#include <xtensor/xstrided_view.hpp>
#endif
