/** GloVe's forty cells one after another, and the gradients of one batch of skip-gram with negative sampling. */
import { native } from '../../lib/native/index.ts';
import { sgd } from '../../lib/optimizers/index.ts';
import { toNativeOptimizer } from '../../lib/optimizers/optimizer.ts';
import { floatsOf, type GoldenCase, integersOf } from './fixtures.ts';
import { type Comparison, TOLERANCES } from './tolerances.ts';

export async function compareGlove(golden: GoldenCase): Promise<Comparison[]> {
  const { lr, x_max, alpha, initial_accumulator_value } = golden.attrs as Readonly<Record<string, number>>;
  const start = golden.shared('glove_common/w0');
  const [rows = 0, columns = 0] = start.shape;
  const glove = new native.Glove(
    {
      vocabulary: rows / 2,
      units: columns - 1,
      rule: golden.name.endsWith('stanford') ? 'stanford' : 'paper',
      learningRate: lr as number,
      xMax: x_max as number,
      alpha: alpha as number,
      initialAccumulator: initial_accumulator_value as number,
      order: 'given',
      seed: 0,
      threads: 2,
    },
    {
      words: Uint32Array.from(integersOf(golden.shared('glove_common/i'))),
      contexts: Uint32Array.from(integersOf(golden.shared('glove_common/j'))),
      counts: floatsOf(golden.shared('glove_common/x')),
    },
  );
  glove.setWeights(floatsOf(start));
  const cost = await glove.trainEpoch();
  const costs = floatsOf(golden.tensor('cost'));
  const mean = costs.reduce((sum, value) => sum + value, 0) / costs.length;
  const tolerance = TOLERANCES.specOptimizer;
  return [
    { tensor: 'w', got: glove.getWeights(), ref: golden.tensor('w').data, tolerance },
    { tensor: 'state.sum', got: glove.getAccumulators(), ref: golden.tensor('state.sum').data, tolerance },
    { tensor: 'mean of cost', got: [cost], ref: [mean], tolerance },
  ];
}

export function compareSkipGram(golden: GoldenCase): Comparison[] {
  const start = { input: floatsOf(golden.tensor('u')), output: floatsOf(golden.tensor('c')) };
  const [rows = 0, units = 0] = golden.tensor('u').shape;
  const negative = golden.tensor('negative');
  const [pairs = 0, negatives = 0] = negative.shape;
  const trainer = new native.WordTrainer({
    corpus: {
      tokens: new Int32Array(0),
      keep: new Float32Array(rows).fill(1),
      noise: new Float64Array(rows).fill(1),
      model: 'skipGram',
      window: 1,
    },
    inputRows: rows,
    units,
    negatives,
    batchSize: pairs,
    // The step is the gradient.
    optimizer: toNativeOptimizer(sgd({ learningRate: 1 })),
    seed: 0,
    threads: 2,
  });
  trainer.setWeights(start);
  const context = integersOf(golden.tensor('context'));
  const targets = Uint32Array.from({ length: pairs * (negatives + 1) }, (_, at) => {
    const pair = Math.floor(at / (negatives + 1));
    const k = at % (negatives + 1);
    return k === 0 ? (context[pair] as number) : (integersOf(negative)[pair * negatives + k - 1] as number);
  });
  const loss = trainer.trainPairs(Uint32Array.from(integersOf(golden.tensor('center'))), targets);
  const { input, output } = trainer.getWeights();
  const tolerance = TOLERANCES.specOptimizer;
  const moved = (from: Float32Array, to: Float32Array) => from.map((value, at) => value - (to[at] as number));
  return [
    { tensor: 'loss', got: [loss], ref: golden.tensor('loss').data, tolerance: TOLERANCES.lossValue },
    { tensor: 'grad.u', got: moved(start.input, input), ref: golden.tensor('grad.u').data, tolerance },
    { tensor: 'grad.c', got: moved(start.output, output), ref: golden.tensor('grad.c').data, tolerance },
  ];
}
