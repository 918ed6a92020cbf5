# The one interface target that every target of ours links: `flags`.
# A reason stands beside each flag. Third-party code is never compiled here.
add_library(flags INTERFACE)

target_compile_definitions(flags INTERFACE
    _GNU_SOURCE)                  # Linux calls: memfd_create, openat2, pidfd

target_compile_options(flags INTERFACE
    -Wall -Wextra -Wpedantic      # the usual mistakes, and no silent extensions
    -Wshadow                      # one name, one meaning
    -Wconversion -Wsign-conversion # lengths from outside never change silently
    -Wstrict-prototypes           # f() is not f(void)
    -Wmissing-prototypes          # what is not static is declared in a header
    -Wvla                         # no stack use decided by input
    -Wcast-qual                   # borrowed bytes stay const
    -Wformat=2                    # formats are literals
    -Wundef                       # a misspelt macro is an error, not 0
    -Wswitch-enum                 # a new enum value visits every switch
    -Wnull-dereference            # cheap proof of the obvious ones
    -Wdouble-promotion            # f32 stays f32: same input, same bits
    -Wdate-time                   # builds are reproducible
    -fno-common                   # two definitions are an error
    -fvisibility=hidden           # nothing is exported by accident
    -fno-strict-aliasing          # bytes are read as bytes
    -ffp-contract=off             # fused only where the source says fma
    -ffile-prefix-map=${CMAKE_SOURCE_DIR}=. # no path of the build machine
    -ffile-prefix-map=${CMAKE_BINARY_DIR}=build)

if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
    target_compile_options(flags INTERFACE
        -Wlogical-op              # a && a
        -Wduplicated-cond -Wduplicated-branches # copy and paste, half edited
        -Wstack-usage=16384)      # fixed frames, small enough for any thread
endif()

option(PROCTOR_WERROR "Warnings are errors" OFF)
if(PROCTOR_WERROR)
    target_compile_options(flags INTERFACE -Werror)
endif()

set(PROCTOR_SANITIZE "" CACHE STRING "Sanitizers, e.g. address,undefined")
if(PROCTOR_SANITIZE)
    # A target with PROCTOR_PLAIN is left out: worker images, which are static
    # (sanitizers have no static runtime) and make few system calls.
    set(sanitized $<NOT:$<BOOL:$<TARGET_PROPERTY:PROCTOR_PLAIN>>>)
    target_compile_options(flags INTERFACE
        $<${sanitized}:-fsanitize=${PROCTOR_SANITIZE}>
        $<${sanitized}:-fno-sanitize-recover=all> # a finding ends the test
        -fno-omit-frame-pointer)
    target_link_options(flags INTERFACE
        $<${sanitized}:-fsanitize=${PROCTOR_SANITIZE}>)
    # Known to sources that size address-space limits (ASan maps terabytes).
    target_compile_definitions(flags INTERFACE
        $<${sanitized}:PROCTOR_SANITIZED=1>)
endif()

if(PROCTOR_FUZZ)
    # Coverage in our libraries too: libFuzzer is blind without it.
    target_compile_options(flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

option(PROCTOR_HARDEN "Release hardening (gcc)" OFF)
if(PROCTOR_HARDEN)
    target_compile_options(flags INTERFACE
        -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 # checked copies where sizes are known
        -fstack-protector-strong  # smashed frames abort
        -fstack-clash-protection  # no jump over the guard page
        -fcf-protection=full      # indirect branch tracking, shadow stack
        -ftrivial-auto-var-init=zero # no stale secrets in fresh variables
        -fzero-call-used-regs=used-gpr) # none in registers either
    target_link_options(flags INTERFACE
        -Wl,-z,relro,-z,now       # tables read-only before main
        -Wl,-z,noexecstack        # no code on the stack
        -Wl,-z,separate-code      # no data in code pages
        -Wl,--build-id=none)      # identity is the hash of the file
endif()

# Position independent everywhere: address randomisation for the kernel and the
# command line, static-pie for workers.
target_compile_options(flags INTERFACE -fPIE)

# proctor_worked(targets...): unit tests work these so hard that sanitized builds
# optimise them, too. What the sanitizers see stays.
function(proctor_worked)
    if(PROCTOR_SANITIZE AND NOT PROCTOR_FUZZ)
        foreach(target ${ARGN})
            if(TARGET ${target})
                target_compile_options(${target} PRIVATE -O1)
            endif()
        endforeach()
    endif()
endfunction()
