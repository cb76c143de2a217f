#pragma once
/// \file xtensor: arrays, views, builders, functions and random numbers, wherever the installed version keeps
/// them.
///
/// Versions 0.24 and 0.25 have all headers in one folder, 0.26 and later have them in several.

#include "unroll/detail/autograd/base/xsimd.hpp"
//
#if __has_include(<xtensor/containers/xarray.hpp>)
#include <xtensor/containers/xadapt.hpp>
#include <xtensor/containers/xarray.hpp>
#include <xtensor/containers/xtensor.hpp>
#include <xtensor/core/xmath.hpp>
#include <xtensor/core/xnoalias.hpp>
#include <xtensor/generators/xbuilder.hpp>
#include <xtensor/generators/xrandom.hpp>
#include <xtensor/views/xview.hpp>
#else
#include <xtensor/xadapt.hpp>
#include <xtensor/xarray.hpp>
#include <xtensor/xbuilder.hpp>
#include <xtensor/xmath.hpp>
#include <xtensor/xnoalias.hpp>
#include <xtensor/xrandom.hpp>
#include <xtensor/xtensor.hpp>
#include <xtensor/xview.hpp>
#endif

/// Under C++20 gcc lets xtensor up to 0.25 take a shape of any rank for one of rank 4 (xtensor's issue 1970): what is
/// evaluated then has four axes. Not so for the shapes that arrays of any rank have.
template <>
struct xt::detail::xtype_for_shape<xt::dynamic_shape<std::size_t>> {
  template <class T, xt::layout_type L>
  using type = xt::xarray<T, L>;
};
