# Bash completion for proctor: commands, options, files, names of the store.
# Use: source scripts/completion/proctor.bash, or install it as
# /usr/share/bash-completion/completions/proctor.
# Options are asked of `proctor COMMAND --help`, so they are those of the binary.

_proctor_options() { # COMMAND -> its long options
    proctor "$1" --help 2>/dev/null |
        sed -nE 's/^ *(-., )?(--[a-z-]+).*/\2/p'
}

_proctor_commands() {
    proctor --help 2>/dev/null |
        sed -nE '/^Commands:/,/^$/s/^  ([a-z]+) .*/\1/p'
}

_proctor_files() { # folders, and files that match the pattern
    local IFS=$'\n'
    compopt -o filenames 2>/dev/null
    mapfile -t COMPREPLY < <(compgen -d -- "$cur"; compgen -f -X "!$1" -- "$cur")
}

_proctor_words() {
    mapfile -t COMPREPLY < <(compgen -W "$1" -- "$cur")
}

_proctor_column() { # first words of a table, without its head
    proctor "$@" 2>/dev/null | sed -nE '1d;s/^([^ ]+).*/\1/p'
}

_proctor() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
    local command='' i
    COMPREPLY=()
    # "--store=DIR" arrives as three words; look past the "=".
    if [ "$cur" = = ]; then cur=''; elif [ "$prev" = = ]; then prev=${COMP_WORDS[COMP_CWORD - 2]}; fi
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        -*) ;;
        *) command=${COMP_WORDS[i]}; break ;;
        esac
    done
    case $prev in
    --store) _proctor_files ''; return ;;
    --policy) _proctor_files '*.@(yaml|yml|json)'; return ;;
    --check | --entry | --key | --since | --log | --verify | --new-key | -o | --output) _proctor_files '*'; return ;;
    --oracle | --second | --file | --oracle-file | --second-file | --corpus) _proctor_files '*'; return ;;
    --domain | --gives | --takes) _proctor_words 'bool u8 u16 u32 u64 i8 i16 i32 i64 f32 f64 string bytes'; return ;;
    --kind) _proctor_words 'genesis run admit refuse start confine commit draw verdict task ref park resume repair abort crash revoke end checkpoint split look'; return ;;
    --ref) _proctor_words "$(_proctor_column ref list)"; return ;;
    --object | --since | --until | --at | --last | -n) return ;;
    --as) _proctor_words 'evidence exam runnable confinement counterexample inputs graph policy task snapshot'; return ;;
    --example | --error-rate | --ulps | --p0 | --alpha) return ;;
    --dir) _proctor_files ''; return ;;
    --name | --owner) return ;;
    --listen) _proctor_words 'unix: 127.0.0.1:'; return ;;
    --quorum) _proctor_words 'all any'; return ;;
    --task | --limit) return ;;
    --run) [ "$command" = exam ] || return ;; # there it stands alone
    esac
    if [ -z "$command" ]; then
        case $cur in
        -*) _proctor_words '--help --version' ;;
        *) _proctor_words "$(_proctor_commands)" ;;
        esac
        return
    fi
    case $cur in
    -*) _proctor_words "$(_proctor_options "$command")"; return ;;
    esac
    case $command in
    help) _proctor_words "$(_proctor_commands)" ;;
    exam) _proctor_files '*' ;;
    run | check) _proctor_files '*.@(yaml|yml|json)' ;;
    policy)
        if [ "$prev" = policy ]; then _proctor_words 'show check'; else _proctor_files '*.@(yaml|yml|json)'; fi ;;
    ref)
        case $prev in
        ref) _proctor_words 'list show log' ;;
        show | log) _proctor_words "$(_proctor_column ref list)" ;;
        esac ;;
    witness)
        case $prev in
        witness) _proctor_words 'init add serve list use sync' ;;
        *) _proctor_files '*' ;;
        esac ;;
    show | prove) _proctor_words "$(_proctor_column log --limit 50)" ;;
    export)
        case " ${COMP_WORDS[*]} " in
        *' --verify'*) _proctor_files '*' ;;
        *) _proctor_words "$(_proctor_column log --kind verdict --limit 50)" ;;
        esac ;;
    replay) _proctor_words "$(_proctor_column log --kind verdict --limit 50)" ;;
    resume) _proctor_words "$(proctor status 2>/dev/null | sed -nE 's/^([^ ]+) waits; .*/\1/p')" ;;
    esac
}
complete -F _proctor proctor
