/**
 * Short texts of many classes, by `textClassifier` with its default options, by fastText's program and by scikit-learn in one run: the
 * one-line descriptions of Debian's packages by section, and the verses of the King James Bible by book. A fifth of the texts, drawn at
 * random, judges all; another fifth chooses the settings of the others, which then learn from it, too. Prints a table in Markdown; see
 * QUALITY.md. What is not there is skipped.
 *
 *   apt-get install bible-kjv-text fasttext python3-sklearn && apt-get update
 *   npx tsx bench/quality/short-texts.ts [--threads 1] [--seed 1] [sections | books ...]
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { textClassifier, tfidfVectorizer, tokenizer } from '../../lib/index.ts';
import { choose, readArguments, readCount } from '../command-line/arguments.ts';
import { uniforms } from '../workloads/data.ts';
import { readPackages } from './sources/apt.ts';
import { KJV_FILE, readBooks } from './sources/kjv.ts';

interface Text {
  readonly text: string;
  readonly label: string;
}

/** The last three of five parts train, and the second one, too, once settings are chosen. */
interface Parts {
  readonly test: readonly Text[];
  readonly choice: readonly Text[];
  readonly train: readonly Text[];
}

const LEAST_OF_SECTION = 50;

const SOURCES: Readonly<Record<string, () => readonly Text[]>> = {
  sections: readSections,
  books: () => readBooks(KJV_FILE).map(([label, text]) => ({ label, text })),
};

/** Packages that bear their source's name, so that few are near twins, with descriptions that no other has. */
function readSections(): Text[] {
  const texts = new Map<string, string>();
  for (const field of readPackages()) {
    const [text, label] = [field('Description')?.split('\n')[0], field('Section')];
    // Only packages of another source's name have the field.
    if (text !== undefined && label !== undefined && field('Source') === undefined) texts.set(text, label);
  }
  const counts = new Map<string, number>();
  for (const label of texts.values()) counts.set(label, (counts.get(label) ?? 0) + 1);
  return Array.from(texts, ([text, label]) => ({ text, label })).filter(
    ({ label }) => (counts.get(label) as number) >= LEAST_OF_SECTION,
  );
}

function partsOf(texts: readonly Text[]): Parts {
  const draws = uniforms(texts.length, seed);
  const between = (low: number, high: number) =>
    texts.filter((_, place) => (draws[place] as number) >= low && (draws[place] as number) < high);
  return { test: between(0, 0.2), choice: between(0.2, 0.4), train: between(0.4, 1) };
}

/** What a program reached on the texts that judge. */
interface Outcome {
  readonly program: string;
  readonly accuracy: number;
}

async function runGradloom({ test, choice, train }: Parts): Promise<Outcome[]> {
  const learned = [...choice, ...train];
  const [texts, labels] = [learned.map(({ text }) => text), learned.map(({ label }) => label)];
  const withoutRare = tfidfVectorizer(texts, { ngrams: [1, 2], minDocuments: 2, sublinear: true });
  const outcomes: Outcome[] = [];
  for (const [program, options] of [
    ['`textClassifier`', {}],
    ['the same without tokens of one text', { vectorizer: withoutRare }],
  ] as const) {
    const { model } = await textClassifier(texts, labels, { ...options, threads, seed });
    const { names } = await model.classify(test.map(({ text }) => text));
    outcomes.push({ program, accuracy: accuracyOf(names ?? [], test) });
  }
  return outcomes;
}

function accuracyOf(named: readonly string[], texts: readonly Text[]): number {
  return texts.filter(({ label }, place) => label === named[place]).length / texts.length;
}

const FASTTEXT_SETTINGS = [
  { wordNgrams: 1, lr: 0.5, minn: 0, epoch: 10 },
  { wordNgrams: 2, lr: 0.2, minn: 0, epoch: 25 },
  { wordNgrams: 2, lr: 0.5, minn: 0, epoch: 10 },
  { wordNgrams: 2, lr: 0.5, minn: 0, epoch: 25 },
  { wordNgrams: 2, lr: 0.5, minn: 3, epoch: 10 },
].map((settings) => ({ ...settings, maxn: 2 * settings.minn, dim: 50, bucket: 500_000 }));

