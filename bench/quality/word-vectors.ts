/**
 * Word vectors of the King James Bible by Gradloom's `word2vec` and by fastText's own program in one run: the same words, one verse a
 * text, the same settings; fastText with its own learning rate. Prints neighbours, scores that need neither program's opinion, and how far the programs agree with each
 * other and with themselves under another seed; in Markdown, see QUALITY.md.
 *
 *   apt-get install bible-kjv-text fasttext
 *   npx tsx bench/quality/word-vectors.ts [--file /usr/lib/bible.data] [--epochs 5] [--threads 1]
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadWordVectors, tokenizer, type WordVectors, word2vec } from '../../lib/index.ts';
import { readArguments, readCount } from '../command-line/arguments.ts';
import { KJV_FILE, readVerses } from './sources/kjv.ts';
import {
  ANALOGIES,
  answeredBy,
  CATEGORIES,
  NEIGHBOURS,
  pairsAmong,
  precisionOf,
  QUESTIONS,
  spearman,
} from './word-lists.ts';

const SETTINGS = { units: 100, window: 5, negatives: 5, minCount: 5, subsample: 1e-4 };
/** Answered more analogies than the other batches and rates of QUALITY.md, but for batches of 64 pairs. */
const OURS = { batchSize: 256, learningRate: 0.1 };
const PIECES = { none: undefined, 'of 3 to 6 letters': { ngrams: [3, 6], buckets: 2_000_000 } } as const;
type PiecesName = keyof typeof PIECES;
const SEEDS = [1, 2] as const;

const USAGE = `usage: npx tsx bench/quality/word-vectors.ts [--file ${KJV_FILE}] [--epochs 5] [--threads 1]`;
const ARGUMENTS = {
  options: {
    file: { type: 'string', default: KJV_FILE },
    epochs: { type: 'string', default: '5' },
    threads: { type: 'string', default: '1' },
  },
} as const;
const { file, epochs, threads } = readArguments(USAGE, ARGUMENTS, ({ values }) => ({
  file: values.file,
  epochs: readCount('--epochs', values.epochs),
  threads: readCount('--threads', values.threads),
}));

interface Run {
  readonly library: 'Gradloom' | 'fastText';
  readonly pieces: PiecesName;
  readonly seed: number;
  readonly vectors: WordVectors;
  /** Of CPU, from words to vectors; fastText's program reads and writes files, too, of 800 MB with pieces. */
  readonly seconds: number;
}

async function runGradloom(
  verses: readonly (readonly string[])[],
  pieces: PiecesName,
  seed: number,
): Promise<Run> {
  const start = process.cpuUsage();
  const vectors = await word2vec(verses, {
    ...SETTINGS,
    ...OURS,
    ...{ epochs, threads, seed, subwords: PIECES[pieces] },
  });
  const { user, system } = process.cpuUsage(start);
  return { library: 'Gradloom', pieces, seed, vectors, seconds: (user + system) / 1e6 };
}

async function runFastText(folder: string, pieces: PiecesName, seed: number): Promise<Run> {
  const [least, most] = PIECES[pieces]?.ngrams ?? [0, 0];
  const output = join(folder, 'vectors');
  const options = {
    ...{ input: join(folder, 'verses.txt'), output, dim: SETTINGS.units, ws: SETTINGS.window },
    ...{ neg: SETTINGS.negatives, minCount: SETTINGS.minCount, t: SETTINGS.subsample, epoch: epochs },
    ...{ minn: least, maxn: most, bucket: most === 0 ? 1 : 2_000_000, thread: threads, seed, verbose: 0 },
  };
  const given = Object.entries(options).flatMap(([name, value]) => [`-${name}`, String(value)]);
  // The second line that `times` prints is about children, as `0m1.20s 0m0.10s`.
  const program = 'fasttext skipgram "$@" > /dev/null && times';
  const [, children = ''] = execFileSync('sh', ['-c', program, 'sh', ...given], { encoding: 'utf8' }).split(
    '\n',
  );
  const seconds = Array.from(children.matchAll(/(\d+)m([\d.]+)s/g)).reduce(
    (sum, [, minutes, rest]) => sum + 60 * Number(minutes) + Number(rest),
    0,
  );
  return { library: 'fastText', pieces, seed, vectors: await loadWordVectors(`${output}.vec`), seconds };
}

