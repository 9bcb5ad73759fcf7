install(TARGETS spinscale-infer spinscale-data spinscale-train LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY include/spinscale DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
configure_file(cmake/spinscale.pc.in ${PROJECT_BINARY_DIR}/spinscale.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/spinscale.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
