/**
 * How many held out pairs `recommender` puts among the first by its default options, beside popularity and the cosines of items, on
 * pairs that Debian has: which words stand in a chapter of the King James Bible, which tags a package has, on what it depends, and
 * which developers signed whose keys. Prints a table in Markdown; see QUALITY.md. What is not there is skipped. `--others` adds `recommender` with
 * drawn negatives, and ALS, BPR and WARP, each with the best of a few settings, chosen on a fifth of what is left.
 *
 *   apt-get install bible-kjv-text debian-keyring gpg
 *   apt-get update
 *   npx tsx bench/quality/recommender.ts [--threads 0] [--seed 1] [--others] [chapters | tags | dependencies | signatures ...]
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type RecommenderOptions, recommender, tokenizer } from '../../lib/index.ts';
import { choose, readArguments, readCount } from '../command-line/arguments.ts';
import { uniforms } from '../workloads/data.ts';
import { als, bpr, type Known, type Scores, warp } from './others/factorizations.ts';
import { readPackages } from './sources/apt.ts';
import { KJV_FILE, readChapters } from './sources/kjv.ts';

/** Who has what. */
type Having = readonly (readonly [who: string, what: readonly string[]])[];

interface Pair {
  readonly user: number;
  readonly item: number;
}

interface Source {
  readonly what: string;
  read(): Having;
}

const LEAST_OF_USER = 5;
const LEAST_OF_ITEM = 5;
const HELD_OUT = 0.2;
const FIRST = 20;

const SOURCES: Readonly<Record<string, Source>> = {
  chapters: {
    what: 'chapters of the Bible and words',
    read: () => {
      const split = tokenizer({ pattern: /[\p{L}\p{M}\p{N}_]+/gu });
      return readChapters(KJV_FILE).map(([name, text]) => [name, split(text)]);
    },
  },
  tags: {
    what: 'packages of Debian and tags',
    read: () => readField('Tag', /[^\s,]+/g),
  },
  dependencies: {
    what: 'packages of Debian and packages that they depend on',
    // Of alternatives the first; versions and architectures left out.
    read: () => readField('Depends', /(?<=^|,\s*)[a-z0-9][a-z0-9+.-]+/g),
  },
  signatures: {
    what: 'developers of Debian and keys that they signed',
    read: () => readSignatures('/usr/share/keyrings/debian-keyring.gpg'),
  },
};

function readField(field: string, item: RegExp): Having {
  const having = readPackages().flatMap((read): Having => {
    const [name, value] = [read('Package'), read(field)];
    return name === undefined || value === undefined ? [] : [[name, value.match(item) ?? []]];
  });
  if (having.length === 0) throw new Error(`apt knows no package with the field ${field}`);
  return having;
}

/** Of each key of a ring the others that it signed. */
function readSignatures(ring: string): Having {
  const home = mkdtempSync(join(tmpdir(), 'gradloom-keys-'));
  try {
    const options = [
      '--homedir',
      home,
      '--no-default-keyring',
      '--keyring',
      ring,
      '--with-colons',
      '--list-sigs',
    ];
    const listed = execFileSync('gpg', options, { encoding: 'utf8', maxBuffer: 2 ** 30, stdio: 'pipe' });
    const signed = new Map<string, string[]>();
    const signatures: [by: string, key: string][] = [];
    let key = '';
    for (const line of listed.split('\n')) {
      const [record, , , , id = ''] = line.split(':');
      if (record === 'pub') {
        key = id;
        signed.set(key, []);
      } else if (record === 'sig' && id !== key) {
        signatures.push([id, key]);
      }
    }
    for (const [by, of] of signatures) signed.get(by)?.push(of);
    return [...signed];
  } finally {
    rmSync(home, { recursive: true });
  }
}

/** Numbers for names: pairs of users and items that have enough of them. */
function numberPairs(having: Having) {
  const users = having.map(([, what]) => [...new Set(what)]);
  const counts = new Map<string, number>();
  for (const item of users.flat()) counts.set(item, (counts.get(item) ?? 0) + 1);
  const frequent = users
    .map((items) => items.filter((item) => (counts.get(item) as number) >= LEAST_OF_ITEM))
    .filter((items) => items.length >= LEAST_OF_USER);
  const numbers = new Map([...new Set(frequent.flat())].map((item, number) => [item, number]));
  return {
    userCount: frequent.length,
    itemCount: numbers.size,
    pairs: frequent.flatMap((items, user) =>
      items.map((item): Pair => ({ user, item: numbers.get(item) as number })),
    ),
  };
}

type Numbered = ReturnType<typeof numberPairs>;

