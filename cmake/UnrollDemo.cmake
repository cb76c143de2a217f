# UNROLL_DEMO: the library as `./dev demo` needs it, in half of the compiler's time. Included, it takes from `sources`
# what the demo's char_lm does not link, and leaves float of the templates and Adam of the optimisers.
set(here "^(${PROJECT_SOURCE_DIR}|${PROJECT_BINARY_DIR})")
foreach(pattern
        autograd/fused/compiled_double autograd/ops/extremes "autograd/tools/(dump|functional|gradcheck)"
        "data/(batches|byte_window|calendar|csv|json_lines|lines|npy|numbers|read_table|records|scaling|series|splits|table|table_builder)"
        "data/(time_series|time_series_table|time_splits|tokens|windows|zip_archive)" train/saved_columns
        "layers/((attention|learning)/.*|diagnosis/spectral_radius)" layers/base/functional_call
        "layers/recurrent/(elman|gru|gru_reset_before|jordan|layer_norm_[a-z]+|lstm_[a-z]+|skip_rnn)"
        "layers/seq2seq/(beam_search|bridge|decoding|scheduled_sampling|target_symbols)"
        "optim/(adadelta|adagrad|adamw|lion|rmsprop|sgd)" "train/(bleu|classification|perplexity)"
        report/csv)
  list(FILTER sources EXCLUDE REGEX "${here}/${pattern}\\.cpp$")
endforeach()
# In a tree of their own: in the other, each configuration would write them twice, and all would be compiled again.
include_directories(${PROJECT_BINARY_DIR}/demo_include)
foreach(header detail/autograd/base/instantiate.hpp detail/layers/recurrent/library_layer.hpp optim/rules.hpp)
  cmake_path(GET header FILENAME name)
  configure_file(cmake/demo/${name}.in ${PROJECT_BINARY_DIR}/demo_include/unroll/${header} @ONLY)
endforeach()
# Instantiations for double that name their type remain, and refer to what is not there: the linker drops them.
target_compile_options(unroll_flags INTERFACE -ffunction-sections -fdata-sections)
target_link_options(unroll_flags INTERFACE -Wl,--gc-sections)

set(unit 30) # each unit reads the precompiled header again
set(optimised "${here}/(autograd/.*|layers/recurrent/lstm|optim/(adam|clip))\\.cpp$") # what loops over numbers
set_source_files_properties(${PROJECT_BINARY_DIR}/layers/recurrent/lstm.cpp PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
set(UNROLL_LESS_OPTIMISED -Og)
