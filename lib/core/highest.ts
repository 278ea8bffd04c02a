/** How many numbers, and which ones not. */
export interface HighestOptions {
  readonly count: number;
  readonly left: ReadonlySet<unknown>;
}

/** The places of the highest scores but those that are left out and NaN, highest first; of equal scores the lower place. */
export function highest(scores: Float32Array | Float64Array, { count, left }: HighestOptions): number[] {
  const inOrder = (a: number, b: number) => (scores[b] as number) - (scores[a] as number) || a - b;
  const most = Math.max(2 * count, 64);
  let chosen: number[] = [];
  let least = Number.NEGATIVE_INFINITY;
  for (let place = 0; place < scores.length; place++) {
    const score = scores[place] as number;
    const isHigh = chosen.length < count ? score >= least : score > least;
    if (!isHigh || left.has(place)) continue;
    // Few of many scores come so far. Now and then they are put in order, and half of them or more go.
    if (chosen.push(place) < most) continue;
    chosen = chosen.sort(inOrder).slice(0, count);
    least = scores[chosen[count - 1] as number] as number;
  }
  return chosen.sort(inOrder).slice(0, count);
}