/** Of each user the items, by numbers. */
function itemsOf({ userCount }: Numbered, pairs: readonly Pair[]): ReadonlySet<number>[] {
  const lists = Array.from({ length: userCount }, () => new Set<number>());
  for (const { user, item } of pairs) lists[user]?.add(item);
  return lists;
}

type Ranking = (user: number) => Promise<readonly number[]> | readonly number[];

function firstBy(scores: Float64Array, known: ReadonlySet<number>): number[] {
  const first: number[] = [];
  const scoreAt = (place: number) => scores[first[place] as number] as number;
  for (const [item, score] of scores.entries()) {
    if (first.length === FIRST && score <= scoreAt(FIRST - 1)) continue;
    if (known.has(item)) continue;
    let place = first.length;
    while (place > 0 && scoreAt(place - 1) < score) place--;
    first.splice(place, 0, item);
    first.length = Math.min(first.length, FIRST);
  }
  return first;
}

/** How many users each item has. */
function countsOf({ itemCount }: Numbered, pairs: readonly Pair[]): Float64Array {
  const counts = new Float64Array(itemCount);
  for (const { item } of pairs) counts[item] = (counts[item] as number) + 1;
  return counts;
}

function byPopularity(numbered: Numbered, pairs: readonly Pair[]): Ranking {
  const counts = countsOf(numbered, pairs);
  const known = itemsOf(numbered, pairs);
  return (user) => firstBy(counts, known[user] as ReadonlySet<number>);
}

/** Of each item the sum of its cosines with those that a user knows, as columns of 0 and 1 a user. */
function byCosines(numbered: Numbered, pairs: readonly Pair[]): Ranking {
  const { itemCount } = numbered;
  const counts = countsOf(numbered, pairs);
  const known = itemsOf(numbered, pairs);
  const together = new Float32Array(itemCount ** 2);
  for (const items of known) {
    for (const a of items)
      for (const b of items) together[a * itemCount + b] = (together[a * itemCount + b] as number) + 1;
  }
  return (user) => {
    const scores = new Float64Array(itemCount);
    for (const a of known[user] as ReadonlySet<number>) {
      for (let b = 0; b < itemCount; b++) {
        const both = together[a * itemCount + b] as number;
        if (both > 0)
          scores[b] = (scores[b] as number) + both / Math.sqrt((counts[a] as number) * (counts[b] as number));
      }
    }
    return firstBy(scores, known[user] as ReadonlySet<number>);
  };
}

type Options = Pick<RecommenderOptions, 'negatives' | 'dropout' | 'epochs'>;

const DRAWN_OPTIONS: Options = { negatives: 8, dropout: 0, epochs: 40 };
const DRAWN = 'negatives: 8, dropout: 0, epochs: 40';

function train({ userCount, itemCount }: Numbered, pairs: readonly Pair[], options: Options = {}) {
  const [users, items] = [pairs.map(({ user }) => user), pairs.map(({ item }) => item)];
  return recommender({ users, items }, { userCount, itemCount, seed, threads, ...options });
}

async function byRecommender(...given: Parameters<typeof train>): Promise<Ranking> {
  const shop = await train(...given);
  return async (user) => (await shop.recommend(user, { count: FIRST })).map(({ item }) => item);
}

/** By the items of users of which training sees nothing: those that `isNew` names. */
async function byItems(
  numbered: Numbered,
  pairs: readonly Pair[],
  isNew: (user: number) => boolean,
): Promise<Ranking> {
  const shop = await train(
    numbered,
    pairs.filter(({ user }) => !isNew(user)),
  );
  const known = itemsOf(numbered, pairs);
  return async (user) => {
    const items = [...(known[user] as ReadonlySet<number>)];
    return (await shop.recommendFor(items, { count: FIRST })).map(({ item }) => item);
  };
}

/** What others learn by, for each of a few settings. */
const OTHERS: Readonly<Record<string, readonly ((known: Known) => Scores)[]>> = {
  ALS: [
    { alpha: 2, l2: 30 },
    { alpha: 10, l2: 30 },
    { alpha: 10, l2: 100 },
  ].map((settings) => (known) => als(known, settings)),
  BPR: [
    { learningRate: 0.1, l2: 0.0003 },
    { learningRate: 0.2, l2: 0.001 },
    { learningRate: 0.1, l2: 0.01 },
  ].map((settings) => (known) => bpr(known, settings)),
  WARP: [
    { learningRate: 0.02, l2: 0.01 },
    { learningRate: 0.05, l2: 0.001 },
    { learningRate: 0.05, l2: 0.01 },
  ].map((settings) => (known) => warp(known, settings)),
};

