# What the charts of reports are drawn with: dygraphs, of Debian's package libjs-dygraphs. Included, it sets `charts` to the
# source file in which it is compiled in, with its licence; to nothing where it is not there.
find_path(DYGRAPHS_DIR dygraph.min.js PATHS /usr/share/javascript/dygraphs NO_DEFAULT_PATH)
set(DYGRAPHS_LICENCE /usr/share/doc/libjs-dygraphs/copyright CACHE FILEPATH "The licence of dygraphs, which reports show")
set(charts)
if(NOT DYGRAPHS_DIR OR NOT EXISTS ${DYGRAPHS_LICENCE})
  message(STATUS "The program unroll is left out: it needs dygraph.min.js and its licence (Debian: libjs-dygraphs; or set "
                 "DYGRAPHS_DIR and DYGRAPHS_LICENCE)")
  return()
endif()
set(charts ${CMAKE_CURRENT_BINARY_DIR}/charts.cpp)
unroll_embed_text(${charts} unroll::tool ${PROJECT_SOURCE_DIR}/examples/unroll/charts.hpp
                  dygraphs_script ${DYGRAPHS_DIR}/dygraph.min.js dygraphs_style ${DYGRAPHS_DIR}/dygraph.min.css
                  dygraphs_licence ${DYGRAPHS_LICENCE})
