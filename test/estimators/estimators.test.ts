/** Models in one call, on made-up texts and numbers. Threads: all there are, and 1. */
import { join } from 'node:path';
import test from 'ava';
import {
  adagrad,
  countVectorizer,
  fromArrays,
  fromInputs,
  fromSparse,
  fromStream,
  fromTexts,
  graph,
  hashingVectorizer,
  input,
  linearClassifier,
  linearRegressor,
  loadModel,
  sparseDense,
  Trainer,
  textClassifier,
  tfidfVectorizer,
  wideAndDeep,
} from '../../lib/index.ts';
import { testErrors, wrongly } from '../api/errors.ts';
import { folderWith } from '../datasets/files.ts';

const SUBJECTS = {
  sea: ['ship', 'wave', 'harbour', 'sailor'],
  wood: ['tree', 'moss', 'fox', 'path'],
  town: ['street', 'tram', 'square', 'shop'],
};
const FILL = ['the', 'a', 'old', 'new', 'saw', 'near', 'and', 'then'];
const KINDS = Object.keys(SUBJECTS) as (keyof typeof SUBJECTS)[];

/** Texts of twelve words, two of them telling. */
const labels = Array.from({ length: 120 }, (_, i) => KINDS[i % 3] as keyof typeof SUBJECTS);
const texts = labels.map((label, i) => {
  const words = Array.from({ length: 12 }, (_, j) => FILL[(i * 5 + j * j * 3) % FILL.length] as string);
  words[i % 12] = SUBJECTS[label][(i >> 2) % 4] as string;
  words[(i + 5) % 12] = SUBJECTS[label][(i >> 4) % 4] as string;
  return words.join(' ');
});
const UNSEEN = ['The sailor and the wave', 'An old fox near the tree', 'new tram, old square'];

test('textClassifier: learns, names classes of new texts, and comes back from a file with its words', async (t) => {
  for (const units of [0, 8]) {
    const { model, losses } = await textClassifier(texts, labels, { units });
    t.true((losses.at(-1) as number) < (losses[0] as number) / 2);
    t.deepEqual((await model.classify(UNSEEN)).names, ['sea', 'wood', 'town']);
    const path = join(folderWith(t, {}), 'model');
    await model.save(path);
    const loaded = await loadModel(path);
    t.deepEqual(await loaded.classify(UNSEEN), await model.classify(UNSEEN));
    t.deepEqual(loaded.vectorizer?.vocabulary, model.vectorizer?.vocabulary);
    t.deepEqual(
      await model.predict(UNSEEN),
      await model.predict(fromTexts({ texts: UNSEEN, vectorizer: model.vectorizer as never })),
    );
  }
});

test('textClassifier: by default keeps tokens of one text, but for texts of more than 4,194,304 characters', async (t) => {
  const vocabularyOf = async (repeats: number) => {
    const given = ['ship', 'tree'].map((last) => `${'near '.repeat(repeats)}${last}`);
    const { model } = await textClassifier(given, ['sea', 'wood'], { epochs: 1 });
    return model.vectorizer?.vocabulary;
  };
  const characters = (repeats: number) => 2 * (5 * repeats + 4);
  const most = Math.floor((2 ** 22 / 2 - 4) / 5);
  t.true(characters(most) <= 2 ** 22 && characters(most + 1) > 2 ** 22);
  t.deepEqual(await vocabularyOf(most), ['near', 'near near', 'near ship', 'near tree', 'ship', 'tree']);
  t.deepEqual(await vocabularyOf(most + 1), ['near', 'near near']);
  const error = { code: 'INVALID_DATA', message: 'textClassifier: texts[1] must be a string, got 3' };
  await t.throwsAsync(textClassifier(wrongly(['a sea', 3]), ['sea', 'wood']), error);
});

