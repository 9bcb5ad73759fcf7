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

find_path(NGSPICE_INCLUDE ngspice/sharedspice.h)
find_library(NGSPICE_LIBRARY ngspice)
if(NGSPICE_INCLUDE AND NGSPICE_LIBRARY)
  target_include_directories(oracles SYSTEM INTERFACE ${NGSPICE_INCLUDE})
  target_compile_definitions(oracles INTERFACE SPS_HAVE_NGSPICE)
else()
  message(STATUS "libngspice (Debian: libngspice0-dev) was not found: circuits are not compared with it")
endif()
