/** @file A curve without its noise, and without lagging behind it. */

/**
 * The mean around each point, weighted less with the distance: an exponential mean from the left and one from the right,
 * each divided by its weights. `reach` is the number of points at which the weight has fallen to a third.
 */
export function smoothed(values: readonly number[], reach: number): number[] {
  if (reach <= 0) return [...values];
  const keep = Math.exp(-1 / reach);
  const left = sums(values, keep);
  const right = sums(values.toReversed(), keep).toReversed();
  // The point itself is in both.
  return values.map((value, i) => {
    const [l, r] = [left[i]!, right[i]!];
    return (l.sum + r.sum - value) / (l.weight + r.weight - 1);
  });
}

function sums(values: readonly number[], keep: number): { sum: number; weight: number }[] {
  let [sum, weight] = [0, 0];
  return values.map((value) => {
    sum = sum * keep + value;
    weight = weight * keep + 1;
    return { sum, weight };
  });
}
