/**
 * Arguments for another program (`-Wa,`, `-Wp,`, `-Wl,` and their -X spellings), piece by piece: only what is listed here
 * passes. Of the preprocessor's pieces, the ones that mean something to a job come back as ordinary options.
 *
 * @module
 */
import { text } from './entries.ts';
import type { OptionReason } from './reasons.ts';
import type { Family } from './types.ts';

type Tool = 'assembler' | 'preprocessor' | 'linker';

export const pieceReason: Readonly<Record<Tool, OptionReason>> = {
  assembler: 'assembler-argument', preprocessor: 'preprocessor-argument', linker: 'linker-argument',
};

const assembler = [
  /^--(?:no)?execstack$/, /^--(?:warn|no-warn|fatal-warnings|32|64|x32|strip-local-absolute|no-pad-sections|reduce-memory-overheads)$/,
  /^--size-check=[a-z]+$/,
  /^-(?:W|Z|L|J|n|q|Qy|g|-gen-debug|-gdwarf-[2345]|-gdwarf-sections|-gdwarf-cie-version=[134])$/, /^-gdwarf-[2345]$/,
  /^--(?:no)?compress-debug-sections(?:=[a-z-]+)?$/, /^--elf-stt-common=(?:yes|no)$/, /^--generate-missing-build-notes=(?:yes|no)$/,
  /^-m(?:arch|tune|cpu)=[A-Za-z0-9_.+-]+$/, /^-m(?:relax-relocations|x86-used-note)=(?:yes|no)$/, /^-mbranches-within-32B-boundaries$/,
  /^-malign-branch(?:-boundary|-prefix-size)?=[a-z0-9+]+$/, /^-mlfence-[a-z-]+=[a-z+]+$/,
  /^-m(?:sse2avx|no-relax|intel|att|abi=[a-z0-9]+)$/,
  /^-mindex-reg$/, /^-mnaked-reg$/, /^-m(?:syntax|mnemonic)=(?:att|intel)$/, /^-momit-lock-prefix=(?:yes|no)$/, /^--hash-size=[0-9]+$/,
];

const linker = [
  /^-{1,2}(?:(?:no-)?as-needed|(?:no-)?gc-sections|export-dynamic|no-undefined|(?:no-)?allow-shlib-undefined)$/,
  /^--(?:build-id(?:=[A-Za-z0-9]+)?|hash-style=[a-z]+|icf=[a-z]+|warn-common|fatal-warnings|(?:start|end)-group|(?:no-)?whole-archive)$/,
  /^-{1,2}(?:rpath|rpath-link|soname|[zeuhESsxX]|O[0-9]?|Bsymbolic|Bsymbolic-functions|Bstatic|Bdynamic)$/,
  /^--(?:no-copy-dt-needed-entries|(?:enable|disable)-new-dtags)$/,
  /^-{1,2}(?:rpath|rpath-link|soname)=[^@\0\n]*$/,
  /^(?:relro|now|noexecstack|defs|nodelete|origin|(?:no)?separate-code|lazy|(?:no)?text|pack-relative-relocs)$/,
  /^(?:max-page|stack)-size=[0-9a-fx]+$/,
  /^[A-Za-z0-9_.$][A-Za-z0-9_.$/+-]*$/,
];

/** What a checked list is worth: nothing to do, or a dependency file that is written. */
export interface Pieces {
  readonly dependencies?: { readonly user: boolean; readonly file: string };
}

/**
 * Checks the pieces of one option. Returns undefined when a piece is not on the list.
 *
 * @param value what follows `-Wa,`; or one whole argument of `-Xassembler`.
 */
export const readPieces = (tool: Tool, value: string, split: boolean, family: Family): Pieces | undefined => {
  const pieces = split ? value.split(',') : [value];
  if (tool === 'preprocessor') {
    return split ? readPreprocessor(pieces, family) : undefined;
  }
  const allowed = tool === 'assembler' ? assembler : linker;
  return pieces.every(piece => allowed.some(pattern => pattern.test(piece))) ? {} : undefined;
};

/**
 * `-Wp,-D…`, `-Wp,-U…` and `-Wp,-MD,file[,-MT,target]`: what build systems use. clang knows `-Wp,-MD,file` as a whole and means
 * something else by anything longer.
 */
const readPreprocessor = (pieces: readonly string[], family: Family): Pieces | undefined => {
  let dependencies: Pieces['dependencies'];
  for (let index = 0; index < pieces.length; index += 1) {
    const piece = pieces[index] ?? '';
    if (piece === '-MD' || piece === '-MMD') {
      const file = pieces[index + 1];
      if (file === undefined || file === '' || file.startsWith('-') || dependencies !== undefined) {
        return undefined;
      }
      dependencies = { user: piece === '-MMD', file };
      index += 1;
    } else if (piece === '-MT' || piece === '-MQ') {
      if (pieces[index + 1] === undefined) {
        return undefined;
      }
      index += 1;
    } else if (piece !== '-MP' && !(/^-[DU]./.test(piece) && text.test(piece))) {
      return undefined;
    }
  }
  if (dependencies === undefined) {
    return {};
  }
  return family === 'clang' && pieces.length !== 2 ? undefined : { dependencies };
};
