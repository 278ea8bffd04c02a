/**
 * Slide 12: word vectors. The slide only pulled words together, so all would become one; skip-gram with negative sampling
 * also pushes apart what does not stand together. Two tables, words and their contexts, of which a step touches the rows
 * that it names and no others.
 *
 *   npx tsx examples/12-word-vectors.ts [--text file.txt] [--short] [--seed n]
 *
 * Source: T. Mikolov et al., "Distributed Representations of Words and Phrases and their Compositionality", 2013.
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { adagrad, customLoss, embedding, flatten, fromArrays, sequential, Trainer } from 'gradloom';
import * as plot from 'gradloom/plot';
import { CLASSES, makeSentences } from './support/grammar.ts';
import { makeRandom } from './support/random.ts';
import { draw, isShort, reach, seed } from './support/system.ts';

const { values: options } = parseArgs({ strict: false, options: { text: { type: 'string' } } });
const UNITS = 16;
const WINDOW = 2;
const NEGATIVES = 4;
const MAX_WORDS = 3000;

/** -log sigmoid(+-u v), whose gradient is (sigmoid(u v) - label) times the other vector. */
const pairLoss = customLoss({
  name: 'skipGram',
  labels: 'class',
  loss(outputs, labels, { batchSize }) {
    const gradient = new Float32Array(outputs.length);
    let value = 0;
    for (let i = 0; i < batchSize; i++) {
      const [u, v] = [2 * i * UNITS, (2 * i + 1) * UNITS];
      let product = 0;
      for (let k = 0; k < UNITS; k++) product += (outputs[u + k] as number) * (outputs[v + k] as number);
      const label = labels[i] as number;
      value += Math.log1p(Math.exp(-Math.abs(product))) + Math.max(product, 0) - label * product;
      const slope = (1 / (1 + Math.exp(-product)) - label) / batchSize;
      for (let k = 0; k < UNITS; k++) {
        gradient[u + k] = slope * (outputs[v + k] as number);
        gradient[v + k] = slope * (outputs[u + k] as number);
      }
    }
    return { value: value / batchSize, gradient };
  },
});

/** The vectors of the most frequent words, the most frequent first. */
async function learn(sentences: readonly (readonly string[])[], epochs: number) {
  const counts = new Map<string, number>();
  for (const word of sentences.flat()) counts.set(word, (counts.get(word) ?? 0) + 1);
  const words = [...counts]
    .sort(([, a], [, b]) => b - a)
    .slice(0, MAX_WORDS)
    .map(([word]) => word);
  const places = new Map(words.map((word, place) => [word, place]));
  // Negatives as often as their count to the power of 3/4, as the paper has it.
  const pool = words.flatMap((word, place) =>
    new Array<number>(Math.ceil((counts.get(word) ?? 0) ** 0.75)).fill(place),
  );
  const random = makeRandom(seed);
  const [pairs, labels]: [number[][], number[]] = [[], []];
  const add = (word: number, context: number, label: number) => {
    pairs.push([word, words.length + context]); // the contexts' table lies behind the words'
    labels.push(label);
  };
  for (const sentence of sentences) {
    const line = sentence.map((word) => places.get(word)).filter((place) => place !== undefined);
    for (const [i, word] of line.entries()) {
      for (const context of [
        ...line.slice(Math.max(0, i - WINDOW), i),
        ...line.slice(i + 1, i + 1 + WINDOW),
      ]) {
        add(word, context, 1);
        for (let n = 0; n < NEGATIVES; n++) add(word, pool[Math.floor(random() * pool.length)] as number, 0);
      }
    }
  }
  const data = fromArrays({ inputs: Int32Array.from(pairs.flat()), inputShape: [2], labels });
  const model = sequential({ inputShape: [2], seed }, [
    embedding({ rows: 2 * words.length, units: UNITS }),
    flatten(),
  ]);
  const trainer = new Trainer(model, { optimizer: adagrad({ learningRate: 0.2 }), loss: pairLoss, seed });
  const history = await trainer.fit(data, { epochs, batchSize: 256 });
  const { data: table } = model.getWeights()['embedding_1.weight'] as { data: Float32Array };
  console.log(
    `${words.length} words, ${labels.length} pairs, loss ${history.epochs.at(-1)?.loss.toFixed(3)}`,
  );
  return { words, vectors: words.map((_, place) => table.subarray(place * UNITS, (place + 1) * UNITS)) };
}

function neighbours(
  { words, vectors }: Awaited<ReturnType<typeof learn>>,
  word: string,
  count: number,
): string[] {
  const dot = (a: Float32Array, b: Float32Array) =>
    a.reduce((sum, value, k) => sum + value * (b[k] as number), 0);
  const own = vectors[words.indexOf(word)] as Float32Array;
  const likeness = vectors.map((vector) => dot(own, vector) / Math.sqrt(dot(own, own) * dot(vector, vector)));
  const order = words
    .map((_, place) => place)
    .sort((a, b) => (likeness[b] as number) - (likeness[a] as number));
  return order
    .map((place) => words[place] as string)
    .filter((other) => other !== word)
    .slice(0, count);
}

const grammar = await learn(makeSentences(makeRandom(seed + 1), isShort ? 1500 : 4000), 3);
const classOf = new Map<string, string>(
  Object.entries(CLASSES).flatMap(([name, members]) => members.map((word) => [word, name] as const)),
);
const known = grammar.words.filter((word) => classOf.has(word));
const right = known.filter(
  (word) => classOf.get(neighbours(grammar, word, 1)[0] as string) === classOf.get(word),
);
reach(
  'grammar: nearest neighbour of the same class',
  right.length / known.length,
  '1.00',
  right.length === known.length,
);
const chosen = known.map((word) => grammar.vectors[grammar.words.indexOf(word)] as Float32Array);
const groups = known.map((word) => classOf.get(word) as string);
await draw(
  '12-word-vectors',
  plot.embedding(chosen, { labels: known, groups, title: 'Word vectors of a small grammar' }),
);

if (typeof options.text === 'string') {
  const sentences = readFileSync(options.text, 'utf8')
    .toLowerCase()
    .split(/[.!?;:]/)
    .map((line) => line.match(/[a-z']+/g) ?? []);
  const text = await learn(sentences, 3);
  for (const word of text.words.slice(30, 230).filter((_, i) => i % 10 === 0))
    console.log(`${word}: ${neighbours(text, word, 5).join(' ')}`);
}
