/**
 * What is made of several samples of one thing.
 *
 * @module
 */

/** @throws RangeError when there is nothing to take it of */
export const median = (values: readonly number[]): number => {
  if (values.length === 0) throw new RangeError('there is no median of nothing');
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
};

/** The smallest and the largest. */
export const spread = (values: readonly number[]): readonly [number, number] => [Math.min(...values), Math.max(...values)];

/**
 * Samples of one contender beside those of another that were taken in the same turns: what made the machine slow in one turn
 * met both, so that each pair says more than two medians do.
 *
 * @throws RangeError when they are not pairs
 */
export const paired = (ours: readonly number[], others: readonly number[], compare: (our: number, other: number) => number): number[] => {
  if (ours.length !== others.length) throw new RangeError(`${ours.length} samples cannot be compared in pairs with ${others.length}`);
  return ours.map((our, turn) => compare(our, others[turn]!));
};
