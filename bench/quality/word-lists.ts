/** What word vectors of the King James Bible are asked, and how their answers are judged. */
import type { WordVectors } from '../../lib/index.ts';

export const NEIGHBOURS = ['king', 'jerusalem', 'wheat', 'seven', 'gold', 'priest', 'moab', 'hand'] as const;

/** Words of a kind: a good vector's nearest among all of them are those of its own kind. */
export const CATEGORIES: Readonly<Record<string, readonly string[]>> = {
  kin: ['father', 'mother', 'son', 'daughter', 'brother', 'sister', 'wife', 'husband'],
  numbers: ['two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine'],
  animals: ['ox', 'ass', 'sheep', 'goats', 'camels', 'lamb', 'bullock', 'ram'],
  stuffs: ['gold', 'silver', 'brass', 'iron', 'stone', 'wood', 'tin', 'ivory'],
  body: ['hand', 'foot', 'eye', 'mouth', 'head', 'heart', 'ear', 'tongue'],
  food: ['wheat', 'barley', 'corn', 'wine', 'oil', 'bread', 'figs', 'honey'],
  tribes: ['reuben', 'simeon', 'judah', 'issachar', 'zebulun', 'gad', 'asher', 'naphtali'],
  nations: ['moab', 'edom', 'ammon', 'egypt', 'assyria', 'babylon', 'syria', 'philistines'],
  times: ['day', 'night', 'morning', 'evening', 'month', 'year', 'week', 'hour'],
  offices: ['king', 'queen', 'priest', 'prophet', 'captain', 'judge', 'prince', 'servant'],
};

/** The mean share, over the words of all kinds, of those of its own among as many of the nearest. */
export function precisionOf(vectors: WordVectors): number {
  const kinds = Object.entries(CATEGORIES).flatMap(([kind, words]) => words.map((word) => ({ kind, word })));
  const shares = kinds.map(({ kind, word }) => {
    const others = kinds
      .filter((other) => other.word !== word)
      .map((other) => ({ ...other, similarity: vectors.similarity(word, other.word) }))
      .sort((a, b) => b.similarity - a.similarity);
    const own = others.filter((other) => other.kind === kind).length;
    return others.slice(0, own).filter((other) => other.kind === kind).length / own;
  });
  return shares.reduce((sum, share) => sum + share, 0) / shares.length;
}

/** Pairs of one relation each; a question is two pairs of a relation, the second without its end. */
const RELATIONS: readonly (readonly (readonly [string, string])[])[] = [
  [
    ['man', 'woman'],
    ['king', 'queen'],
    ['father', 'mother'],
    ['son', 'daughter'],
    ['brother', 'sister'],
    ['husband', 'wife'],
    ['sons', 'daughters'],
    ['he', 'she'],
  ],
  [
    ['hand', 'hands'],
    ['eye', 'eyes'],
    ['day', 'days'],
    ['king', 'kings'],
    ['city', 'cities'],
    ['child', 'children'],
    ['man', 'men'],
    ['tree', 'trees'],
    ['house', 'houses'],
    ['foot', 'feet'],
  ],
  [
    ['come', 'cometh'],
    ['go', 'goeth'],
    ['say', 'saith'],
    ['give', 'giveth'],
    ['make', 'maketh'],
    ['know', 'knoweth'],
    ['take', 'taketh'],
    ['hear', 'heareth'],
    ['see', 'seeth'],
    ['keep', 'keepeth'],
  ],
  [
    ['moab', 'moabites'],
    ['ammon', 'ammonites'],
    ['egypt', 'egyptians'],
    ['levi', 'levites'],
    ['babylon', 'chaldeans'],
    ['syria', 'syrians'],
  ],
];

/** `a` is to `b` as `c` to `d`. */
export type Question = readonly [a: string, b: string, c: string, d: string];

export const QUESTIONS: readonly Question[] = RELATIONS.flatMap((pairs) =>
  pairs.flatMap(([a, b]) => pairs.flatMap(([c, d]): Question[] => (a === c ? [] : [[a, b, c, d]]))),
);

/** The questions whose answers are shown. */
export const ANALOGIES = [
  ['man', 'woman', 'king'],
  ['father', 'mother', 'son'],
  ['hand', 'hands', 'eye'],
  ['come', 'cometh', 'give'],
  ['moab', 'moabites', 'ammon'],
] as const;

/** Whether the answer is among the `count` words that come first. */
export function answeredBy(vectors: WordVectors, [a, b, c, d]: Question, count: number): boolean {
  const found = vectors.analogy({ positive: [b, c], negative: [a] }, { count });
  return found.some(({ word }) => word === d);
}

export function pairsAmong(words: readonly string[]): (readonly [string, string])[] {
  return words.flatMap((first, place) =>
    words.slice(place + 1).map((second): readonly [string, string] => [first, second]),
  );
}

/** The correlation of the ranks; equal values share the mean of theirs. */
export function spearman(a: readonly number[], b: readonly number[]): number {
  return pearson(ranksOf(a), ranksOf(b));
}

function ranksOf(values: readonly number[]): number[] {
  const order = Array.from(values.keys()).sort((i, j) => (values[i] as number) - (values[j] as number));
  const ranks = new Array<number>(values.length);
  for (let first = 0; first < order.length; ) {
    let end = first + 1;
    while (end < order.length && values[order[end] as number] === values[order[first] as number]) end++;
    for (let i = first; i < end; i++) ranks[order[i] as number] = (first + end - 1) / 2;
    first = end;
  }
  return ranks;
}

function pearson(a: readonly number[], b: readonly number[]): number {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [meanA, meanB] = [mean(a), mean(b)];
  const product = (x: readonly number[], y: readonly number[], mx: number, my: number) =>
    x.reduce((sum, value, i) => sum + (value - mx) * ((y[i] as number) - my), 0);
  return product(a, b, meanA, meanB) / Math.sqrt(product(a, a, meanA, meanA) * product(b, b, meanB, meanB));
}
