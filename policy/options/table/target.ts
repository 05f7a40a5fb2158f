/**
 * The processor: x86-64 and arm64, the platforms that are served. Words only, so that no value can be a path.
 *
 * @module
 */
import { both, clang, entries, entry, gcc, local, plain, switches, word } from '../entries.ts';

const processor = /^(?!native)[A-Za-z0-9_.+-]+$/;

export const target = [
  ...entries(both, '-march=native -mtune=native -mcpu=native', 'flag', local('native-target')),
  ...entries(both, '-march= -mtune= -mcpu=', 'joined', plain, processor),
  entry(gcc, '-mmcu=', 'joined', local('cross-target')),
  ...entries(clang, '-target', 'separate', local('cross-target')),
  ...entries(clang, '--target= -arch= -mtargetos= -mmacosx-version-min= -mios-version-min=', 'joined', local('cross-target')),
  ...entries(clang, '-arch -meabi -mthread-model', 'separate', local('cross-target')),
  ...switches(both, '-m', `
    16 32 64 x32 3dnow 3dnowa 80387 abi= abm accumulate-outgoing-args adx aes align-double amx-avx512 amx-bf16 amx-complex amx-fp16
    amx-fp8 amx-int8 amx-movrs amx-tf32 amx-tile amx-transpose apxf asm= avx avx10-max-512bit avx10.1 avx10.1-256 avx10.1-512
    avx10.2 avx10.2-256 avx10.2-512 avx2 avx5124fmaps avx5124vnniw avx512bf16 avx512bitalg avx512bw avx512cd avx512dq avx512er
    avx512f avx512fp16 avx512ifma avx512pf avx512vbmi avx512vbmi2 avx512vl avx512vnni avx512vp2intersect avx512vpopcntdq avxifma
    avxneconvert avxvnni avxvnniint16 avxvnniint8 bmi bmi2 branch-protection= cet-switch cld cldemote clflushopt clwb clzero cmodel=
    cmpccxadd crc32 cx16 daz-ftz enqcmd evex512 f16c fentry fma fma4 fp-ret-in-387 fpmath= fsgsbase function-return= fused-madd fxsr
    general-regs-only gfni glibc gpopt hard-float harden-sls= hreset iamcu ieee-fp implicit-float indirect-branch-cs-prefix
    indirect-branch= intel-syntax invpcid kl long-double-128 long-double-64 long-double-80 lvi-cfi lvi-hardening lwp lzcnt mmx movbe
    movdir64b movdiri movrs ms-bitfields mwait mwaitx nop-mcount omit-leaf-frame-pointer outline-atomics pc32 pc64 pc80 pclmul
    pconfig pku popcnt prefer-vector-width= preferred-stack-boundary= prefetchi prefetchwt1 prfchw ptwrite raoint rdpid rdpru rdrnd
    rdseed recip recip= record-mcount red-zone regparm= relax-all retpoline retpoline-external-thunk rtd rtm sahf serialize seses
    sgx sha sha512 shstk sign-return-address= skip-rax-setup sm3 sm4 soft-float speculative-load-hardening sse sse2 sse2avx sse3
    sse4 sse4.1 sse4.2 sse4a ssse3 stack-alignment= stack-arg-probe stack-probe-size= stack-protector-guard-offset=
    stack-protector-guard-reg= stack-protector-guard-symbol= stack-protector-guard= stackrealign strict-align sve-vector-bits= tbm
    tls-dialect= tls-direct-seg-refs tls-size= tsxldtrk uintr unaligned-access usermsr vaes vpclmulqdq vx vzeroupper waitpkg
    wbnoinvd widekl xop xsave xsavec xsaveopt xsaves constructor-aliases incoming-stack-boundary=`),
  ...switches(gcc, '-m', `
    128bit-long-double 8bit-idiv 96bit-long-double address-mode= align-data= align-functions= align-jumps= align-loops=
    align-stringops android avx256-split-unaligned-load avx256-split-unaligned-store bionic branch-cost= call-ms2sysv-xlogues
    direct-extern-access dispatch-scheduler fancy-math-387 fentry-name= fentry-section= force-drap force-indirect-call hle
    indirect-branch-register inline-all-stringops inline-stringops-dynamically instrument-return= large-data-threshold= lam=
    manual-endbr memcpy-strategy= memset-strategy= mitigate-rop move-max= mpx musl needed gather scatter
    noreturn-no-callee-saved-registers partial-vector-fp-math pcommit prefer-avx128 push-args record-return relax-cmpxchg-loop sse5
    sseregparm store-max= stringop-strategy= stv tune-ctrl= uclibc unroll-only-small-loops veclibabi= vect8-ret-in-mem apx-features=
    apx-inline-asm-use-gpr32 fix-cortex-a53-835769 fix-cortex-a53-843419 low-precision-recip-sqrt low-precision-sqrt
    low-precision-div pc-relative-literal-loads track-speculation early-ra= early-ldp-fusion late-ldp-fusion override=
    cortex-a53-835769 cmpxchg16b big-endian little-endian harden-sls= ilp32 lp64 aarch64-autovec-preference= avoid-store-forwarding`),
  ...switches(clang, '-m', `
    align-branch-boundary= align-branch= branches-within-32B-boundaries bti-at-return-twice crc crc32 execute-only global-merge
    enable-experimental-extensions enable-unsafe-fp-math fix-cortex-a53-835769 fix-cortex-a53-843419 fix-cmse-cve-2021-35465
    global-merge ibt-seal incremental-linker-compatible indirect-jump= mark-bti-property memops neg-immediates nocrc outline
    pad-max-prefix-size= relax relax-pic-calls restrict-it save-restore small-data-limit= svr4-struct-return tp= vscale-max=
    vscale-min= vis vscale vzeroall x87 zvector packed-stack backchain long-calls movt`),
  ...entries(gcc, '-mdump-tune-features', 'flag', local('information')),
  ...entries(gcc, '-msse2avx', 'flag', plain),
  ...entries(clang, '-mbranches-within-32B-boundaries', 'flag', plain),
  ...entries(clang, '-mfloat-abi= -mfpu= -mdefault-build-attributes -mcode-object-version=', 'joined', plain, word),
];
