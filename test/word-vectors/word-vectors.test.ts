import { getEventListeners } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { glove, loadWordVectors, type Word2vecOptions, WordVectors, word2vec } from '../../lib/index.ts';

/** Two topics in sentences of seven words, of which `strangers` of a hundred come from the other topic. */
function twoTopics(sentences = 400, strangers = 0): string[] {
  let state = 12345;
  const next = (below: number) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  const topics = [
    'sea fish boat sail wave salt harbour net',
    'oven bread flour yeast dough salty crust bake',
  ].map((words) => words.split(' '));
  return Array.from({ length: sentences }, (_, i) => {
    const word = () => (topics[next(100) < strangers ? 1 - (i % 2) : i % 2] as string[])[next(8)];
    return Array.from({ length: 7 }, word).join(' ');
  });
}

const SMALL = { units: 7, epochs: 10, subsample: 0, window: 3, learningRate: 0.1, threads: 2 } as const;

function staysInTopic(vectors: WordVectors): boolean {
  const ofSea = 'fish boat sail wave salt harbour net'.split(' ');
  return vectors.mostSimilar('sea', { count: 7 }).every(({ word }) => ofSea.includes(word));
}

const WAYS: readonly (readonly [string, Word2vecOptions])[] = [
  ['skip-gram', SMALL],
  ['cbow', { ...SMALL, model: 'cbow', epochs: 30 }],
  ['subwords', { ...SMALL, subwords: { buckets: 5000 } }],
];

for (const [name, options] of WAYS) {
  test(`${name}: words of one topic are near each other, the loss falls, threads change no bit`, async (t) => {
    const losses: number[] = [];
    const onEpoch = ({ loss }: { readonly loss: number }) => losses.push(loss);
    const vectors = await word2vec(twoTopics(), { ...options, onEpoch });
    t.is(losses.length, options.epochs as number);
    t.true((losses.at(-1) as number) < (losses[0] as number));
    t.true(staysInTopic(vectors));
    const again = await word2vec(twoTopics(), { ...options, threads: 1 });
    t.deepEqual(again.vectors, vectors.vectors);
    t.notDeepEqual((await word2vec(twoTopics(), { ...options, seed: 1 })).vectors, vectors.vectors);
  });
}

test('glove: words of one topic are near each other, also counted in little memory, threads change no bit', async (t) => {
  // GloVe learns from words that meet, so that words of the two topics must.
  const texts = twoTopics(1000, 5);
  const options = { units: 7, window: 3, xMax: 20, learningRate: 0.1, threads: 2 };
  for (const rule of ['paper', 'stanford'] as const) {
    const losses: number[] = [];
    const onEpoch = ({ loss }: { readonly loss: number }) => losses.push(loss);
    const vectors = await glove(texts, { ...options, rule, onEpoch });
    t.is(losses.length, 25);
    t.true((losses.at(-1) as number) < (losses[0] as number));
    t.true(staysInTopic(vectors));
    const again = await glove(texts, { ...options, rule, threads: 1, countingMemory: 2 ** 16 });
    t.deepEqual(again.vectors, vectors.vectors);
  }
});

test('words that were never seen have a vector when pieces were trained', async (t) => {
  const vectors = await word2vec(twoTopics(), { ...SMALL, subwords: {} });
  t.false(vectors.has('fishes'));
  t.is(vectors.get('fishes')?.length, 7);
  t.is(vectors.get('qqq'), undefined);
  t.true(vectors.similarity('fishes', 'boat') > vectors.similarity('fishes', 'bread'));
  t.is((await word2vec(twoTopics(), SMALL)).get('fishes'), undefined);
});

test('the vocabulary: rare words are left out, frequent ones come first, lists of words and streams are taken', async (t) => {
  async function* stream() {
    yield 'A b a B c a';
    yield ['b', 'A', 'rare'];
  }
  const vectors = await word2vec(stream(), { minCount: 2, units: 3, epochs: 1 });
  t.deepEqual(vectors.words, ['a', 'b']);
  const split = (text: string) => text.split('-');
  const own = await glove(['x-y-x', 'x-y'], { minCount: 1, units: 3, epochs: 1, tokenize: split });
  t.deepEqual(own.words, ['x', 'y']);
});

