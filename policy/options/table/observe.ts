/**
 * Debug information, sanitizers, coverage, profiles, dumps and reports: what adds files, or reads them.
 *
 * @module
 */
import { both, clang, entries, gcc, local, plain, switches, text, word } from '../entries.ts';
import type { AuxiliaryFile, Effect } from '../types.ts';

const auxiliary = (...files: AuxiliaryFile[]): Effect => ({ kind: 'auxiliary', files });
const notes = auxiliary({ role: 'gcno', suffix: '.gcno' });
const dwo = auxiliary({ role: 'dwo', suffix: '.dwo', objectOnly: true });
const profile: Effect = local('profile-data');
const dump: Effect = local('dump');
const report: Effect = local('timing-report');

export const observe = [
  // debug information
  ...entries(both, '-g -g0 -g1 -g2 -g3 -ggdb -ggdb0 -ggdb1 -ggdb2 -ggdb3 -gdwarf --debug', 'flag', plain),
  ...entries(both, '-gdwarf-', 'joined', plain, /^[2-5]$/),
  ...entries(gcc, `
    -gstabs -gstabs+ -gstabs0 -gstabs1 -gstabs2 -gstabs3 -gxcoff -gxcoff+ -gvms -gcoff -gcoff1 -gcoff2 -gcoff3 -gz`, 'flag', plain),
  ...entries(gcc, '-gctf -gctf0 -gctf1 -gctf2 -gbtf -gcodeview -gprune-btf', 'flag', plain),
  ...entries(clang, '-glldb -gsce -gdbx -gfull -gused -gline-tables-only -gline-directives-only -gmlt -gcodeview -gz', 'flag', plain),
  ...switches(both, '-g',
    'column-info dwarf32 dwarf64 gnu-pubnames pubnames strict-dwarf statement-frontiers record-gcc-switches record-command-line'),
  ...switches(gcc, '-g', `
    as-loc-support as-locview-support describe-dies inline-points internal-reset-location-views toggle variable-location-views?=
    prune-btf`),
  ...switches(clang, '-g',
    'codeview-ghash codeview-command-line dwarf-aranges inline-line-tables simple-template-names?= template-alias key-instructions'),
  ...entries(clang, '-gno-embed-source -gno-modules -gno-omit-unreferenced-methods -gomit-unreferenced-methods', 'flag', plain),
  ...entries(clang, '-gembed-source', 'flag', plain),
  ...entries(both, '-gz=', 'joined', plain, word),
  ...entries(clang, '-gsrc-hash=', 'joined', plain, word),
  ...entries(both, '-gsplit-dwarf', 'flag', dwo),
  ...entries(clang, '-gsplit-dwarf=split', 'flag', dwo),
  ...entries(both, '-gno-split-dwarf', 'flag', local('repeated-output')),
  ...entries(clang, '-gsplit-dwarf=single', 'flag', plain),
  ...entries(gcc, '-gen-decls', 'flag', dump),
  ...switches(gcc, '-f', `
    eliminate-dwarf2-dups eliminate-unused-debug-symbols eliminate-unused-debug-types emit-class-debug-always
    emit-struct-debug-baseonly emit-struct-debug-detailed= emit-struct-debug-reduced gnat-encodings= merge-debug-strings
    var-tracking var-tracking-assignments var-tracking-assignments-toggle var-tracking-uninit debug-types-section`),
  ...switches(clang, '-f', `
    debug-default-version= debug-info-for-profiling debug-macro debug-pass-arguments debug-pass-structure debug-ranges-base-address
    debug-types-section eliminate-unused-debug-symbols eliminate-unused-debug-types jmc split-dwarf-inlining standalone-debug
    limit-debug-info`),

  // sanitizers; their ignore lists are text inputs
  ...switches(both, '-f', `
    sanitize-address-use-after-scope sanitize-coverage= sanitize-recover?= sanitize-undefined-trap-on-error sanitize=
    sanitize-trap?=`),
  ...entries(both, '-fno-sanitize= -fno-sanitize-recover= -fno-sanitize-coverage= -fno-sanitize-trap=', 'joined', plain, word),
  ...switches(gcc, '-f', `
    asan-shadow-offset= sanitize-sections= chkp-check-incomplete-type chkp-check-read chkp-check-write
    chkp-first-field-has-own-bounds chkp-flexible-struct-trailing-arrays chkp-instrument-calls chkp-instrument-marked-only
    chkp-narrow-bounds chkp-narrow-to-innermost-array chkp-optimize chkp-store-bounds chkp-treat-zero-dynamic-size-as-infinite
    chkp-use-fast-string-functions chkp-use-nochk-string-functions chkp-use-static-bounds chkp-use-static-const-bounds
    chkp-use-wrappers chkp-zero-input-bounds-for-main vtv-counts vtv-debug`),
  ...switches(clang, '-f', `
    sanitize-address-destructor= sanitize-address-field-padding= sanitize-address-globals-dead-stripping
    sanitize-address-outline-instrumentation sanitize-address-poison-custom-array-cookie sanitize-address-use-after-return?=
    sanitize-address-use-odr-indicator sanitize-cfi-canonical-jump-tables sanitize-cfi-cross-dso
    sanitize-cfi-icall-generalize-pointers sanitize-cfi-icall-experimental-normalize-integers sanitize-hwaddress-abi=
    sanitize-hwaddress-experimental-aliasing sanitize-kcfi-arity sanitize-link-c++-runtime sanitize-link-runtime
    sanitize-memory-param-retval sanitize-memory-track-origins?= sanitize-memory-use-after-dtor sanitize-merge?=
    sanitize-minimal-runtime sanitize-stable-abi sanitize-stats sanitize-thread-atomics sanitize-thread-func-entry-exit
    sanitize-thread-memory-access sanitize-undefined-strip-path-components= sanitize-annotate-debug-info?= sanitize-skip-hot-cutoff=`),
  ...entries(clang, '-fno-sanitize-ignorelist -fno-sanitize-blacklist', 'flag', plain),
  ...entries(clang, `
    -fsanitize-blacklist= -fsanitize-ignorelist= -fsanitize-system-blacklist= -fsanitize-system-ignorelist=`, 'joined', { kind: 'input' }),
  ...entries(clang, `
    -fsanitize-coverage-allowlist= -fsanitize-coverage-whitelist= -fsanitize-coverage-ignorelist=
    -fsanitize-coverage-blacklist=`, 'joined', { kind: 'input' }),
  ...entries(clang, '-fprofile-list=', 'joined', { kind: 'input' }),
  ...entries(clang, '-fxray-always-instrument= -fxray-never-instrument= -fxray-attr-list=', 'either', { kind: 'input' }),
  ...entries(clang, `
    -fbasic-block-sections=list= -frandomize-layout-seed-file= -fexperimental-sanitize-metadata-ignorelist=`, 'joined', { kind: 'input' }),
  ...entries(clang, '-frandomize-layout-seed= -fexperimental-sanitize-metadata= -fpatchable-function-entry-offset=', 'joined', plain, word),

  // coverage and profiles: names that the program will write are text, data that the compiler reads is not
  ...entries(both, '--coverage -coverage -ftest-coverage', 'flag', notes),
  ...entries(both, '-fno-test-coverage', 'flag', local('repeated-output')),
  ...entries(both, '-fprofile-arcs -fno-profile-arcs -fprofile-generate -fno-profile-generate -fno-profile-use', 'flag', plain),
  ...entries(both, '-fprofile-generate= -fprofile-dir= -fprofile-filter-files= -fprofile-exclude-files=', 'joined', plain, text),
  ...entries(both, '-fprofile-update=', 'joined', plain, word),
  ...switches(gcc, '-f', `
    profile profile-abs-path profile-correction profile-info-section?= profile-partial-training profile-reorder-functions
    profile-reproducible= profile-values condition-coverage path-coverage`),
  ...entries(gcc, '-fprofile-note=', 'joined', local('profile-data')),
  ...entries(both, '-fprofile-use -fbranch-probabilities -fauto-profile', 'flag', profile),
  ...entries(both, '-fno-branch-probabilities -fno-auto-profile', 'flag', plain),
  ...entries(both, '-fprofile-use= -fauto-profile=', 'joined', profile),
  ...switches(clang, '-f', `
    coverage-mapping coverage-mcdc mcdc-coverage memory-profile profile-sample-accurate auto-profile-accurate
    pseudo-probe-for-profiling profile-function-groups= profile-selected-function-group= profile-continuous`),
  ...entries(clang, `
    -fprofile-instr-generate -fcs-profile-generate -fcreate-profile -fno-profile-instr-generate -fno-profile-instr-use`, 'flag', plain),
  ...entries(clang, '-fno-profile-sample-use', 'flag', plain),
  ...entries(clang, '-fprofile-instr-generate= -fcs-profile-generate= -fmemory-profile=', 'joined', plain, text),
  ...entries(clang, '-fprofile-instr-use -fprofile-sample-use', 'flag', profile),
  ...entries(clang, '-fprofile-instr-use= -fprofile-sample-use= -fprofile-remapping-file= -fmemory-profile-use=', 'joined', profile),

  // files beside the object, with a name that follows from it
  ...entries(both, '-fstack-usage', 'flag', auxiliary({ role: 'stack-usage', suffix: '.su' })),
  ...entries(both, '-fno-stack-usage', 'flag', local('repeated-output')),
  ...entries(gcc, '-fcallgraph-info', 'flag', auxiliary({ role: 'callgraph', suffix: '.ci' })),
  ...entries(gcc, '-fcallgraph-info=', 'joined', auxiliary({ role: 'callgraph', suffix: '.ci' }), word),
  ...entries(clang, '-ftime-trace', 'flag', auxiliary({ role: 'time-trace', suffix: '.json' })),
  ...entries(clang, '-ftime-trace-granularity=', 'joined', plain, word),
  ...entries(clang, '-ftime-trace-verbose', 'flag', plain),
  ...entries(clang, '-ftime-trace=', 'joined', dump),
  ...entries(both, '-fsave-optimization-record', 'flag', dump),
  ...entries(both, '-fno-save-optimization-record', 'flag', plain),
  ...entries(clang, '-fsave-optimization-record= -foptimization-record-file=', 'joined', dump),
  ...entries(clang, '-foptimization-record-passes=', 'joined', plain, text),
  ...entries(clang, '-fthin-link-bitcode= -fthinlto-index=', 'joined', dump),

  // dumps and reports
  ...entries(both, '-fdump', 'joined', dump),
  ...entries(both, '-fno-dump', 'joined', plain, word),
  ...entries(gcc, '-fenable- -fdisable-', 'joined', local('compiler-debugging')),
  ...entries(gcc, '-fopt-info', 'joined', plain, /^(?:-[a-z-]*)?$/),
  ...entries(gcc, '-fdbg-cnt= -fcompare-debug= -fself-test=', 'joined', local('compiler-debugging')),
  ...entries(gcc, '-fdbg-cnt-list -fcompare-debug -fcompare-debug-second -freport-bug', 'flag', local('compiler-debugging')),
  ...entries(gcc, '-fno-compare-debug -fno-report-bug', 'flag', plain),
  ...entries(gcc, '-ftime-report-details -fmem-report -fpre-ipa-mem-report -fpost-ipa-mem-report -fprofile-report', 'flag', report),
  ...entries(clang, '-ftime-report= -fproc-stat-report', 'joined', report),
  ...entries(clang, '-fcrash-diagnostics-dir= -fcrash-diagnostics', 'joined', local('crash-report')),
  ...entries(clang, '-fno-crash-diagnostics', 'flag', plain),
  ...entries(clang, '-fno-temp-file', 'flag', plain),
  ...entries(both, '-fada-spec-parent=', 'joined', dump),
];
