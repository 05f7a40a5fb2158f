/**
 * What front and keeper do first of all: they give up what they never need, for good.
 *
 * What always holds: nothing of them is ever dumped, and no process of the same user can read their memory; they start no program and
 * make no process, whatever somebody makes them do.
 *
 * @module
 */
import { WardError } from '../../protocol/errors.ts';
import { native } from '../native/load.ts';
import { encodeFilter, filterOf } from './seccomp/bpf.ts';
import { elsewise, partRules } from './seccomp/part-list.ts';

/** No core dump of this process or of any that it starts, as far as their size decides. @throws WardError `internal` */
export const limitDumps = (): void => attempt(() => native().setLimit(process.pid, 'core', 0, 0));

/** @throws WardError `internal` when the kernel refuses: then this process must not go on */
export const confine = (): void => {
  limitDumps();
  attempt(() => {
    native().forbidDumps();
    const architecture = process.arch === 'arm64' ? 'arm64' : 'x64';
    native().installFilter(encodeFilter(filterOf(architecture, partRules(architecture), elsewise)));
  });
};

const attempt = (act: () => void): void => {
  try {
    act();
  } catch (cause) {
    throw new WardError('internal', `This process cannot give up what it does not need (${(cause as Error).message}).`, { cause });
  }
};
