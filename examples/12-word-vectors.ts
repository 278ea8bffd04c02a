/**
 * Slide 12: word vectors. The slide only pulled words together, so all would become one; skip-gram with negative sampling
 * also pushes apart what does not stand together, and GloVe fits how often words do. Both have two tables, words and their
 * contexts, and train them by AdaGrad on the rows that a step names.
 *
 *   npx tsx examples/12-word-vectors.ts [--text file.txt] [--short] [--seed n]
 *
 * Sources: T. Mikolov et al., "Distributed Representations of Words and Phrases and their Compositionality", 2013;
 * J. Pennington, R. Socher, C. D. Manning, "GloVe: Global Vectors for Word Representation", 2014.
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { glove, type WordVectors, word2vec } from 'gradloom';
import * as plot from 'gradloom/plot';
import { CLASSES, makeSentences } from './support/grammar.ts';
import { makeRandom } from './support/random.ts';
import { draw, isShort, reach, seed } from './support/system.ts';

const { values: options } = parseArgs({ strict: false, options: { text: { type: 'string' } } });

/** Of the words that belong to a class, the share whose nearest neighbour among these is of the same class. */
const classOf = new Map<string, string>(
  Object.entries(CLASSES).flatMap(([name, members]) => members.map((word) => [word, name] as const)),
);
function shareOfClassMates(vectors: WordVectors): number {
  const words = [...classOf.keys()];
  const isRight = (word: string) => {
    const nearest = vectors.mostSimilar(word, { count: vectors.words.length - 1 });
    const mate = nearest.find((other) => classOf.has(other.word));
    return mate !== undefined && classOf.get(mate.word) === classOf.get(word);
  };
  return words.filter(isRight).length / words.length;
}

const sentences = makeSentences(makeRandom(seed + 1), isShort ? 1500 : 4000);
const settings = { units: 16, window: 2, seed } as const;
const skipGram = await word2vec(sentences, { ...settings, epochs: 10, batchSize: 256, subsample: 0 });
const counted = await glove(sentences, { ...settings, window: 3, epochs: 50 });
for (const [name, vectors] of Object.entries({ 'skip-gram': skipGram, GloVe: counted })) {
  const share = shareOfClassMates(vectors);
  reach(`${name}: nearest neighbour of the same class`, share, '1.00', share === 1);
}

const labels = [...classOf.keys()];
const drawn = labels.map((word) => skipGram.get(word) as Float32Array);
await draw(
  '12-word-vectors',
  plot.embedding(drawn, {
    labels,
    groups: [...classOf.values()],
    title: 'Word vectors of a small grammar, by skip-gram',
  }),
);

if (typeof options.text === 'string') {
  const lines = readFileSync(options.text, 'utf8').split(/[.!?;:]/);
  const vectors = await word2vec(lines, { seed });
  for (const word of vectors.words.slice(30, 230).filter((_, i) => i % 10 === 0)) {
    const nearest = vectors.mostSimilar(word, { count: 5 });
    console.log(`${word}: ${nearest.map((other) => other.word).join(' ')}`);
  }
}
