# adapter.py as a C string, so that the worker opens nothing to have it. Remade
# by a new configure, which a change of the file asks for.
set(adapter_py ${CMAKE_CURRENT_LIST_DIR}/adapter.py)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${adapter_py})
file(READ ${adapter_py} adapter_hex HEX)
string(REGEX REPLACE "(..)" "0x\\1," adapter_bytes "${adapter_hex}")
file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/gen/adapter.c @ONLY CONTENT
"/* Made from workers/program/adapter.py by adapter.cmake. */
#include \"workers/program/adapter.h\"

static const char source[] = {@adapter_bytes@0x00};

const char *adapter_source(void)
{
    return source;
}
")
target_sources(worker_program_core PRIVATE ${CMAKE_BINARY_DIR}/gen/adapter.c)