async function runAll(verses: readonly (readonly string[])[]): Promise<Run[]> {
  const folder = mkdtempSync(join(tmpdir(), 'gradloom-word-vectors-'));
  try {
    writeFileSync(join(folder, 'verses.txt'), `${verses.map((words) => words.join(' ')).join('\n')}\n`);
    const runs: Run[] = [];
    for (const pieces of Object.keys(PIECES) as PiecesName[]) {
      for (const seed of SEEDS) {
        runs.push(await runGradloom(verses, pieces, seed), await runFastText(folder, pieces, seed));
        console.error(`pieces ${pieces}, seed ${seed}: done`);
      }
    }
    return runs;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const cells = (...all: readonly (string | number)[]) => `| ${all.join(' | ')} |`;
const table = (head: readonly string[], rows: readonly string[]) =>
  [cells(...head), cells(...head.map(() => '---')), ...rows].join('\n');

function tableOfScores(runs: readonly Run[]): string {
  const head = [
    'program',
    'pieces',
    'seed',
    'neighbours of the same kind',
    'analogies, first',
    'of the first five',
    'CPU seconds',
  ];
  const rows = runs.map(({ library, pieces, seed, vectors, seconds }) => {
    const [first, five] = [1, 5].map((count) => {
      return QUESTIONS.filter((question) => answeredBy(vectors, question, count)).length / QUESTIONS.length;
    }) as [number, number];
    const percent = [precisionOf(vectors), first, five].map((share) => `${(100 * share).toFixed(1)} %`);
    return cells(library, pieces, seed, ...percent, seconds.toFixed(1));
  });
  return table(head, rows);
}

function tableOfAgreement(runs: readonly Run[], words: readonly string[]): string {
  const rows = (Object.keys(PIECES) as PiecesName[]).map((pieces) => {
    const find = (library: Run['library'], seed: number) =>
      runs.find((run) => run.library === library && run.pieces === pieces && run.seed === seed) as Run;
    const pairs = [
      [find('Gradloom', 1), find('fastText', 1)],
      [find('Gradloom', 1), find('Gradloom', 2)],
      [find('fastText', 1), find('fastText', 2)],
    ] as const;
    const lists = [Object.values(CATEGORIES).flat(), words];
    const all = lists.flatMap((list) =>
      pairs.map(([a, b]) => {
        const similarities = [a, b].map(({ vectors }) =>
          pairsAmong(list).map(([first, second]) => vectors.similarity(first, second)),
        );
        return spearman(similarities[0] as number[], similarities[1] as number[]).toFixed(3);
      }),
    );
    return cells(pieces, ...all);
  });
  const of = (list: string) => [
    `Gradloom and fastText, ${list}`,
    'Gradloom, two seeds',
    'fastText, two seeds',
  ];
  return table(['pieces', ...of('words of the lists'), ...of('frequent words')], rows);
}

/** Of the first seed, without pieces. */
function tableOfNeighbours(runs: readonly Run[]): string {
  const [ours, theirs] = ['Gradloom', 'fastText'].map((library) =>
    runs.find((run) => run.library === library && run.pieces === 'none'),
  ) as [Run, Run];
  const line = (run: Run, find: (vectors: WordVectors) => readonly { readonly word: string }[]) =>
    find(run.vectors)
      .map(({ word }) => word)
      .join(', ');
  const near = NEIGHBOURS.map((word) => {
    const find = (vectors: WordVectors) => vectors.mostSimilar(word, { count: 5 });
    return cells(word, line(ours, find), line(theirs, find));
  });
  const analogies = ANALOGIES.map(([a, b, c]) => {
    const find = (vectors: WordVectors) => vectors.analogy({ positive: [b, c], negative: [a] }, { count: 3 });
    return cells(`${b} - ${a} + ${c}`, line(ours, find), line(theirs, find));
  });
  return table(['word', 'Gradloom', 'fastText'], [...near, ...analogies]);
}

const split = tokenizer({ pattern: /[\p{L}\p{M}\p{N}_]+/gu });
const verses = readVerses(file).map((verse) => split(verse));
const runs = await runAll(verses);
// Without the most frequent, which stand beside everything.
const frequent = (runs[0] as Run).vectors.words.slice(100, 300);
const count = verses.reduce((sum, words) => sum + words.length, 0);
console.log(`${verses.length} verses, ${count} words, ${epochs} epochs

${tableOfScores(runs)}

Spearman's correlation of the similarities of ${pairsAmong(Object.values(CATEGORIES).flat()).length} and ${pairsAmong(frequent).length} pairs:

${tableOfAgreement(runs, frequent)}

${tableOfNeighbours(runs)}`);