/** It takes texts in the order of its file, and those of a class stand together. */
function shuffled(texts: readonly Text[]): Text[] {
  const draws = uniforms(texts.length, seed + 1);
  return Array.from(texts.keys())
    .sort((a, b) => (draws[a] as number) - (draws[b] as number))
    .map((place) => texts[place] as Text);
}

function runFastText({ test, choice, train }: Parts, folder: string): Outcome[] {
  const words = tokenizer({ pattern: /[\p{L}\p{M}\p{N}_]+/gu });
  const write = (name: string, texts: readonly Text[]) => {
    const path = join(folder, name);
    writeFileSync(
      path,
      texts.map(({ text, label }) => `__label__${label} ${words(text).join(' ')}\n`).join(''),
    );
    return path;
  };
  const judge = (learned: readonly Text[], judged: readonly Text[], settings: object): number => {
    const model = join(folder, 'model');
    const options = Object.entries(settings).flatMap(([name, value]) => [`-${name}`, String(value)]);
    const files = ['-input', write('learned', shuffled(learned)), '-output', model];
    execFileSync('fasttext', ['supervised', ...files, ...options, '-thread', String(Math.max(1, threads))], {
      stdio: 'pipe',
    });
    const named = execFileSync('fasttext', ['predict', `${model}.bin`, write('judged', judged)], {
      encoding: 'utf8',
    });
    return accuracyOf(
      named.split('\n').map((label) => label.replace('__label__', '')),
      judged,
    );
  };
  const chosen = bestOf(FASTTEXT_SETTINGS, (settings) => judge(train, choice, settings));
  const { wordNgrams, lr, minn, epoch } = chosen;
  const accuracy = judge([...choice, ...train], test, chosen);
  const program = `fastText, the best of ${FASTTEXT_SETTINGS.length}: wordNgrams ${wordNgrams}, lr ${lr}, minn ${minn}, epoch ${epoch}`;
  return [{ program, accuracy }];
}

function bestOf<Settings>(all: readonly Settings[], judge: (settings: Settings) => number): Settings {
  const judged = all.map((settings) => ({ settings, accuracy: judge(settings) }));
  for (const each of judged) console.error(JSON.stringify(each));
  return judged.reduce((best, each) => (each.accuracy > best.accuracy ? each : best)).settings;
}

function runScikitLearn(parts: Parts, folder: string): Outcome[] {
  const file = join(folder, 'parts.json');
  writeFileSync(file, JSON.stringify(parts));
  const program = fileURLToPath(new URL('others/short-texts.py', import.meta.url));
  const env = { ...process.env, OMP_NUM_THREADS: '1', OPENBLAS_NUM_THREADS: '1' };
  const printed = execFileSync(process.env.PY ?? '/usr/bin/python3', [program, file], {
    env,
    encoding: 'utf8',
  });
  return [JSON.parse(printed) as Outcome];
}

const NAMES = Object.keys(SOURCES);
const USAGE = `usage: npx tsx bench/quality/short-texts.ts [--threads 1] [--seed 1] [${NAMES.join(' | ')} ...]`;
const ARGUMENTS = {
  allowPositionals: true,
  options: { threads: { type: 'string', default: '1' }, seed: { type: 'string', default: '1' } },
} as const;
const { threads, seed, chosen } = readArguments(USAGE, ARGUMENTS, ({ values, positionals }) => ({
  threads: readCount('--threads', values.threads),
  seed: readCount('--seed', values.seed),
  chosen: choose('set', positionals, NAMES),
}));
console.log('| texts | classes | program | accuracy |\n| --- | --- | --- | --- |');
const folder = mkdtempSync(join(tmpdir(), 'gradloom-short-texts-'));
try {
  for (const name of chosen) {
    for (const run of [runGradloom, runFastText, runScikitLearn]) {
      try {
        const texts = (SOURCES[name] as () => readonly Text[])();
        const classes = new Set(texts.map(({ label }) => label)).size;
        for (const { program, accuracy } of await run(partsOf(texts), folder)) {
          console.log(`| ${texts.length} ${name} | ${classes} | ${program} | ${accuracy.toFixed(3)} |`);
        }
      } catch (error) {
        console.error(`${run.name} on ${name} is skipped: ${(error as Error).message}`);
      }
    }
  }
} finally {
  rmSync(folder, { recursive: true });
}
