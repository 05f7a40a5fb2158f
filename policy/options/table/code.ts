/**
 * Optimisation and code generation that read and write no file of their own.
 *
 * @module
 */
import { both, clang, entries, entry, gcc, local, number, plain, switches, text, word } from '../entries.ts';

const register = /^[a-z0-9]+$/;
const parameter = /^[A-Za-z0-9-]+=[A-Za-z0-9-]*$/;

export const code = [
  entry(both, '-O', 'joined', plain, /^(?:[0-9]*|s|g|z|fast)$/),
  entry(both, '--optimize', 'flag', plain),
  entry(both, '--optimize=', 'joined', plain, /^(?:[0-9]*|s|g|z|fast)$/),
  entry(both, '--param', 'separate', plain, parameter),
  entry(both, '--param=', 'joined', plain, parameter),
  ...entries(both, '-pthread -pthreads -p -pg --profile', 'flag', plain),
  entry(clang, '-no-pthread', 'flag', plain),
  ...entries(both, '-ffixed- -fcall-used- -fcall-saved-', 'joined', plain, register),
  ...entries(both, '-falign-functions= -falign-jumps= -falign-labels= -falign-loops=', 'joined', plain, word),
  ...entries(gcc, '-finline-limit-', 'joined', plain, number),
  ...entries(both, '-finstrument-functions-exclude-function-list= -finstrument-functions-exclude-file-list=', 'joined', plain, text),
  entry(both, '-frandom-seed=', 'joined', plain, text),

  ...switches(both, '-f', `
    PIC PIE align-functions associative-math asynchronous-unwind-tables cf-protection?= common crossjumping data-sections
    delete-null-pointer-checks excess-precision= expensive-optimizations fast-math fat-lto-objects finite-loops finite-math-only
    float-store fp-contract= function-sections gcse ident inline inline-functions inline-functions-called-once inline-limit=
    inline-small-functions instrument-functions jump-tables keep-inline-functions keep-static-consts lto?= math-errno
    merge-all-constants merge-constants non-call-exceptions omit-frame-pointer optimize-sibling-calls pack-struct?=
    patchable-function-entry= pcc-struct-return peel-loops pic pie plt prefetch-loop-arrays protect-parens reciprocal-math
    reg-struct-return rename-registers reorder-blocks rounding-math schedule-insns schedule-insns2 semantic-interposition
    signaling-nans signed-zeros single-precision-constant split-stack stack-check stack-clash-protection stack-protector
    stack-protector-all stack-protector-strong strength-reduce strict-aliasing strict-enums strict-overflow
    strict-volatile-bitfields tls-model= tracer trapping-math trapv tree-slp-vectorize tree-vectorize tree-vrp
    trivial-auto-var-init= unit-at-a-time unroll-all-loops unroll-loops unsafe-math-optimizations unswitch-loops unwind-tables
    verbose-asm web whole-program wrapv wrapv-pointer zero-call-used-regs= hardened profile-arcs=`),
  ...switches(gcc, '-f', `
    aggressive-loop-optimizations align-jumps align-labels align-loops allocation-dce allow-store-data-races argument-alias
    argument-noalias argument-noalias-anything argument-noalias-global auto-inc-dec avoid-store-forwarding bit-tests
    branch-count-reg branch-target-load-optimize branch-target-load-optimize2 btr-bb-exclusive callee-pop-args caller-saves
    check-data-deps check-pointer-bounds checking?= code-hoisting cold-functions combine-stack-adjustments compare-elim
    conserve-stack cprop-registers cse-follow-jumps cse-skip-blocks cx-fortran-rules cx-limited-range cx-method= dce
    declone-ctor-dtor defer-pop delayed-branch delete-dead-exceptions devirtualize devirtualize-at-ltrans devirtualize-speculatively
    dse dwarf2-cfi-asm early-inlining ext-dce finite-loops fold-mem-offsets force-addr forward-propagate fp-int-builtin-inexact
    function-cse gcse-after-reload gcse-las gcse-lm gcse-sm gnu-unique graphite graphite-identity guess-branch-probability
    harden-compares harden-conditional-branches harden-control-flow-redundancy hardcfr-check-exceptions
    hardcfr-check-noreturn-calls= hardcfr-check-returning-calls hardcfr-skip-leaf hoist-adjacent-loads if-conversion if-conversion2
    indirect-inlining inhibit-size-directive inline-stringops?= instrument-functions-once ipa-bit-cp ipa-cp ipa-cp-alignment
    ipa-cp-clone ipa-icf ipa-icf-functions ipa-icf-variables ipa-matrix-reorg ipa-modref ipa-profile ipa-pta ipa-pure-const ipa-ra
    ipa-reference ipa-reference-addressable ipa-reorder-for-locality ipa-sra ipa-stack-alignment ipa-strict-aliasing
    ipa-struct-reorg ipa-vrp ira-algorithm= ira-hoist-pressure ira-loop-pressure ira-region= ira-share-save-slots
    ira-share-spill-slots ira-verbose= isolate-erroneous-paths-attribute isolate-erroneous-paths-dereference ivopts
    keep-gc-roots-live keep-static-functions late-combine-instructions leading-underscore lifetime-dse?= limit-function-alignment
    live-patching?= live-range-shrinkage loop-block loop-flatten loop-interchange loop-nest-optimize loop-optimize
    loop-parallelize-all loop-strip-mine loop-unroll-and-jam lra-remat lto-compression-level= lto-odr-type-merging lto-partition=
    malloc-dce?= min-function-alignment= modulo-sched modulo-sched-allow-regmoves move-loop-invariants move-loop-stores mudflap
    mudflapir mudflapth optimize-crc optimize-register-move optimize-strlen partial-inlining peephole peephole2 predictive-commoning
    ree record-gcc-switches regmove reorder-blocks-algorithm= reorder-blocks-and-partition reorder-functions
    require-return-statement rerun-cse-after-loop rerun-loop-opt reschedule-modulo-scheduled-loops sched-critical-path-heuristic
    sched-dep-count-heuristic sched-group-heuristic sched-interblock sched-last-insn-heuristic sched-pressure sched-rank-heuristic
    sched-spec sched-spec-insn-heuristic sched-spec-load sched-spec-load-dangerous sched-stalled-insns-dep?= sched-stalled-insns?=
    sched-verbose= sched2-use-superblocks sched2-use-traces schedule-fusion section-anchors see sel-sched-pipelining
    sel-sched-pipelining-outer-loops sel-sched-reschedule-pipelined selective-scheduling selective-scheduling2 shrink-wrap
    shrink-wrap-separate simd-cost-model= speculatively-call-stored-functions split-ivs-in-unroller split-loops split-paths
    split-wide-types split-wide-types-early ssa-backprop ssa-phiopt sso-struct= stack-check= stack-limit stack-limit-register=
    stack-limit-symbol= stack-protector-explicit stack-reuse= stdarg-opt store-merging sync-libcalls tail-call-workaround?=
    thread-jumps toplevel-reorder trampoline-impl= trampolines tree-bit-ccp tree-builtin-call-dce tree-ccp tree-ch
    tree-coalesce-inlined-vars tree-coalesce-vars tree-copy-prop tree-copyrename tree-cselim tree-dce tree-dominator-opts tree-dse
    tree-forwprop tree-fre tree-loop-distribute-patterns tree-loop-distribution tree-loop-if-convert tree-loop-if-convert-stores
    tree-loop-im tree-loop-ivcanon tree-loop-linear tree-loop-optimize tree-loop-vectorize tree-lrs tree-parallelize-loops=
    tree-partial-pre tree-phiprop tree-pre tree-pta tree-reassoc tree-salias tree-scev-cprop tree-sink tree-slsr tree-sra
    tree-store-ccp tree-store-copy-prop tree-switch-conversion tree-tail-merge tree-ter tree-vect-loop-version
    tree-vectorizer-verbose= unconstrained-commons unreachable-traps unroll-completely-grow-size unsafe-loop-optimizations
    variable-expansion-in-unroller vect-cost-model?= version-loops-for-strides vpt vtable-verify= zee zero-init-padding-bits=
    random-seed`),
  ...switches(clang, '-f', `
    aapcs-bitfield-load aapcs-bitfield-width addrsig allow-unsupported approx-func async-exceptions assumptions
    atomic-fine-grained-memory atomic-ignore-denormal-mode atomic-remote-memory autolink binutils-version= cf-runtime-abi=
    convergent-functions denormal-fp-math= direct-access-external-data discard-value-names dwarf-exceptions embed-bitcode-marker
    embed-bitcode?= emit-all-decls emulated-tls escaping-block-tail-calls experimental-isel experimental-new-pass-manager
    experimental-omit-vtable-rtti experimental-relative-c++-abi-vtables experimental-strict-floating-point extend-arguments=
    fine-grained-bitfield-accesses force-dwarf-frame force-emit-vtables fp-eval-method= fp-exception-behavior= fp-model= global-isel
    honor-infinities honor-nans inline-hint-functions inline-max-stacksize= instrument-function-entry-bare
    instrument-functions-after-inlining keep-persistent-storage-variables keep-system-includes legacy-pass-manager lto-jobs=
    ms-hotpatch new-infallible order-file-instrumentation pointer-tbaa preserve-as-comments pseudo-probe-for-profiling
    rtlib-add-rpath record-command-line register-global-dtors-with-atexit reroll-loops ropi rwpi seh-exceptions
    separate-named-sections signaling-math sjlj-exceptions slp-vectorize split-lto-unit split-machine-functions stack-size-section
    strict-bool strict-float-cast-overflow strict-return strict-vtable-pointers struct-path-tbaa swift-async-fp= symbol-partition=
    trap-function= trapv-handler= trivial-auto-var-init-max-size= trivial-auto-var-init-stop-after= unified-lto
    unique-basic-block-section-names unique-internal-linkage-names unique-section-names use-init-array veclib= vectorize
    virtual-function-elimination wasm-exceptions whole-program-vtables writable-strings zvector
    enable-trivial-auto-var-init-zero-knowing-it-will-be-removed-from-clang complex-arithmetic= xray-instrument
    xray-always-emit-customevents xray-always-emit-typedevents xray-function-groups= xray-function-index xray-ignore-loops
    xray-link-deps xray-selected-function-group= xray-shared`),
  ...entries(clang, '-enable-trivial-auto-var-init-zero-knowing-it-will-be-removed-from-clang', 'flag', plain),
  ...entries(clang, '-fbasic-block-sections= -fbasic-block-address-map=', 'joined', plain, /^(?:all|labels|none)$/),
  ...entries(clang, '-fxray-instruction-threshold= -fxray-instrumentation-bundle= -fxray-modes=', 'either', plain, word),
  ...entries(clang, '-fxray-instruction-threshold', 'separate', plain, number),
  ...entries(clang, '-ftrapv-handler', 'separate', plain, word),

  // accelerators
  ...entries(gcc, '-foffload=', 'joined', plain, /^(?:disable|default)$/),
  ...entries(gcc, '-foffload', 'joined', local('offload')),
  ...entries(clang, `
    -fopenmp-targets= --offload-arch= --no-offload-arch= --offload= --cuda -fcuda -fgpu -fno-gpu -fno-cuda --hip --rocm --no-cuda
    -fhip -fno-hip`, 'joined', local('offload')),
  ...entries(clang, `
    --gpu --no-gpu --libomptarget -nogpu -nohip -fopenmp-target -fopenmp-cuda -fopenmp-assume -fopenmp-optimistic
    -fembed-offload-object= -foffload`, 'joined', local('offload')),
  ...entries(clang, '-fsycl', 'flag', local('offload')),
  ...entries(clang, '-fno-sycl -fno-offload-lto', 'flag', plain),
  ...entries(clang, '-sycl-std=', 'joined', plain, word),
  ...entries(clang, '-cl-', 'joined', local('language')),
];
