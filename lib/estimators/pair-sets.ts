/** What a recommender trains on: pairs that are there, and draws of pairs that are not. */
import { RandomStream } from '../core/philox.ts';
import { fromArrays } from '../datasets/arrays/from-arrays.ts';
import { fromInputs } from '../datasets/arrays/from-inputs.ts';
import type { Pairs } from './pairs.ts';

/** The pairs, all of the class 0. */
export function allPairs({ userNumbers, itemNumbers, length }: Pairs) {
  return pairSet(userNumbers, itemNumbers, new Uint8Array(length));
}

export interface Drawing {
  /** So many for each pair. */
  readonly negatives: number;
  readonly sampling: 'uniform' | 'popularity';
}

/** What gives a set of all pairs, labelled 1, and of drawn ones, labelled 0; others at every call. */
export function pairDraws(pairs: Pairs, { negatives, sampling }: Drawing, seed: number) {
  const random = new RandomStream(seed, 'negatives');
  const count = pairs.length;
  const drawItem = () =>
    sampling === 'uniform'
      ? random.below(pairs.items.count)
      : (pairs.itemNumbers[random.below(count)] as number);
  return () => {
    const users = new Int32Array(count * (1 + negatives));
    const items = new Int32Array(users.length);
    const labels = new Uint8Array(users.length);
    for (let pair = 0, place = 0; pair < count; pair++) {
      const user = pairs.userNumbers[pair] as number;
      users.fill(user, place, place + 1 + negatives);
      items[place] = pairs.itemNumbers[pair] as number;
      labels[place++] = 1;
      for (let n = 0; n < negatives; n++) items[place++] = drawUnknown(pairs, user, drawItem);
    }
    return pairSet(users, items, labels);
  };
}

/** A user who knows almost all items may get one of them. */
function drawUnknown(pairs: Pairs, user: number, drawItem: () => number): number {
  const mostTries = 20;
  let item = drawItem();
  for (let tries = 1; tries < mostTries && pairs.knows(user, item); tries++) item = drawItem();
  return item;
}

function pairSet(users: Int32Array, items: Int32Array, labels: Uint8Array) {
  return fromInputs({
    inputs: {
      user: fromArrays({ inputs: users, inputShape: [1] }),
      item: fromArrays({ inputs: items, inputShape: [1] }),
    },
    targets: { scores: labels, squares: new Float32Array(labels.length) },
  });
}
