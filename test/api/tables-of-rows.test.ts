/** embedding, embeddingBag and sparseDense through the public interface. Threads: 1 and 2. */
import { join } from 'node:path';
import test from 'ava';
import {
  adagrad,
  dense,
  embedding,
  embeddingBag,
  flatten,
  fromArrays,
  fromSparse,
  loadModel,
  sequential,
  sgd,
  sparseDense,
  Trainer,
} from '../../lib/index.ts';
import { folderWith } from '../datasets/files.ts';
import { testErrors, wrongly } from './errors.ts';

/** Class 1 has the word 7 or 8, class 0 the word 5 or 6; the others are noise. */
const TEXTS = Array.from({ length: 200 }, (_, i) => [i % 5, 5 + (i % 4), (i * 7) % 5]);
const CLASSES = Uint8Array.from(TEXTS, ([, word = 0]) => Number(word > 6));
const texts = fromSparse({ inputShape: [9], samples: TEXTS, labels: CLASSES });

test('bags and linear models learn which words tell, on any number of threads', async (t) => {
  for (const layers of [
    [embeddingBag({ units: 4 }), dense({ units: 2 })],
    [embeddingBag({ units: 4, pooling: 'max' }), dense({ units: 2 })],
    [sparseDense({ units: 2 })],
  ]) {
    const train = async (threads: number) => {
      const model = sequential({ inputShape: [9] }, layers);
      const trainer = new Trainer(model, {
        optimizer: adagrad({ learningRate: 0.5 }),
        loss: 'softmaxCrossEntropy',
        metrics: ['accuracy'],
        threads,
      });
      await trainer.fit(texts, { epochs: 10, progress: 'none' });
      return { model, evaluation: await trainer.evaluate(texts) };
    };
    const { model, evaluation } = await train(1);
    t.is(evaluation.accuracy, 1);
    t.deepEqual((await train(2)).model.getWeights(), model.getWeights());
    t.deepEqual(
      [...(await model.classify([[0, 7], { indices: [5], values: [2] }, [8, 8]])).labels],
      [1, 0, 1],
    );
  }
});

test('ids in fixed places: an embedding of each, trained, saved and loaded', async (t) => {
  const ids = Int32Array.from(TEXTS.flat());
  const places = fromArrays({ inputs: ids, inputShape: [3], labels: CLASSES });
  const model = sequential({ inputShape: [3] }, [
    embedding({ rows: 9, units: 4, paddingId: 0 }),
    flatten(),
    dense({ units: 2 }),
  ]);
  t.deepEqual(model.layers[0]?.outputShape, [3, 4]);
  const padding = () => [...(model.getWeights()['embedding_1.weight']?.data.slice(0, 4) ?? [])];
  const before = padding();
  const trainer = new Trainer(model, {
    optimizer: adagrad({ learningRate: 0.5 }),
    loss: 'softmaxCrossEntropy',
  });
  await trainer.fit(places, { epochs: 10, progress: 'none' });
  t.deepEqual(padding(), before);
  t.deepEqual([...(await model.classify(places)).labels], [...CLASSES]);
  const path = join(folderWith(t, {}), 'model');
  await model.save(path);
  const loaded = await loadModel(path);
  t.deepEqual(await loaded.predict(ids), await model.predict(places));
  t.deepEqual(loaded.predictSync(wrongly([[1, 7, 2]])), model.predictSync(Uint32Array.of(1, 7, 2)));
});

test('a checkpoint goes on to the bit', async (t) => {
  const make = () =>
    new Trainer(sequential({ inputShape: [9] }, [embeddingBag({ units: 4 }), dense({ units: 2 })]), {
      optimizer: adagrad(),
      loss: 'softmaxCrossEntropy',
    });
  const whole = make();
  await whole.fit(texts, { epochs: 4, progress: 'none' });
  const half = make();
  await half.fit(texts, { epochs: 2, progress: 'none' });
  const path = join(folderWith(t, {}), 'checkpoint');
  await half.save(path);
  const resumed = await Trainer.load(path);
  await resumed.fit(wrongly(texts), { epochs: 2, progress: 'none' });
  t.deepEqual(resumed.model.getWeights(), whole.model.getWeights());
});

const bag = () => sequential({ inputShape: [9] }, [embeddingBag({ units: 2 })]);
const lookup = () => sequential({ inputShape: [2] }, [embedding({ rows: 4, units: 1 }), flatten()]);

testErrors(test, 'ID_OUT_OF_RANGE', [
  [
    () => bag().predict([[1], [3, 9]]),
    'predict: inputs[1][1] must be the number of a feature, an integer from 0 to 8, got 9',
  ],
  [
    () => lookup().predict(Int32Array.of(0, 1, 2, 4)),
    "sample 1 has the id 4 at place 1, but the model's table has 4 rows: 0 to 3",
  ],
  [
    () =>
      new Trainer(lookup(), { optimizer: adagrad(), loss: 'meanSquaredError' }).fit(
        fromArrays({ inputs: Int32Array.of(4, 0), inputShape: [2], labels: [[1, 2]] }),
      ),
    "sample 0 has the id 4 at place 0, but the model's table has 4 rows: 0 to 3",
  ],
]);

testErrors(test, 'INVALID_DATA', [
  [
    () => bag().predict(fromArrays({ inputs: [[1, 2, 3, 4, 5, 6, 7, 8, 9]], inputShape: [9] })),
    "the model's first layer reads sparse samples, the dataset has dense ones; make it with fromSparse",
  ],
  [
    () => lookup().predict(fromArrays({ inputs: [[1, 2]], inputShape: [2] })),
    "the model's first layer reads ids, the dataset has other numbers; give them as an Int32Array",
  ],
]);

testErrors(test, 'INVALID_OPTION', [
  [
    () => bag().predict(Float32Array.of(1)),
    'predict: inputs must be an array of sparse samples, such as [[3, 17], { indices: [5], values: [0.5] }], or a Dataset, got Float32Array(1)',
  ],
  [
    () => new Trainer(bag(), { optimizer: sgd({ momentum: 0.9 }), loss: 'meanSquaredError' }),
    'the optimizer sgd cannot train the table "embeddingBag_1.weight", of which a step touches a few rows: momentum moves all of them in every step; leave it out',
  ],
  [
    () => sequential({ inputShape: [9] }, [dense({ units: 3 }), sparseDense({ units: 1 })]),
    'layer "sparseDense_1" reads ids or sparse samples, which only the model\'s input can be, not layer "dense_1"',
  ],
  [() => embedding({ rows: 0, units: 1 }), 'embedding: rows must be an integer from 1 to 2147483648, got 0'],
  [
    () => sequential({ inputShape: [9] }, [embeddingBag({ units: 2, paddingId: 9 })]),
    'embeddingBag "embeddingBag_1": paddingId 9 is no row of a table of 9 rows',
  ],
]);