test('linearClassifier: sparse and dense samples give one model, to the error of float sums', async (t) => {
  const vectorizer = tfidfVectorizer(texts);
  const sparse = fromTexts({ texts, labels, vectorizer });
  const dense = sparse.map(({ input }) => input);
  t.deepEqual(sparse.classNames, ['sea', 'town', 'wood']);
  const optimizer = adagrad({ learningRate: 0.1 });
  const one = await linearClassifier(sparse, { epochs: 3, threads: 1, optimizer });
  const other = await linearClassifier(dense, { epochs: 3 });
  t.true(one.losses.every((loss, i) => Math.abs(loss - (other.losses[i] as number)) < 1e-4 * loss));
  t.is((await one.model.evaluate(sparse, { metrics: ['accuracy'] })).accuracy, 1);
});

test('linearClassifier: samples of one class of several that have names are enough, as others may come', async (t) => {
  const classNames = ['ham', 'spam', 'news'];
  const first = fromArrays({ ...TWO, labels: [1, 1], classNames });
  const { model } = await linearClassifier(first, { epochs: 20 });
  t.deepEqual((await model.classify([[0], [1]])).names, ['spam', 'spam']);
  const trainer = new Trainer(model, {
    optimizer: adagrad({ learningRate: 1 }),
    loss: 'softmaxCrossEntropy',
  });
  await trainer.fit(fromArrays({ ...TWO, labels: [0, 2], classNames }), { epochs: 200, progress: 'none' });
  t.deepEqual((await model.classify([[0], [1]])).names, ['ham', 'news']);
});

test('linearRegressor: finds the weights of sparse and of dense samples', async (t) => {
  const samples = Array.from({ length: 200 }, (_, i) => ({
    indices: [i % 7, 7 + (i % 3)],
    values: [1, (i % 5) - 2],
  }));
  const targets = Float32Array.from(samples, ({ indices, values }) =>
    indices.reduce((sum, feature, j) => sum + (feature - 4) * (values[j] as number), 0),
  );
  const sparse = fromSparse({ inputShape: [10], samples, labels: targets });
  const { model } = await linearRegressor(sparse, { epochs: 200, learningRate: 1 });
  t.true((await model.evaluate(sparse)).loss < 1e-3);
  const plain = fromArrays({
    inputs: [[0], [1], [2], [3]],
    inputShape: [1],
    labels: Float32Array.of(1, 3, 5, 7),
  });
  const line = await linearRegressor(plain, { epochs: 500, learningRate: 1 });
  t.true((await line.model.evaluate(plain)).loss < 1e-3);
});

test('classes of sparse samples: a first step by one accumulator a feature, which starts at 0.3 of the square of one in a batch, by 0.4 over the root of that; texts of more than two classes have smoothed labels', async (t) => {
  const texts = ['ship ship tree', 'tree', 'moss'];
  const counts = [
    [0, 2, 1],
    [0, 0, 1],
    [1, 0, 0],
  ];
  const vectorizer = countVectorizer(texts);
  t.deepEqual(vectorizer.vocabulary, ['moss', 'ship', 'tree']);
  const ofTexts = (labels: readonly string[]) => textClassifier(texts, labels, { vectorizer, epochs: 1 });
  const ofSamples = (labels: readonly string[]) =>
    linearClassifier(fromTexts({ texts, labels, vectorizer }), { epochs: 1 });
  for (const [train, labels, smoothing] of [
    [ofTexts, ['sea', 'wood', 'bog'], 0.03],
    [ofTexts, ['sea', 'wood', 'sea'], 0],
    [ofSamples, ['sea', 'wood', 'bog'], 0],
    [ofSamples, ['sea', 'wood', 'sea'], 0],
  ] as const) {
    const { model } = await train(labels);
    const classes = model.classNames as readonly string[];
    const weights = model.getWeights()['sparseDense_1.weight'] as { readonly data: Float32Array };
    const meanSquare = (2 ** 2 + 1 + 1 + 1) / 4;
    const start = (0.3 * meanSquare) / 3 ** 2;
    for (const word of [0, 1, 2]) {
      const gradients = classes.map((name) =>
        labels.reduce((sum, label, text) => {
          const target = (label === name ? 1 - smoothing : 0) + smoothing / classes.length;
          return sum + ((counts[text]?.[word] as number) * (1 / classes.length - target)) / 3;
        }, 0),
      );
      const square = gradients.reduce((sum, gradient) => sum + gradient ** 2, 0) / classes.length;
      for (const [place, gradient] of gradients.entries()) {
        const found = weights.data[place * counts.length + word] as number;
        const expected = (-0.4 * gradient) / Math.sqrt(meanSquare * (start + square));
        t.true(Math.abs(found - expected) < 1e-6, `${word} ${classes[place]}: ${found}, ${expected}`);
      }
    }
  }
});