/** By the settings that find most of a fifth of the pairs after learning from the others. */
async function byOther(name: string, numbered: Numbered, pairs: readonly Pair[]): Promise<Ranking> {
  const rankBy = (learn: (known: Known) => Scores, from: readonly Pair[]): Ranking => {
    const itemsOfUsers = itemsOf(numbered, from);
    const scores = learn({ ...numbered, pairs: from, itemsOf: itemsOfUsers });
    return (user) => firstBy(scores(user), itemsOfUsers[user] as ReadonlySet<number>);
  };
  const [kept, heldOut] = holdOut(numbered, pairs, seed + 1);
  const recalls: number[] = [];
  const settings = OTHERS[name] as NonNullable<(typeof OTHERS)[string]>;
  for (const learn of settings) recalls.push(await recallOf(rankBy(learn, kept), heldOut));
  console.error(`${name}, by settings: ${recalls.map((recall) => recall.toFixed(3)).join(', ')}`);
  return rankBy(settings[recalls.indexOf(Math.max(...recalls))] as (known: Known) => Scores, pairs);
}

/** The pairs that are kept, and of each user the items of the others. */
function holdOut(
  numbered: Numbered,
  pairs: readonly Pair[],
  seed: number,
): [kept: readonly Pair[], heldOut: readonly ReadonlySet<number>[]] {
  const draws = uniforms(pairs.length, seed);
  const isHeldOut = (place: number) => (draws[place] as number) < HELD_OUT;
  return [
    pairs.filter((_, place) => !isHeldOut(place)),
    itemsOf(
      numbered,
      pairs.filter((_, place) => isHeldOut(place)),
    ),
  ];
}

/** Of the users with held out items the mean share of these, or of as many as are asked for, among the first. */
async function recallOf(ranking: Ranking, heldOut: readonly ReadonlySet<number>[]): Promise<number> {
  let [sum, users] = [0, 0];
  for (const [user, items] of heldOut.entries()) {
    if (items.size === 0) continue;
    const found = (await ranking(user)).filter((item) => items.has(item)).length;
    sum += found / Math.min(items.size, FIRST);
    users++;
  }
  return sum / users;
}

async function rowOf({ what, read }: Source): Promise<string> {
  const numbered = numberPairs(read());
  const [kept, heldOut] = holdOut(numbered, numbered.pairs, seed);
  const known = itemsOf(numbered, kept);
  const isNew = (user: number) => user % 10 === 0 && (known[user] as ReadonlySet<number>).size > 0;
  const ofNew = heldOut.map((items, user) => (isNew(user) ? items : new Set<number>()));
  const trained = await byRecommender(numbered, kept);
  const rankings = [
    () => recallOf(byPopularity(numbered, kept), heldOut),
    () => recallOf(byCosines(numbered, kept), heldOut),
    () => recallOf(trained, heldOut),
    () => recallOf(trained, ofNew),
    async () => recallOf(await byItems(numbered, kept, isNew), ofNew),
    ...chosenOthers.map(
      (name) => async () =>
        recallOf(
          await (name === DRAWN
            ? byRecommender(numbered, kept, DRAWN_OPTIONS)
            : byOther(name, numbered, kept)),
          heldOut,
        ),
    ),
  ];
  const recalls: string[] = [];
  for (const recall of rankings) recalls.push((await recall()).toFixed(3));
  const sizes = [numbered.userCount, numbered.itemCount, numbered.pairs.length];
  return cells(what, ...sizes, ...recalls);
}

const cells = (...all: readonly (string | number)[]) => `| ${all.join(' | ')} |`;

const NAMES = Object.keys(SOURCES);
const USAGE = `usage: npx tsx bench/quality/recommender.ts [--threads 0] [--seed 1] [--others] [${NAMES.join(' | ')} ...]`;
const ARGUMENTS = {
  allowPositionals: true,
  options: {
    threads: { type: 'string', default: '0' },
    seed: { type: 'string', default: '1' },
    others: { type: 'boolean', default: false },
  },
} as const;
const { threads, seed, chosenOthers, chosen } = readArguments(
  USAGE,
  ARGUMENTS,
  ({ values, positionals }) => ({
    threads: readCount('--threads', values.threads),
    seed: readCount('--seed', values.seed),
    chosenOthers: values.others ? [DRAWN, ...Object.keys(OTHERS)] : [],
    chosen: choose('set', positionals, NAMES),
  }),
);
const head = [
  'users and items',
  'users',
  'items',
  'pairs',
  'popularity',
  'cosines of items',
  '`recommender`',
  'of every tenth user',
  'of these, left out of training, `recommendFor`',
  ...chosenOthers,
];
console.log(`${cells(...head)}\n${cells(...head.map(() => '---'))}`);
for (const name of chosen) {
  try {
    console.log(await rowOf(SOURCES[name] as Source));
  } catch (error) {
    console.error(`${name} is skipped: ${(error as Error).message}`);
  }
}
