# The rules of the house, and the command line.  Tests that train for long are called t_train_*: label train; all
# others are fast, and run under the sanitizers too.
set(sh ${CMAKE_CURRENT_SOURCE_DIR})
add_test(NAME house_include_rules COMMAND ${sh}/include_rules.sh ${PROJECT_SOURCE_DIR})
add_test(NAME house_headers COMMAND ${sh}/headers.sh ${PROJECT_SOURCE_DIR} ${CMAKE_C_COMPILER} ${CMAKE_CXX_COMPILER})
add_test(NAME house_install_deps COMMAND ${sh}/install_deps.sh ${PROJECT_SOURCE_DIR})
add_test(NAME house_lists COMMAND ${sh}/lists.sh ${PROJECT_SOURCE_DIR})
add_test(NAME house_symbols COMMAND ${sh}/symbols.sh $<TARGET_FILE:spinscale-infer> $<TARGET_FILE:spinscale-train> $<TARGET_FILE:spinscale-report>
  $<TARGET_FILE:spinscale-train-commands>)
add_test(NAME house_links COMMAND ${sh}/links.sh $<TARGET_FILE:spinscale-infer> $<TARGET_FILE:spinscale>
  ${PROJECT_SOURCE_DIR})
add_test(NAME house_mpi COMMAND ${sh}/mpi.sh $<TARGET_FILE:spinscale> ${PROJECT_SOURCE_DIR} ${SPS_HAVE_MPI})
set_tests_properties(house_mpi PROPERTIES SKIP_RETURN_CODE 77)
add_test(NAME house_docs COMMAND ${PROJECT_SOURCE_DIR}/scripts/update-docs --check $<TARGET_FILE:spinscale>)
add_test(NAME house_examples COMMAND ${sh}/docs.sh ${PROJECT_SOURCE_DIR} ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
if(NOT SPS_SANITIZE) # it builds for itself: once is enough
  add_test(NAME house_neon COMMAND ${sh}/neon.sh ${PROJECT_SOURCE_DIR} ${RANDOM123_INCLUDE})
  set_tests_properties(house_neon PROPERTIES SKIP_RETURN_CODE 77)
endif()
if(NOT SPS_SANITIZE) # a program built without the sanitizer cannot load a library that has it
  add_test(NAME house_install COMMAND ${sh}/install.sh ${PROJECT_BINARY_DIR} ${CMAKE_C_COMPILER})
  add_test(NAME house_embed COMMAND ${sh}/embed.sh ${PROJECT_BINARY_DIR} ${PROJECT_SOURCE_DIR} ${CMAKE_C_COMPILER})
endif()

file(GLOB scripts CONFIGURE_DEPENDS cli/*.sh)
foreach(script IN LISTS scripts)
  get_filename_component(name ${script} NAME_WE)
  add_test(NAME cli_${name} COMMAND ${sh}/cli/run ${script} $<TARGET_FILE:spinscale>)
endforeach()

# These run teams of OpenMP threads, whose synchronisation the thread sanitizer does not see: it would report races that
# are none.  Label openmp; ./check leaves them out under that sanitizer.
# (t_crossbar: CHOLMOD, with which it compares, has them.  t_ngspice has no threads, but takes minutes there.)
set(openmp_tests cli_calibrate cli_methods cli_model cli_packed cli_refused t_crossbar t_graph t_layers t_model
  t_ngspice t_pack
  t_ranks t_train house_examples house_mpi oracle_model_file oracle_packed_file)
get_property(all DIRECTORY PROPERTY TESTS)
foreach(test IN LISTS all)
  if(test MATCHES "^t_train_")
    set_tests_properties(${test} PROPERTIES LABELS train TIMEOUT 600)
  else()
    set_tests_properties(${test} PROPERTIES LABELS fast TIMEOUT 300)
  endif()
  # Leaks are looked for by the t_ programs.  In a whole program with waiting OpenMP threads the leak sanitizer itself
  # crashes now and then at the end ("Tracer caught signal 11").
  if(SPS_SANITIZE MATCHES "address" AND NOT test MATCHES "^(t_|replay_|checkkern)")
    set_property(TEST ${test} APPEND PROPERTY ENVIRONMENT ASAN_OPTIONS=detect_leaks=0)
  endif()
  if(test IN_LIST openmp_tests)
    set_property(TEST ${test} APPEND PROPERTY LABELS openmp)
  endif()
endforeach()
