install(TARGETS spinscale-infer spinscale-data spinscale-conf spinscale-train spinscale-cim
  spinscale-report LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
if(SPS_HAVE_MPI)
  install(TARGETS spinscale-mpi LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
endif()
install(DIRECTORY include/spinscale DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
# The prefix is found from where spinscale.pc is, so that cmake --install --prefix and a moved tree are right as well.
file(RELATIVE_PATH SPS_PC_TO_PREFIX /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
string(REGEX REPLACE "/$" "" SPS_PC_TO_PREFIX "${SPS_PC_TO_PREFIX}")
configure_file(cmake/spinscale.pc.in ${PROJECT_BINARY_DIR}/spinscale.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/spinscale.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
