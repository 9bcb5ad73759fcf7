option(BUILD_TESTING "build the tests" ON)
option(SPS_BENCH "build the benchmarks" OFF)
option(SPS_FUZZ "build libFuzzer programs, and everything with their sanitizers (clang only)" OFF)
set(SPS_MPI AUTO CACHE STRING "training on several machines: AUTO (where MPI is found), ON, OFF")
set_property(CACHE SPS_MPI PROPERTY STRINGS AUTO ON OFF)
option(SPS_WERROR "treat warnings as errors" OFF)
set(SPS_SANITIZE "" CACHE STRING "sanitizers for everything, for example address,undefined")

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()

set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_CXX_STANDARD 17)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_C_FLAGS_RELEASE "-O3")
set(CMAKE_C_FLAGS_DEBUG "-Og -g")
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/lib)

add_compile_definitions(_POSIX_C_SOURCE=200809L SPS_VERSION="${PROJECT_VERSION}")
# -ffp-contract=off: with fused multiply-add two builds would round differently; kernels that want it call fmaf.
# -fno-math-errno, -fno-trapping-math: neither changes a value; both let plain loops over floats be vectorised.
add_compile_options($<$<COMPILE_LANGUAGE:C>:-Wall> $<$<COMPILE_LANGUAGE:C>:-Wextra> $<$<COMPILE_LANGUAGE:C>:-Wshadow>
  $<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes> $<$<COMPILE_LANGUAGE:C>:-Wmissing-prototypes>
  $<$<COMPILE_LANGUAGE:C>:-Wvla> -ffp-contract=off -fno-math-errno -fno-trapping-math)
# gcc's guess whether snprintf cuts its text: here it is meant to, messages and names have fixed sizes.
add_compile_options($<$<COMPILE_LANG_AND_ID:C,GNU>:-Wno-format-truncation>)
if(SPS_WERROR)
  add_compile_options(-Werror)
endif()
if(SPS_FUZZ AND NOT CMAKE_C_COMPILER_ID MATCHES "Clang")
  message(WARNING "SPS_FUZZ needs clang (-DCMAKE_C_COMPILER=clang): no libFuzzer programs, only their corpus is replayed")
  set(SPS_FUZZ OFF)
endif()
if(SPS_FUZZ)
  set(SPS_SANITIZE fuzzer-no-link,address,undefined) # the libraries too: libFuzzer steers by what it sees of them
endif()
if(SPS_SANITIZE)
  add_compile_options(-fsanitize=${SPS_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${SPS_SANITIZE})
endif()