test('training does not keep the event loop, and ends when its signal is aborted', async (t) => {
  const texts = twoTopics(3000);
  for (const train of [word2vec, glove]) {
    const controller = new AbortController();
    const { signal } = controller;
    let epochs = 0;
    const run = train(texts, {
      units: 100,
      epochs: 1_000_000,
      signal,
      onEpoch: () => {
        epochs++;
        if (epochs === 2) setImmediate(() => controller.abort(new Error('enough')));
      },
    });
    await t.throwsAsync(run, { message: 'enough' });
    t.true(epochs >= 2);
    t.is(getEventListeners(signal, 'abort').length, 0);
    await t.throwsAsync(train(texts, { signal }), { message: 'enough' });
  }
});

test('similar words and analogies are those of plain arithmetic', (t) => {
  // Directions: royal, female, old.
  const words = ['man', 'woman', 'king', 'queen', 'aged', 'none'];
  const vectors = new WordVectors(
    words,
    Float32Array.of(0, -2, 0, 0, 2, 0, 3, -3, 0, 4, 4, 0, 0, 0, 5, 0, 0, 0),
  );
  t.is(vectors.units, 3);
  t.is(vectors.analogy({ positive: ['king', 'woman'], negative: ['man'] }, { count: 1 })[0]?.word, 'queen');
  const [first, second] = vectors.mostSimilar('king', { count: 2 });
  t.is(first?.word, 'man');
  t.true(Math.abs((first?.similarity as number) - Math.SQRT1_2) < 1e-6);
  t.is(second?.similarity, 0);
  t.is(vectors.mostSimilar([1, 1, 0], { count: 1 })[0]?.word, 'queen');
  t.is(vectors.similarity('man', 'woman'), -1);
  t.is(vectors.similarity('none', 'woman'), 0);
  t.is(vectors.mostSimilar('king').length, 5);
});

test('mistakes are errors that say what to do', async (t) => {
  const vectors = new WordVectors(['a', 'b'], Float32Array.of(1, 2, 3, 4));
  t.throws(() => vectors.mostSimilar('c'), { code: 'INVALID_DATA', message: /no vector of "c"/ });
  t.throws(() => vectors.mostSimilar([1, 2, 3]), { code: 'SHAPE_MISMATCH' });
  for (const [code, given, message] of [
    ['INVALID_DATA', [1, NaN], 'value 1 of the vector must be a finite number, got NaN'],
    [
      'INVALID_DATA',
      Float32Array.of(-Infinity, 1),
      'value 0 of the vector must be a finite number, got -Infinity',
    ],
    // Its length would be Infinity, and all cosines 0.
    ['INVALID_DATA', [1, 1e200], 'value 1 of the vector must be a finite number, got 1e+200'],
    ['INVALID_DATA', ['1', 2], 'value 0 of the vector must be a finite number, got "1"'],
    ['INVALID_DATA', new Array(2), 'value 0 of the vector must be a finite number, got undefined'],
    ['INVALID_OPTION', undefined, 'expected a word or a vector of 2 values, got undefined'],
  ] as const) {
    t.throws(() => vectors.mostSimilar(given as never), { code, message: `mostSimilar: ${message}` });
  }
  t.is(vectors.mostSimilar([1e38, 1e38]).length, 2);
  t.throws(() => vectors.analogy({ positive: [] }), { code: 'INVALID_OPTION' });
  t.throws(() => new WordVectors(['a', 'b'], new Float32Array(3)), { code: 'SHAPE_MISMATCH' });
  t.throws(() => new WordVectors(['a', 'a'], new Float32Array(4)), {
    code: 'INVALID_DATA',
    message: /twice/,
  });
  for (const [value, got] of [
    [Number.NaN, 'NaN'],
    [-1e39, '-Infinity'],
  ] as const) {
    t.throws(() => new WordVectors(['a', 'b'], Float32Array.of(1, 2, 3, value)), {
      code: 'INVALID_DATA',
      message: `WordVectors: value 1 of the vector of "b" must be a finite number, got ${got}`,
    });
  }
  await t.throwsAsync(word2vec(['a a'], { minCount: 1 }), { code: 'INVALID_DATA', message: /minCount/ });
  await t.throwsAsync(word2vec(7 as never), { code: 'INVALID_OPTION', message: /texts/ });
  await t.throwsAsync(word2vec([7 as never]), { code: 'INVALID_DATA', message: /text 0/ });
  await t.throwsAsync(word2vec(['a b'], { unit: 5 } as never), { code: 'INVALID_OPTION', message: /units/ });
  await t.throwsAsync(word2vec(['a b'], { subwords: { ngrams: [0, 3] } }), { message: /subwords/ });
  await t.throwsAsync(glove(['a b'], { alpha: -1 }), { message: /alpha/ });
});

