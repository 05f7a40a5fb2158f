/**
 * What a probe found, and how it is told to a person or a script.
 *
 * @module
 */

export type Grade = 'PASS' | 'CAUTION' | 'FAIL';

export interface Finding {
  /** Name of the property. */
  readonly probe: string;
  readonly grade: Grade;
  /** What was seen, in a sentence. */
  readonly says: string;
  /** What to do; absent when all is well. */
  readonly remedy?: string;
}

export const pass = (probe: string, says: string): Finding => ({ probe, grade: 'PASS', says });
export const caution = (probe: string, says: string, remedy: string): Finding => ({ probe, grade: 'CAUTION', says, remedy });
export const fail = (probe: string, says: string, remedy: string): Finding => ({ probe, grade: 'FAIL', says, remedy });

/** Runs a probe that may throw; what is thrown is a FAIL with this remedy. */
export const attempt = async (probe: string, remedy: string, examine: () => Finding | Promise<Finding>): Promise<Finding> => {
  try {
    return await examine();
  } catch (thrown) {
    return fail(probe, thrown instanceof Error ? thrown.message : String(thrown), remedy);
  }
};

const nameWidth = 20;

/** Lines for a person: one a finding, and one for its remedy. */
export const formatFinding = ({ probe, grade, says, remedy }: Finding): string =>
  `${grade.padEnd(8)} ${probe.padEnd(nameWidth)} ${says}\n${remedy === undefined ? '' : `${' '.repeat(nameWidth + 10)}${remedy}\n`}`;

export const formatSummary = (findings: readonly Finding[]): string => {
  const count = (grade: Grade): number => findings.filter((finding) => finding.grade === grade).length;
  return `${count('PASS')} passed, ${count('CAUTION')} to think about, ${count('FAIL')} failed\n`;
};
