/**
 * Dialects of the languages, warnings, and how diagnostics look.
 *
 * @module
 */
import { both, clang, entries, entry, gcc, local, number, plain, switches, text, word } from '../entries.ts';

/** What may follow -W: names, numbers and attribute names. */
const warning = /^[A-Za-z0-9+#_=.:-]*$/;
const standard = /^[a-z0-9+:]+$/;

export const language = [
  ...entries(both, '-std= --std=', 'joined', plain, standard),
  entry(both, '--std', 'separate', plain, standard),
  ...entries(both, `
    -ansi --ansi -pedantic --pedantic -pedantic-errors --pedantic-errors -w --no-warnings --all-warnings --extra-warnings`, 'flag', plain),
  entry(both, '-W', 'joined', plain, warning),
  entry(both, '--warn-', 'joined', plain, warning),
  entry(clang, '-R', 'joined', plain, text),

  ...switches(both, '-f', `
    access-control asm builtin char8_t cond-mismatch coroutines dollars-in-identifiers elide-constructors elide-type exceptions
    constant-string-class= constexpr-depth= ext-numeric-literals for-scope freestanding gnu-keywords gnu-runtime gnu89-inline hosted
    lax-vector-conversions?= max-errors= ms-extensions new-inheriting-ctors next-runtime objc-exceptions openmp openmp-simd
    operator-names permissive pretty-templates rtti short-enums short-wchar show-column signed-bitfields signed-char
    sized-deallocation spell-checking tabstop= template-backtrace-limit= template-depth= threadsafe-statics trigraphs
    unsigned-bitfields unsigned-char use-cxa-atexit visibility-inlines-hidden visibility-ms-compat visibility= working-directory
    message-length= diagnostics-color?= diagnostics-parseable-fixits diagnostics-show-option diagnostics-show-template-tree
    strict-flex-arrays?= zero-initialized-in-bss gnu-tm implicit-templates implicit-inline-templates implement-inlines`),
  ...switches(gcc, '-f', `
    abi-compat-version= abi-version= aligned-new?= all-virtual allow-parameterless-variadic-functions alt-external-templates
    analyzer analyzer-call-summaries analyzer-checker= analyzer-feasibility analyzer-fine-grained analyzer-show-duplicate-count
    analyzer-state-merge analyzer-state-purge analyzer-suppress-followups analyzer-transitivity analyzer-undo-inlining
    analyzer-verbose-edges analyzer-verbose-state-changes analyzer-verbosity= assume-sane-operators-new-delete
    canonical-system-headers check-new cilkplus concepts concepts-diagnostics-depth= concepts-diagnostics-max-depth= concepts-ts
    conserve-space const-string-class= constexpr-cache-depth= constexpr-fp-except constexpr-loop-limit= constexpr-ops-limit=
    contracts contract-assumption-mode= contract-build-level= contract-continuation-mode= contract-mode= contract-role=
    contract-semantic= contract-strict-declarations= debug-cpp deduce-init-list default-inline diagnostics-column-origin=
    diagnostics-column-unit= diagnostics-escape-format= diagnostics-generate-patch diagnostics-minimum-margin-width=
    diagnostics-path-format= diagnostics-plain-output diagnostics-show-caret diagnostics-show-cwe diagnostics-show-event-links
    diagnostics-show-highlight-colors diagnostics-show-labels diagnostics-show-line-numbers diagnostics-show-location=
    diagnostics-show-path-depths diagnostics-show-rules diagnostics-text-art-charset= diagnostics-urls= enforce-eh-specs
    enum-int-equiv extended-identifiers extern-tls-init external-templates fold-simple-inlines friend-injection gimple guiding-decls
    handle-exceptions honor-std huge-objects immediate-escalation implicit-constexpr inline-atomics ivar-visibility= labels-ok
    large-source-files local-ivars module-private name-mangling-version- new-abi new-ttp-matching nil-receivers
    no-threadsafe-statics nonansi-builtins nonnull-objects nothrow-opt objc-abi-version= objc-call-cxx-cdtors objc-direct-dispatch
    objc-gc objc-nilcheck objc-sjlj-exceptions objc-std= openacc openacc-dim= openmp-target-simd-clone?= optional-diags
    permitted-flt-eval-methods= plan9-extensions printf-return-value range-for-ext-temps replace-objc-classes repo rtti squangle
    stats strict-prototype strong-eval-order?= template-depth- this-is-variable track-macro-expansion use-cxa-get-exception-ptr
    vtable-gc vtable-thunks weak weak-templates xref zero-link debug-types-section cilkplus contracts-nonattr`),
  ...switches(clang, '-f', `
    aligned-allocation aligned-new allow-editor-placeholders altivec altivec-src-compat= ansi-escape-codes apple-kext
    apple-pragma-pack application-extension asm-blocks assume-sane-operator-new blocks borland-extensions bracket-depth= c++-abi=
    c++-static-destructors caret-diagnostics clang-abi-compat= color-diagnostics comment-block-commands= complete-member-pointers
    constant-cfstrings constexpr-backtrace-limit= constexpr-steps= coroutines-ts cxx-exceptions declspec delayed-template-parsing
    diagnostics-absolute-paths diagnostics-fixit-info diagnostics-hotness-threshold= diagnostics-print-source-range-info
    diagnostics-show-category= diagnostics-show-hotness diagnostics-show-note-include-stack diagnostics-show-line-numbers digraphs
    double-square-bracket-attributes elide-type error-limit= experimental-new-constant-interpreter fixed-point fuchsia-api-level=
    gnuc-version= ignore-exceptions implicit-templates inline= limited-precision= macro-backtrace-limit= matrix max-tokens=
    max-type-align= ms-compatibility-version= msc-version= ms-memptr-rep= ms-volatile new-alignment= objc-arc
    objc-arc-exceptions objc-convert-messages-to-runtime-calls objc-disable-direct-methods-for-testing
    objc-encode-cxx-class-template-spec objc-infer-related-result-type objc-legacy-dispatch objc-link-runtime objc-nonfragile-abi
    objc-nonfragile-abi-version= objc-runtime= objc-sender-dependent-dispatch objc-weak openmp= openmp-enable-irbuilder
    openmp-extensions openmp-implicit-rpath openmp-new-driver openmp-use-tls noopenmp-use-tls openmp-version= operator-arrow-depth=
    parse-all-comments pascal-strings relaxed-template-template-args retain-comments-from-system-headers rtti-data show-overloads=
    show-skipped-includes show-source-location spell-checking-limit= template-depth- use-line-directives raw-string-literals
    safe-buffer-usage-suggestions enable-matrix nested-functions force-enable-int128 xl-pragma-pack no-max-type-align
    experimental-library char8_t visibility-from-dllstorageclass visibility-dllexport= visibility-nodllstorageclass=
    visibility-externs-dllimport= visibility-externs-nodllstorageclass= visibility-global-new-delete-hidden
    visibility-inlines-hidden-static-local-var dwarf-directory-asm`),
  ...entries(both, '-fbuiltin- -fno-builtin-', 'joined', plain, word),
  ...entries(clang, '-fgnu-inline-asm -fno-gnu-inline-asm', 'flag', plain),
  // Headers are then looked for beside every file that includes the one that names them.
  ...entries(clang, '-fms-compatibility', 'flag', local('unknown-option')),
  ...entries(clang, '-fno-ms-compatibility', 'flag', plain),
  ...entries(clang, '-fmodules-ts', 'flag', local('modules')),
  ...entries(both, '-fdiagnostics-format=', 'joined', plain, /^(?:text|json|json-stderr|sarif-stderr|clang|msvc|vi)$/),
  ...entries(gcc, '-fdiagnostics-set-output= -fdiagnostics-add-output=', 'joined', local('dump')),
  ...entries(gcc, '-ftemplate-depth-', 'joined', plain, number),
  ...entries(gcc, '-fbuilding-libgcc', 'flag', plain),
];
