# cmake -DOUT=presets.c -DFILES=a.yaml;b.yaml -P embed_script.cmake
set(rows "")
set(bodies "")
foreach(file IN LISTS FILES)
  get_filename_component(name ${file} NAME_WE)
  get_filename_component(folder ${file} DIRECTORY)
  get_filename_component(folder ${folder} NAME)
  file(READ ${file} hex HEX)
  string(REGEX REPLACE "(..)" "0x\\1," bytes "${hex}")
  string(MAKE_C_IDENTIFIER "${folder}_${name}" id)
  string(APPEND bodies "static const char ${id}[] = {${bytes}0};\n")
  string(APPEND rows "    {\"${folder}\", \"${name}\", ${id}, sizeof ${id} - 1},\n")
endforeach()
file(WRITE ${OUT}.new "/* Made by cmake/embed_script.cmake from nets/, configs/, devices/ and chips/. */
#include \"conf/preset.h\"
${bodies}
const struct sps_preset sps_presets[] = {
${rows}    {0, 0, 0, 0}};
")
execute_process(COMMAND ${CMAKE_COMMAND} -E copy_if_different ${OUT}.new ${OUT})
execute_process(COMMAND ${CMAKE_COMMAND} -E touch ${OUT})