const aFile = async (use: (path: string) => Promise<void>, name: string) => {
  const folder = await mkdtemp(join(tmpdir(), 'gradloom-words-'));
  try {
    await use(join(folder, name));
  } finally {
    await rm(folder, { recursive: true });
  }
};

test('files: text and binary give back words and bits, whatever they are', async (t) => {
  const word = fc
    .string({ unit: 'grapheme', minLength: 1, maxLength: 12 })
    .filter((text) => !/\s/u.test(text));
  const value = fc.float({ noNaN: true, noDefaultInfinity: true });
  const tables = fc
    .record({
      words: fc.uniqueArray(word, { minLength: 1, maxLength: 9 }),
      units: fc.constantFrom(1, 7, 100),
    })
    .chain(({ words, units }) => {
      const length = words.length * units;
      return fc.tuple(
        fc.constant(words),
        fc.array(value, { minLength: length, maxLength: length }).map((all) => Float32Array.from(all)),
      );
    });
  for (const name of ['vectors.bin', 'vectors.txt']) {
    await aFile(async (path) => {
      await fc.assert(
        fc.asyncProperty(tables, async ([words, values]) => {
          await new WordVectors(words, values).save(path);
          const loaded = await loadWordVectors(path);
          t.deepEqual(loaded.words, words);
          // Text has no negative zero.
          t.true(loaded.vectors.every((given, at) => given === values[at]));
        }),
        { numRuns: 30 },
      );
    }, name);
  }
});

test('files: what the word2vec program writes is read, and what is wrong is named', async (t) => {
  await aFile(async (path) => {
    await new WordVectors(['a', 'bé'], Float32Array.of(1, -0.5, 2, 3)).save(path, { format: 'text' });
    t.is(await readFile(path, 'utf8'), '2 2\na 1 -0.5\nbé 2 3\n');
    await writeFile(path, '2 2\na 1 -0.5 \nb 2e-1 3');
    t.deepEqual((await loadWordVectors(path)).get('b'), Float32Array.of(0.2, 3));
    const floats = Buffer.from(Float32Array.of(1, 2).buffer);
    await writeFile(path, Buffer.concat([Buffer.from('2 2\na '), floats, Buffer.from('\nb '), floats]));
    t.deepEqual((await loadWordVectors(path, { format: 'binary' })).words, ['a', 'b']);
    for (const [text, message] of [
      ['', /expected 0 words|numbers/],
      ['hello', /line 1.*numbers of words/],
      ['2 2\na 1 2\n', /expected 2 words, got 1/],
      ['1 2\na 1 2\nb 1 2\n', /line 3/],
      ['1 2\na 1\n', /line 2.*2 values, got 1/],
      ['1 2\na 1 x\n', /line 2.*finite number/],
      ['2 1\na 1\na 2\n', /line 3.*before/],
      ['9999999 9999999\n', /line 1/],
    ] as const) {
      await writeFile(path, text);
      await t.throwsAsync(loadWordVectors(path), { code: 'FILE_FORMAT', message }, text);
    }
    await writeFile(path, '2 2\na 12345678');
    await t.throwsAsync(loadWordVectors(path, { format: 'binary' }), { code: 'FILE_FORMAT' });
    await t.throwsAsync(loadWordVectors(`${path}.none`), { code: 'FILE_NOT_FOUND' });
    const spaced = new WordVectors(['a b', 'c'], Float32Array.of(1, 2));
    await t.throwsAsync(spaced.save(path), { code: 'INVALID_DATA', message: /white space/ });
  }, 'vectors.txt');
});
