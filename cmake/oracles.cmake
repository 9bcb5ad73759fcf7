# Programs of others that tests and benchmarks compare with.  None is needed: where one is missing, what needs it says so
# and is skipped.
add_library(oracles INTERFACE)

find_path(CHOLMOD_INCLUDE cholmod.h PATH_SUFFIXES suitesparse)
find_library(CHOLMOD_LIBRARY cholmod)
if(CHOLMOD_INCLUDE AND CHOLMOD_LIBRARY)
  target_include_directories(oracles SYSTEM INTERFACE ${CHOLMOD_INCLUDE})
  target_link_libraries(oracles INTERFACE ${CHOLMOD_LIBRARY})
  target_compile_definitions(oracles INTERFACE SPS_HAVE_CHOLMOD)
else()
  message(STATUS "CHOLMOD (Debian: libsuitesparse-dev) was not found: crossbars are not compared with it")
endif()