test('texts of several sets: one vectorizer, or an error', async (t) => {
  const vectorizer = hashingVectorizer({ features: 64 });
  const train = fromTexts({ texts, labels, vectorizer });
  t.is(train.vectorizer, vectorizer);
  const { model } = await linearClassifier(train, { epochs: 1 });
  const again = fromTexts({
    texts: UNSEEN,
    labels: ['sea', 'wood', 'town'],
    vectorizer: hashingVectorizer({ features: 64 }),
  });
  await t.notThrowsAsync(() => model.evaluate(again));
  const other = fromTexts({
    texts: UNSEEN,
    labels: ['sea', 'wood', 'town'],
    vectorizer: hashingVectorizer({ features: 64, signed: false }),
  });
  await t.throwsAsync(() => model.evaluate(other), {
    code: 'INVALID_DATA',
    message:
      /the texts of the dataset have other features than those of the model's training data; make both with one vectorizer$/,
  });
  t.throws(() => train.concat(other), { code: 'INVALID_DATA' });
});

const numbers = () =>
  linearClassifier(fromArrays({ inputs: [[0], [1]], inputShape: [1], labels: [0, 1] }), { epochs: 1 });

testErrors(test, 'INVALID_OPTION', [
  [
    async () => (await numbers()).model.predict(['text']),
    'predict: inputs[0] is a string, but the model was not trained on texts (fromTexts) and has no vectorizer; give its samples',
  ],
  [
    () => fromTexts({ texts, vectorizer: wrongly({}) }),
    'fromTexts: vectorizer must be a vectorizer such as tfidfVectorizer(texts), got an object',
  ],
  [
    () => textClassifier(texts, labels, wrongly({ epoch: 1 })),
    'textClassifier: unknown option "epoch"; did you mean "epochs"?',
  ],
  [
    () => linearClassifier(fromArrays({ ...TWO, labels: [0, 1] }), wrongly({ optimizer: null })),
    'Trainer: optimizer must be made by adadelta(...), adagrad(...), adagradDualAveraging(...), adagradNorm(...), adam(...), adamW(...), ftrl(...), proximalAdagrad(...), rmsprop(...), rowwiseAdagrad(...), sgd(...) or shampoo(...), got null',
  ],
]);

const TWO = { inputs: [[0], [1]], inputShape: [1] } as const;

testErrors(test, 'INVALID_DATA', [
  [
    () => linearClassifier(wrongly(fromArrays({ ...TWO, labels: [[0.5], [1]] }))),
    'linearClassifier: the labels are values; use linearRegressor, or give classes as integers from 0 or as names',
  ],
  [
    () => linearRegressor(wrongly(fromArrays({ ...TWO, labels: [0, 1] }))),
    'linearRegressor: the labels are classes; use linearClassifier, or give values as a Float32Array',
  ],
  [
    () => linearClassifier(wrongly(fromArrays(TWO))),
    'linearClassifier: the dataset has no labels; give it `labels`',
  ],
  [
    () =>
      linearClassifier(
        wrongly(fromInputs({ inputs: { a: fromArrays(TWO), b: fromArrays(TWO) }, labels: [0, 1] })),
      ),
    'linearClassifier: takes data sets of one input; this one has a and b, to be prepared one by one before fromInputs, or looked at by input(name)',
  ],
  [() => textClassifier([], []), 'textClassifier: there are no texts'],
  [
    () => textClassifier(['one', 'two'], ['spam', 'spam']),
    'textClassifier: all texts are of the class "spam"; a classifier needs texts of at least two',
  ],
  [
    () => linearClassifier(fromArrays({ ...TWO, labels: [0, 0] })),
    'linearClassifier: all samples are of the class 0; a classifier needs samples of at least two, or classNames with those that are to come',
  ],
  [
    () => linearClassifier(fromArrays({ ...TWO, labels: [1, 1] })),
    'linearClassifier: all samples are of the class 1; a classifier needs samples of at least two, or classNames with those that are to come',
  ],
  [
    () => linearClassifier(fromArrays({ ...TWO, labels: [0, 1] }).take(1)),
    'linearClassifier: all samples are of the class 0; a classifier needs samples of at least two, or classNames with those that are to come',
  ],
  [
    () =>
      linearClassifier(
        fromTexts({ texts: ['win it'], labels: ['spam'], vectorizer: tfidfVectorizer(['win it']) }),
      ),
    'linearClassifier: all samples are of the class "spam"; a classifier needs samples of at least two, or classNames with those that are to come',
  ],
  [
    () =>
      wideAndDeep(fromInputs({ inputs: { a: fromArrays(TWO), b: fromArrays(TWO) }, labels: [0, 0] }), {
        wide: ['a'],
      }),
    'wideAndDeep: all samples are of the class 0; a classifier needs samples of at least two, or classNames with those that are to come',
  ],
  [
    () => textClassifier(['one', 'two'], ['a']),
    'textClassifier: labels must be a list of 2, one a text, got an array of 1',
  ],
  [
    () => textClassifier(['one', 'two'], wrongly(undefined)),
    'textClassifier: labels must be a list of 2, one a text, got undefined',
  ],
]);

