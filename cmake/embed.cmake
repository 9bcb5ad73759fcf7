# nets/*.yaml, configs/*.yaml, devices/*.yaml and chips/*.yaml become one C file, so that the program finds them from
# any folder.
function(sps_embed_presets out)
  set(file ${PROJECT_BINARY_DIR}/presets.c)
  file(GLOB yamls CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/nets/*.yaml ${PROJECT_SOURCE_DIR}/configs/*.yaml
    ${PROJECT_SOURCE_DIR}/devices/*.yaml ${PROJECT_SOURCE_DIR}/chips/*.yaml)
  add_custom_command(OUTPUT ${file}
    COMMAND ${CMAKE_COMMAND} -DOUT=${file} "-DFILES=${yamls}" -P ${PROJECT_SOURCE_DIR}/cmake/embed_script.cmake
    DEPENDS ${yamls} ${PROJECT_SOURCE_DIR}/cmake/embed_script.cmake VERBATIM)
  set(${out} ${file} PARENT_SCOPE)
endfunction()
