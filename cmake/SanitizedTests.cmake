# UNROLL_SANITIZE with UNROLL_ESSENTIAL: what is left out where each change is tested under the sanitizers, because it runs
# code again that other tests run there, or computes numbers for long. `./dev check-all` runs all of it under them.
#
# unroll_drop_unessential(LIST): removes these tests from the list of test files.
function(unroll_drop_unessential list)
  # Cells that are made of the same ops and scans as the LSTM and the GRU, and numbers of other implementations.
  set(cells authors_table authors_weights authors_xlstm cfc co_rnn delta_net elman encoder_decoder_cells
            encoder_decoder_reference gru_d hgrn2 ind_rnn jordan kda lem linear_attention_goldens lru lstm_pytorch
            lstm_variants mamba mamba2 min_gru mlstm mogrifier_lstm multiplicative_lstm phased_lstm qrnn
            recurrent_pytorch rg_lru rwkv7 skip_rnn slstm sru weights_pytorch xlstm zoo)
  # Sweeps over numbers, and sums of millions of terms.
  set(numbers accuracy long_sums)
  # Trainings by programs. Those that feed them bad files and arguments, kill them or let the system fail stay.
  set(trainings addition amplifier char_lm char_lm_cells char_lm_regularisation classify colour forecast
                forecast_mistakes forecast_parts sweep tag training translate translate_subwords)
  foreach(name IN LISTS cells numbers trainings)
    set(file ${PROJECT_SOURCE_DIR}/tests/test_${name}.cpp)
    if(NOT EXISTS ${file})
      message(FATAL_ERROR "SanitizedTests.cmake: there is no ${file}")
    endif()
    list(REMOVE_ITEM ${list} ${file})
  endforeach()
  set(${list} ${${list}} PARENT_SCOPE)
endfunction()