testErrors(test, 'LABEL_OUT_OF_RANGE', [
  [
    () =>
      fromTexts({
        texts,
        labels,
        vectorizer: hashingVectorizer({ features: 8 }),
        classNames: ['sea', 'wood'],
      }),
    'fromTexts: labels[2] is "town", which is none of classNames',
  ],
]);

test('a model of texts says so of what is none, and one of several inputs where datasets belong', async (t) => {
  const { model } = await textClassifier(['one word', 'two words'], ['a', 'b'], { epochs: 1 });
  for (const [given, got] of [
    ['one word', '"one word"'],
    [[], '[]'],
    [[3], 'an array that begins with 3'],
    [[null], 'an array that begins with null'],
    [[{ text: 'one' }], 'an array that begins with an object'],
  ] as const) {
    const error = await t.throwsAsync(model.classify(wrongly(given)));
    t.is(
      error?.message,
      `classify: inputs must be an array of texts, such as ["a text"], or a Dataset, got ${got}`,
    );
  }
  t.is((await model.classify([[0], { indices: [1] }])).labels.length, 2);

  const sparse = fromSparse({ inputShape: [4], samples: [[1], [2]] });
  const words = input([4]);
  const bag = graph({ inputs: { words }, output: words.pipe(sparseDense({ units: 1 })) });
  const error = await t.throwsAsync(bag.predict({ words: wrongly(sparse) }));
  t.is(
    error?.message,
    'predict: inputs.words must be an array of sparse samples, such as [[3, 17], { indices: [5], values: [0.5] }], got an object of class Dataset; give datasets of all inputs in one, by fromInputs',
  );

  const trainer = new Trainer(bag, { optimizer: adagrad(), loss: 'meanSquaredError' });
  async function* clicks() {
    yield { input: { words: [1, 2] }, label: [1] };
  }
  t.is(
    (await t.throwsAsync(async () => await trainer.fit(wrongly(clicks()))))?.message,
    'fit: the training set must be a Dataset, got an object; fromStream makes a stream for fit of an async iterable',
  );
  const stream = fromStream(clicks(), { inputShape: bag.inputShape, labelKind: 'values' });
  t.is(
    (await t.throwsAsync(async () => await trainer.fit(stream)))?.message,
    'fit: item 0 of the stream has 2 values of input.words, and samples have shape [4]; features of a sparse sample are { indices: [...] }',
  );
});

testErrors(test, 'INVALID_OPTION', [
  [
    () => textClassifier(['one'], ['a'], wrongly({ ngrams: [1, 2] })),
    'textClassifier: ngrams is an option of vectorizers; give { vectorizer: tfidfVectorizer(texts, { ngrams: ... }) }',
  ],
  [
    () => textClassifier(['one'], ['a'], wrongly({ lr: 1 })),
    'textClassifier: unknown option "lr"; did you mean "learningRate"?',
  ],
]);
